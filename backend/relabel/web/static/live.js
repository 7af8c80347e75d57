// Keeps the overview's figures and a running round's progress up to date. The page works without.
"use strict";

const live = document.querySelector("[data-status]");
const EVERY_MS = 5000;
const shown = live && JSON.stringify(JSON.parse(live.dataset.shown));

function duration(seconds) {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function show(status) {
  for (const place of document.querySelectorAll("[data-figure]")) {
    place.textContent = status[place.dataset.figure].toLocaleString("en");
  }
  const running = status.round_running;
  for (const place of live.querySelectorAll("[data-running]")) place.hidden = !running;
  const idle = live.querySelector("[data-idle]");
  idle.hidden = Boolean(running);
  idle.textContent = status.next_round;
  live.querySelector("[data-start]").disabled = Boolean(running) || status.paused;
  if (running) {
    const left = running.seconds_left === null ? "" :
      `, about ${duration(running.seconds_left)} left in this stage`;
    live.querySelector("[data-stage]").textContent = `Round ${running.number}: ${running.stage}, ` +
      `${running.done.toLocaleString("en")} of ${running.total.toLocaleString("en")}${left}`;
    const bar = live.querySelector("progress");
    bar.max = running.total || 1;
    bar.value = running.done;
  }
}

async function look() {
  if (!document.hidden) {
    try {
      const answer = await fetch(live.dataset.status, { headers: { Accept: "application/json" } });
      if (answer.ok) {
        const status = await answer.json();
        // Another round changes every chart: draw the whole page anew.
        const now = [status.rounds, status.last_error, status.paused];
        if (JSON.stringify(now) !== shown) { location.reload(); return; }
        show(status);
      }
    } catch {
      // The backend is being restarted: the next look will tell.
    }
  }
  setTimeout(look, EVERY_MS);
}

if (live) setTimeout(look, EVERY_MS);
