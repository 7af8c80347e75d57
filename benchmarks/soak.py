"""A long campaign in which everything fails, and what must hold nevertheless.

    python benchmarks/soak.py [--tasks 10000] [--annotators 8] [--votes 2000] [--pause 4]
        [--kill-every 20] [--restart-label-studio 2] [--drop 0.05] [--duplicate 0.05]
        [--workers 1] [--webs 1] [--dashboards 0] [--store sqlite | postgresql]

Simulated annotators work at a real Label Studio while web, worker and round are killed at random,
Label Studio is restarted, and webhooks are lost and repeated on their way; --dashboards overviews
stay open meanwhile, each asking as often as the page in a browser does. In the end the store must
say of every annotation what Label Studio says; nobody may have been given a task twice, no settled
task may have been handed out again, and no annotation may have failed while Label Studio was up.
Then all rounds are undone, the project is detached, and Label Studio's export is compared with
what it was, byte for byte, people's annotations aside; no task may show another number of
annotations than it has. Prints its figures last; exits with 1 when something did not hold. The
memory of those processes that nobody kills is compared as well: of the further ones of --workers
and --webs, and of all with --kill-every 0, where the times that people and Label Studio wait must
keep their limits, too: until the queue follows a vote, until a webhook is answered, and a
submission against the same one without the backend.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from consistency import (
    Said,
    differences,
    doubled,
    said_in_label_studio,
    said_in_store,
    settings_wrong,
    settled_but_open,
    votes_of,
)
from crowd import Crowd, Submission
from leftovers import difference, export_bytes
from relabel.demo import api
from relabel.demo.annotators import poll
from relabel.demo.queue_state import read_queue
from relabel.demo.servers import processes
from relabel.demo.servers.backend import Backend
from relabel.demo.servers.processes import Server
from relabel.errors import RelabelError
from relabel.storage.database import connect, reading
from relabel.storage.tables import events
from servers import Filled, LabelStudioServer, OddNetwork, fill, label_studio, make_backend
from sqlalchemy import select
from stores import STORES, store_environment

SWEEP_SECONDS = 15
LOOK_SECONDS = 5.0
"""Pause between two looks of an open overview, as in web/static/live.js."""
MEMORY_GROWTH = 1.05
MEMORY_VOTES = 100
"""Growth is judged over at least so many votes: over fewer it is what a process loads at first."""
FOLLOW_SECONDS = {"median": 1.0, "p99": 3.0}
"""From the arrival of an event until Label Studio has everything that follows from it."""
WEBHOOK_P99_MS = 100.0
SUBMISSION_RATIO = 1.1
"""Median of a submission with the backend over the one without it, the same team at work."""
SETTLE_SECONDS = 600.0
EXPORT_SECONDS = 600.0
"""Longest wait for one answer to the observer: a whole export, on a machine that is busy."""
GRACE_SECONDS = 2.0
"""After Label Studio answers again, requests of before its end may still fail."""


@dataclass
class Chaos:
    """Kills what is running, at random moments, until `stop`."""

    backend: Backend
    serving: Server
    every: float
    rng: np.random.Generator
    kills: dict[str, int] = field(default_factory=dict)
    done: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, unless the pause between kills is 0."""
        if self.every:
            self.thread = threading.Thread(target=self._run)
            self.thread.start()

    def stop(self) -> None:
        """End the killing; all processes run again."""
        self.done.set()
        if self.thread:
            self.thread.join()

    def _run(self) -> None:
        while not self.done.wait(self.every * self.rng.uniform(0.5, 1.5)):
            self._kill(str(self.rng.choice(["web", "worker", "round"])))

    def _kill(self, kind: str) -> None:
        web = self.serving.process.pid
        found = family(web)
        if kind == "round" and not found["round"]:
            kind = "worker"
        if kind == "web":
            os.kill(web, signal.SIGKILL)
            self.serving.process.wait()
            self.serving = self.backend.serve()
        elif not found[kind]:
            return
        else:
            os.kill(found[kind][0], signal.SIGKILL)
        self.kills[kind] = self.kills.get(kind, 0) + 1


def family(web: int) -> dict[str, list[int]]:
    """Return the ids of the worker and the round that belong to a web process."""
    workers = [pid for pid, command in children(web) if " worker " in command]
    rounds = [
        pid for worker in workers for pid, command in children(worker) if " round " in command
    ]
    return {"worker": workers, "round": rounds}


