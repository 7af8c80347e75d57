"""How long annotators and the queue wait: benchmarks/latency.py [--tasks 10000] [--votes 60].

With a real Label Studio, while a round trains: how fast a webhook is acknowledged; how soon an
annotation shows in Label Studio's queue (prediction rewritten, task opened or closed, window topped
up), and how much of that Label Studio itself takes; and, in turns, how long people wait for a
submission in a project with the backend and in an equal one without. Writes results/latency.md.
"""

import argparse
import os
import re
import sqlite3
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

import httpx
import numpy as np
from consistency import said_in_label_studio, votes_of
from relabel.demo import api
from relabel.demo.accounts import Account
from relabel.demo.annotators import poll
from relabel.demo.digits import CLASSES
from relabel.demo.queue_state import majority
from relabel.demo.servers.backend import Backend
from relabel.demo.upload import choice
from servers import Filled, LabelStudioServer, fill, label_studio, make_backend

WINDOW = 50
REFLECTED_SECONDS = 60.0
POLL_SECONDS = 0.02
"""Between two looks at Label Studio's tables: each of them keeps its writers waiting."""
ERROR_RATE = 0.05
CALL = re.compile(r"^(\S+ \S+) DEBUG +relabel\.labelstudio: .* in ([\d.]+) s$")
RESULTS = Path(__file__).resolve().parent / "results" / "latency.md"