def children(pid: int) -> list[tuple[int, str]]:
    """Return id and command line of the processes that `pid` started."""
    shown = subprocess.run(
        ["ps", "-o", "pid=,command=", "--ppid", str(pid)],
        capture_output=True,
        text=True,
        check=False,
    )
    parts = (line.strip().partition(" ") for line in shown.stdout.splitlines())
    return [(int(number), f"{command} ") for number, _, command in parts]


def memory(chaos: Chaos, helpers: dict[str, subprocess.Popen[bytes]]) -> dict[str, float]:
    """Return the resident memory in MiB of every process that nobody kills."""
    pids = {name: process.pid for name, process in helpers.items()}
    if not chaos.every:
        web = chaos.serving.process.pid
        pids |= {"web": web, "worker": family(web)["worker"][0]}
    found = {}
    for name, pid in pids.items():
        shown = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False
        )
        if shown.stdout.strip():
            found[name] = int(shown.stdout) / 1024
    return found


@dataclass
class Dashboards:
    """Overviews that stay open: each asks for the status, and again for the page after a round."""

    url: str
    number: int
    open: int
    looks: int = 0
    done: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Open them all."""
        self.threads = [threading.Thread(target=self._run) for _ in range(self.open)]
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        """Close them all."""
        self.done.set()
        for thread in self.threads:
            thread.join()

    def _run(self) -> None:
        shown = None
        with httpx.Client(base_url=self.url, timeout=30.0, trust_env=False) as site:
            while not self.done.is_set():
                try:
                    if shown is None:
                        site.get(f"/projects/{self.number}")
                    status = site.get(f"/projects/{self.number}/live").json()
                    now = status["rounds"], status["last_error"], status["paused"]
                    shown = None if shown not in (None, now) else now
                    self.looks += 1
                except (httpx.TransportError, ValueError, KeyError):
                    pass  # the web process was killed just now
                self.done.wait(LOOK_SECONDS)


@dataclass
class Watch:
    """Looks again and again for settled tasks that stand open; twice in a row counts."""

    look: Callable[[], list[int]]
    reopened: set[int] = field(default_factory=set)
    done: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Watch until `done`."""
        before: set[int] = set()
        while not self.done.wait(2.0):
            now = set(self.look())
            self.reopened |= before & now
            before = now


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--images", type=int, default=300, help="shared by the tasks")
    parser.add_argument("--annotators", type=int, default=8)
    parser.add_argument("--votes", type=int, default=2_000)
    parser.add_argument("--pause", type=float, default=4.0, help="seconds between two tasks")
    parser.add_argument("--store", choices=STORES, default="sqlite")
    parser.add_argument("--kill-every", type=float, default=20.0, help="seconds; 0 = never")
    parser.add_argument("--restart-label-studio", type=int, default=2)
    parser.add_argument("--drop", type=float, default=0.05)
    parser.add_argument("--duplicate", type=float, default=0.05)
    parser.add_argument("--workers", type=int, default=1, help="in all")
    parser.add_argument("--webs", type=int, default=1, help="web processes in all")
    parser.add_argument("--dashboards", type=int, default=0, help="overviews that stay open")
    parser.add_argument("--retrain-after", type=int, default=500)
    parser.add_argument("--window", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder to keep everything in")
    return parser.parse_args()


def main() -> int:
    """Run the campaign; return the exit status."""
    options = arguments()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        with (
            label_studio(folder / "label-studio", options.annotators) as server,
            store_environment(options.store) as store,
        ):
            server.admin.timeout = httpx.Timeout(EXPORT_SECONDS)
            project = fill(server, "Soak", options.tasks, options.images, options.seed)
            policy = f"window = {options.window}\nretrain_after = {options.retrain_after}\n"
            policy += "audit_share = 0\n"  # which opens settled tasks on purpose
            port = processes.free_port(0)
            ports = [port, *(processes.free_port(0) for _ in range(options.webs - 1))]
            targets = [f"http://127.0.0.1:{one}" for one in ports]
            network = OddNetwork(targets, options.drop, options.duplicate, seed=options.seed)
            backend = make_backend(
                server,
                folder / "relabel",
                policy,
                port=port,
                RELABEL_URL=network.url,
                RELABEL_SWEEP_SECONDS=str(SWEEP_SECONDS),
                **store,
            )
            with network.running():
                figures, broken = campaign(server, backend, project, network, options, ports[1:])
    print(json.dumps(figures, indent=2))
    for line in broken:
        print(f"BROKEN: {line}")
    print("everything held" if not broken else f"{len(broken)} invariants broken")
    return 1 if broken else 0


def campaign(
    server: LabelStudioServer,
    backend: Backend,
    project: Filled,
    network: OddNetwork,
    options: argparse.Namespace,
    more_ports: list[int],
) -> tuple[dict[str, Any], list[str]]:
    """Connect, annotate under chaos, let it settle, compare, detach."""
    number = project.id
    figures: dict[str, Any] = {"tasks": options.tasks, "annotators": options.annotators}
    figures["load_average"] = [round(os.getloadavg()[1], 1)]
    figures["submit_without_ms"] = baseline(server, options)
    before_connecting = queue_of(server, number), export_bytes(server.admin, number)
    chaos = Chaos(backend, backend.serve(), options.kill_every, np.random.default_rng(options.seed))
    helpers = {f"worker {n}": helper(backend, "worker") for n in range(2, options.workers + 1)}
    for n, port in enumerate(more_ports, start=2):
        helpers[f"web {n}"] = helper(backend, "serve", "--no-worker", port=port)
    try:
        began = time.monotonic()
        backend.run("connect", "--project", str(number), "--yes")
        require(lambda: backend.status(number)["rounds"] >= 1, "the first round")
        figures["connect_and_first_round_seconds"] = round(time.monotonic() - began, 1)
        before = said_in_label_studio(server.admin, number)
        dashboards = Dashboards(backend.url, number, options.dashboards)
        dashboards.start()
        try:
            crowd, windows, reopened, sizes = annotate(server, project, chaos, helpers, options)
        finally:
            dashboards.stop()
        figures["looks_at_overviews"] = dashboards.looks
        figures["kills"] = chaos.kills
        broken = settle(server, backend, number)
        figures["load_average"].append(round(os.getloadavg()[1], 1))
        figures |= count(server, backend, number, crowd, network)
        broken += judge(server, backend, number, crowd, windows, before, reopened)
        figures["memory_mib"], text = grown(*sizes)
        broken += text
        if not options.kill_every:
            broken += too_late(figures)
        broken += take_back(server, backend, number, before_connecting, before, figures)
    finally:
        for one in helpers.values():
            one.terminate()
            one.wait()
        chaos.serving.stop()
    return figures, broken


def take_back(
    server: LabelStudioServer,
    backend: Backend,
    number: int,
    before_connecting: tuple[dict[int, tuple[int, bool]], bytes],
    before: Said,
    figures: dict[str, Any],
) -> list[str]:
    """Undo every round, detach, and return what is not as it was before connecting."""
    began = time.monotonic()
    while rounds := backend.status(number)["round"]:
        backend.run("undo", "--project", str(number), "--run", f"round-{rounds}")
    figures["undo_seconds"] = round(time.monotonic() - began, 1)
    broken = []
    if api.get(server.admin, f"/api/projects/{number}/")["model_version"]:
        broken.append("after undoing all rounds, the project still follows one of them")
    began = time.monotonic()
    backend.run("detach", "--project", str(number), "--yes")
    figures["detach_seconds"] = round(time.monotonic() - began, 1)
    queue, export = before_connecting
    if queue_of(server, number) != queue:
        broken.append("after detaching, overlap or is_labeled of some task is not as before")
    left = api.get(server.admin, f"/api/projects/{number}/model-versions/")
    if left:
        broken.append(f"after detaching, predictions are left: {left}")
    figures["stale_counters_after_detaching"] = stale_counters(server, number)
    if figures["stale_counters_after_detaching"]:
        broken.append("after detaching, some task shows another number of annotations than it has")
    new = said_in_label_studio(server.admin, number).keys() - before.keys()
    now = export_bytes(server.admin, number, new)
    figures["export_bytes"] = len(now)
    if text := difference(export, now):
        broken.append(f"after detaching, the export is not what it was: {text}")
    return broken


def helper(backend: Backend, *command: str, port: int = 0) -> subprocess.Popen[bytes]:
    """Start another worker or web process, one that nobody kills."""
    env = {**processes.inherited(), **backend.environment()}
    if port:
        env["RELABEL_PORT"] = str(port)
    with (backend.data / "helpers.log").open("ab") as log:
        return subprocess.Popen([backend.program, *command], env=env, stdout=log, stderr=log)


def baseline(server: LabelStudioServer, options: argparse.Namespace) -> dict[str, float]:
    """Let the same team work for a while without the backend; return how long submissions take."""
    twin = fill(server, "Twin", options.tasks, options.images, options.seed)
    settings = {"maximum_annotations": 2, "sampling": "Sequential sampling"}
    api.patch(server.admin, f"/api/projects/{twin.id}/", settings)
    crowd = Crowd(
        server.url,
        twin.id,
        server.people,
        twin.truth_of,
        pause_seconds=options.pause,
    )
    crowd.run(min(options.votes, 10 * options.annotators))
    server.admin.delete(f"/api/projects/{twin.id}/")
    return quantiles([one.seconds for one in crowd.submissions])


def annotate(
    server: LabelStudioServer,
    project: Filled,
    chaos: Chaos,
    helpers: dict[str, subprocess.Popen[bytes]],
    options: argparse.Namespace,
) -> tuple[Crowd, list[tuple[float, float]], set[int], tuple[dict[str, float], dict[str, float]]]:
    """Collect the votes under chaos; return also when Label Studio was away."""
    windows: list[tuple[float, float]] = []
    marks = {
        (i + 1) * options.votes // (options.restart_label_studio + 1)
        for i in range(options.restart_label_studio)
    }
    guard = threading.Lock()
    sizes: dict[str, dict[str, float]] = {}
    killed_at: list[int] = []

    def after_each(_: Submission) -> None:
        done = len(crowd.submissions)
        with guard:
            if chaos.kills and not killed_at:
                killed_at.append(done)
            # Two votes after the first kill who was idle beside the killed worker has had to work,
            # and has loaded what work needs.
            warm = not options.kill_every or (bool(killed_at) and done >= killed_at[0] + 2)
            enough = options.votes // 4 <= done <= options.votes - MEMORY_VOTES
            if warm and enough and "early" not in sizes:
                sizes["early"] = memory(chaos, helpers)
        with guard:
            due = done in marks
            marks.discard(done)
        if due:
            began = time.time()
            server.restart()
            windows.append((began, time.time() + GRACE_SECONDS))

    crowd = Crowd(
        server.url,
        project.id,
        server.people,
        project.truth_of,
        seed=options.seed,
        pause_seconds=options.pause,
        idle_seconds=120.0,
        on_submission=after_each,
    )
    watch = Watch(lambda: settled_but_open(read_queue(server.database, project.id)))
    watcher = threading.Thread(target=watch.run)
    chaos.start()
    watcher.start()
    began = time.monotonic()
    try:
        crowd.run(options.votes)
    finally:
        chaos.stop()
        watch.done.set()
        watcher.join()
    print(f"{len(crowd.submissions)} votes in {time.monotonic() - began:.0f} s", file=sys.stderr)
    return crowd, windows, watch.reopened, (sizes.get("early", {}), memory(chaos, helpers))


def settle(server: LabelStudioServer, backend: Backend, number: int) -> list[str]:
    """Wait until the store has caught up; return what is still different after that."""
    found: list[str] = []

    def caught_up() -> bool:
        status = backend.status(number)
        if status["pending_jobs"] or status["round_running"] or status["round_due"]:
            return False
        truth = said_in_label_studio(server.admin, number)
        found[:] = differences(said_in_store(backend.database(), number), truth)
        return not found

    if not poll(caught_up, seconds=SETTLE_SECONDS, every=2.0):
        return found[:20] or [f"the backend did not come to rest: {backend.status(number)}"]
    return []


def judge(
    server: LabelStudioServer,
    backend: Backend,
    number: int,
    crowd: Crowd,
    windows: list[tuple[float, float]],
    before: Said,
    reopened: set[int],
) -> list[str]:
    """Return every promise that was broken."""
    said = said_in_label_studio(server.admin, number)
    status = backend.status(number)
    lost = {one.annotation for one in crowd.submissions} - said.keys()
    ours = [f for f in crowd.failures if not any(a <= f.at <= b for a, b in windows)]
    wrong = settings_wrong(
        api.get(server.admin, f"/api/projects/{number}/"), status["model_version"]
    )
    new = len(said) - len(before)
    checks = {
        "annotations are lost": sorted(lost),
        "somebody annotated a task twice": doubled(said),
        "somebody was given a task twice": crowd.served_again(),
        "a settled task was handed out": crowd.served_settled(votes_of(before)),
        "a settled task stood open": sorted(reopened),
        "a settled task stands open": settled_but_open(read_queue(server.database, number)),
        "annotators' calls failed": [f"{f.doing}: {f.text}" for f in ours],
        "votes counted": [] if status["votes"] == new else [f"{status['votes']} of {new}"],
        "settings are wrong": list(wrong.items()),
    }
    return [f"{name}: {found[:10]}" for name, found in checks.items() if found]


def count(
    server: LabelStudioServer, backend: Backend, number: int, crowd: Crowd, network: OddNetwork
) -> dict[str, Any]:
    """Return the figures of the campaign."""
    status = backend.status(number)
    tasks: dict[int, int] = {}
    for one in crowd.submissions:
        tasks[one.task] = tasks.get(one.task, 0) + 1
    return {
        "votes": len(crowd.submissions),
        "votes_in_store": status["votes"],
        "rounds": status["rounds"],
        "settled": status["settled"],
        "corrected": status["corrected"],
        "webhooks": network.events,
        "webhooks_dropped": network.dropped,
        "webhooks_duplicated": network.duplicated,
        "failed_calls_of_annotators": len(crowd.failures),
        "webhook_ms": quantiles(network.seconds),
        "submit_with_ms": quantiles([one.seconds for one in crowd.submissions]),
        "queue_follows_ms": quantiles(following(backend, number, crowd)),
        "stale_counters": stale_counters(server, number),
    }


def following(backend: Backend, number: int, crowd: Crowd) -> list[float]:
    """Return the seconds from each event's arrival until everything had followed from it."""
    engine = connect(backend.database())
    first = min(one.answered_at - one.seconds for one in crowd.submissions)
    last = max(one.answered_at for one in crowd.submissions)
    query = select(events.c.received_at, events.c.handled_at).where(
        events.c.project_id == number, events.c.received_at.between(first, last)
    )
    with reading(engine) as connection:
        found = [row.handled_at - row.received_at for row in connection.execute(query)]
    engine.dispose()
    return found


def too_late(figures: dict[str, Any]) -> list[str]:
    """Return in words which of the times that somebody waits is too long."""
    follows, webhook = figures["queue_follows_ms"], figures["webhook_ms"]
    ratio = figures["submit_with_ms"]["median"] / figures["submit_without_ms"]["median"]
    late = [
        f"the queue follows after {follows[name]:.0f} ms ({name})"
        for name, limit in FOLLOW_SECONDS.items()
        if follows[name] > 1000 * limit
    ]
    if webhook["p99"] > WEBHOOK_P99_MS:
        late.append(f"a webhook is answered after {webhook['p99']:.0f} ms (p99)")
    if ratio > SUBMISSION_RATIO:
        late.append(f"a submission takes {ratio:.2f} times as long as without the backend (median)")
    return late


def stale_counters(server: LabelStudioServer, number: int) -> int:
    """Return how many tasks show another number of annotations than they have.

    Label Studio writes a whole task row when its overlap is changed, and may so overwrite a counter
    that a submission has just moved.
    """
    path = f"/api/projects/{number}/export"
    tasks = api.get(server.admin, path, exportType="JSON", download_all_tasks="true")
    return sum(
        task["total_annotations"] != sum(not a["was_cancelled"] for a in task["annotations"])
        for task in tasks
    )


def queue_of(server: LabelStudioServer, number: int) -> dict[int, tuple[int, bool]]:
    """Return overlap and is_labeled of every task."""
    found, page = {}, 1
    while True:
        try:
            answer = api.get(
                server.admin,
                "/api/tasks",
                project=number,
                page=page,
                page_size=1000,
                fields="task_only",
                include="id,overlap,is_labeled",
            )
        except RelabelError:
            return found  # beyond the last page
        found |= {t["id"]: (t["overlap"], t["is_labeled"]) for t in answer["tasks"]}
        if page * 1000 >= answer["total"]:
            return found
        page += 1


def grown(
    early: dict[str, float], late: dict[str, float]
) -> tuple[dict[str, list[float]], list[str]]:
    """Return both sizes of each process in MiB, and in words which of them grew too much."""
    sizes = {name: [round(early[name], 1), round(late[name], 1)] for name in early if name in late}
    broken = [
        f"memory of {name} grew from {a} to {b} MiB"
        for name, (a, b) in sizes.items()
        if b > MEMORY_GROWTH * a
    ]
    return sizes, broken


def quantiles(seconds: list[float]) -> dict[str, float]:
    """Return median and p99 in milliseconds."""
    return {
        name: round(1000 * float(np.quantile(seconds, q)), 1)
        for name, q in (("median", 0.5), ("p99", 0.99))
    }


def require(done: Callable[[], bool], what: str) -> None:
    """Wait for something without which the rest makes no sense."""
    if not poll(done, seconds=SETTLE_SECONDS, every=0.5):
        raise SystemExit(f"{what} did not come within {SETTLE_SECONDS:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