def main() -> None:
    """Run everything and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--votes", type=int, default=60)
    parser.add_argument("--webhooks", type=int, default=200)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        label_studio(Path(folder) / "label-studio", annotators=2) as server,
    ):
        with_us = fill(server, "With", options.tasks, 1797)
        without = fill(server, "Without", options.tasks, 1797)
        policy = f"window = {WINDOW}\nretrain_after = 100000\n"
        backend = make_backend(server, Path(folder) / "relabel", policy, LOG_LEVEL="DEBUG")
        serving = backend.serve()
        try:
            figures = measure(server, backend, with_us, without, options)
        finally:
            serving.stop()
    text = report(figures, options)
    print(text)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text)


def measure(
    server: LabelStudioServer,
    backend: Backend,
    with_us: Filled,
    without: Filled,
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Connect, let a round train over and over, and time what people would feel meanwhile."""
    number = str(with_us.id)
    first_round = connect(backend, with_us)
    began = time.monotonic()
    backend.run("round", "--project", number)
    cached_round = time.monotonic() - began
    reflection = Reflection(server, backend, with_us)
    spare = sorted(votes_of(said_in_label_studio(server.admin, without.id)))
    figures: dict[str, Any] = {"first_round": first_round, "cached_round": cached_round}
    for phase, training in (("idle", False), ("training", True)):
        with Training(backend, with_us.id) if training else Nothing():
            figures[f"ack_{phase}"] = webhooks(backend, server, with_us.id, options.webhooks)
            assert poll(lambda: not backend.status(with_us.id)["pending_jobs"], seconds=300)
            submits: dict[str, list[float]] = {"with": [], "without": []}
            reflected, inside = [], []
            for _ in range(options.votes // 2):
                submits["without"].append(submit(server, server.people[1], spare.pop(), "3")[0])
                seconds, delay, share = reflection.vote()
                submits["with"].append(seconds)
                reflected.append(delay)
                inside.append(share)
        figures |= {
            f"submit_with_{phase}": submits["with"],
            f"submit_without_{phase}": submits["without"],
            f"reflected_{phase}": reflected,
            f"inside_{phase}": inside,
        }
    # The other project holds the same images, which are read again but not embedded again.
    return figures | {"cached_connect": connect(backend, without)}


def connect(backend: Backend, filled: Filled) -> float:
    """Connect a project and return the seconds until its first round is published."""
    began = time.monotonic()
    backend.run("connect", "--project", str(filled.id), "--yes")
    assert poll(lambda: backend.status(filled.id)["rounds"] >= 1, seconds=900)
    return time.monotonic() - began


class Nothing:
    """No round trains."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


class Training:
    """Rounds follow each other for as long as the block runs."""

    def __init__(self, backend: Backend, project: int) -> None:
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._train, args=(backend, project))

    def _train(self, backend: Backend, project: int) -> None:
        while not self.done.is_set():
            backend.run("round", "--project", str(project))

    def __enter__(self) -> None:
        self.thread.start()
        time.sleep(2.0)

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()


def webhooks(backend: Backend, server: LabelStudioServer, project: int, number: int) -> list[float]:
    """Send an event again and again, as Label Studio words it; return the seconds of each."""
    hooks = api.get(server.admin, "/api/webhooks/", project=project)
    hint = next(hook for hook in hooks if not hook["send_payload"])
    body = {"action": "ANNOTATION_UPDATED"}
    seconds = []
    for _ in range(number):
        # A new connection each time, as Label Studio does.
        with httpx.Client(trust_env=False, timeout=30.0) as client:
            began = time.monotonic()
            answer = client.post(f"{backend.url}/webhook", json=body, headers=hint["headers"])
            seconds.append(time.monotonic() - began)
        assert answer.status_code == 201
        time.sleep(0.02)
    return seconds


def submit(
    server: LabelStudioServer, person: Account, task: int, label: str
) -> tuple[float, float]:
    """Submit a label; return the seconds it took and the Unix time of the answer."""
    with api.connect(server.url, person.token) as client:
        api.get(client, "/api/version")  # opens the connection, as a browser has one open
        began = time.monotonic()
        api.post(client, f"/api/tasks/{task}/annotations/", {"result": choice(label)})
        return time.monotonic() - began, time.time()


class Reflection:
    """Votes in the project's own order, and how soon each shows in Label Studio's tables."""

    def __init__(self, server: LabelStudioServer, backend: Backend, project: Filled) -> None:
        self.server, self.backend, self.project = server, backend, project
        self.votes = votes_of(said_in_label_studio(server.admin, project.id))
        self.rng = np.random.default_rng(0)

    def vote(self) -> tuple[float, float, float]:
        """Vote once; return (seconds of the submission, seconds until the queue follows, share of
        the latter that the backend waited for Label Studio).
        """  # noqa: D205  one sentence
        number = self.project.id
        assert poll(lambda: not self.backend.status(number)["pending_jobs"], seconds=300)
        person = self.server.people[0]
        with api.connect(self.server.url, person.token) as client:
            body = {"project": str(number)}
            served = api.post(client, "/api/dm/actions", body, id="next_task", project=number)
        task = int(served["id"])
        label = self.project.truth_of(served)
        if self.rng.random() < ERROR_RATE:
            label = str(self.rng.choice([name for name in CLASSES if name != label]))
        given = self.votes.setdefault(task, {})
        given[person.id] = label
        settled = majority(given.values()) is not None
        score = self._look(task)["score"]
        seconds, answered = submit(self.server, person, task, label)

        def reflected() -> bool:
            now = self._look(task)
            followed = now["score"] != score and now["is_labeled"] == settled
            return bool(followed and now["untouched"] >= WINDOW)

        if not poll(reflected, seconds=REFLECTED_SECONDS, every=POLL_SECONDS):
            raise SystemExit(f"task {task}: the queue did not follow: {self._look(task)}")
        until = time.time()
        time.sleep(0.05)  # the last lines of the log
        log = (self.backend.data / "server.log").read_text()
        return seconds, until - answered, inside(log, answered, until) / (until - answered)

    def _look(self, task: int) -> dict[str, Any]:
        query = (
            "SELECT min(p.score), t.is_labeled, (SELECT count(*) FROM task o WHERE"
            " o.project_id = t.project_id AND NOT o.is_labeled AND o.overlap = 2)"
            " FROM project j JOIN task t ON t.project_id = j.id LEFT JOIN prediction p"
            " ON p.task_id = t.id AND p.model_version = j.model_version WHERE t.id = ?"
        )
        uri = f"file:{self.server.database}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=30)) as connection:
            score, is_labeled, untouched = connection.execute(query, (task,)).fetchone()
        return {"score": score, "is_labeled": bool(is_labeled), "untouched": untouched}


def inside(log: str, start: float, end: float) -> float:
    """Return the seconds within [start, end] in which a call to Label Studio was under way."""
    spans = []
    for line in log[-200_000:].splitlines():
        if found := CALL.match(line):
            until = datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S,%f").astimezone().timestamp()
            spans.append((max(until - float(found[2]), start), min(until, end)))
    covered, reached = 0.0, start
    for begin, until in sorted(spans):
        if until > reached:
            covered += until - max(begin, reached)
            reached = until
    return covered


def report(figures: dict[str, Any], options: argparse.Namespace) -> str:
    """Return the table as Markdown."""
    milliseconds: Callable[[list[float], float], str] = lambda values, q: (  # noqa: E731
        f"{1000 * float(np.quantile(values, q)):.0f} ms"
    )
    lines = [
        "# Waiting times with a real Label Studio",
        "",
        (
            f"`python benchmarks/latency.py --tasks {options.tasks} --votes {options.votes} "
            f"--webhooks {options.webhooks}`: {options.tasks} tasks, SQLite on both sides, "
            f"{os.cpu_count()} cores, load average {os.getloadavg()[1]:.1f} over the last five "
            f"minutes (the benchmark's own processes included)."
        ),
        "",
        "| what | idle, median | idle, p99 | round training, median | round training, p99 |",
        "|---|---|---|---|---|",
    ]
    rows = {
        "webhook acknowledged": "ack",
        "submission answered, with the backend": "submit_with",
        "submission answered, without": "submit_without",
        "queue follows the annotation": "reflected",
    }
    for name, key in rows.items():
        cells = [
            milliseconds(figures[f"{key}_{phase}"], q)
            for phase in ("idle", "training")
            for q in (0.5, 0.99)
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    for phase in ("idle", "training"):
        ratio = np.median(figures[f"submit_with_{phase}"]) / np.median(
            figures[f"submit_without_{phase}"]
        )
        share = np.median(figures[f"inside_{phase}"])
        lines += [
            "",
            (
                f"While {'a round trains' if phase == 'training' else 'nothing else runs'}: "
                f"submissions take {ratio:.2f} times as long with the backend (medians, in turns); "
                f"{share:.0%} of the time until the queue follows passes inside Label Studio."
            ),
        ]
    lines += [
        "",
        (
            f"Connecting and the first round, images still to be embedded: "
            f"{figures['first_round']:.1f} s; connecting a project of the same images, now cached, "
            f"and its first round: {figures['cached_connect']:.1f} s; another round of a connected "
            f"project: {figures['cached_round']:.1f} s."
        ),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
