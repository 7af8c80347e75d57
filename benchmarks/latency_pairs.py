"""How long people wait, this tree against an earlier one, vote by vote in turns.

    python benchmarks/latency_pairs.py --against BEFORE/backend [--tasks 10000] [--votes 60]
        [--webhooks 200] [--store sqlite | postgresql]

Both trees' own processes stand beside each other at one real Label Studio, each with its own
project of the same tasks, and are asked in turns: what disturbs one disturbs the other. Measured
are a webhook until its answer, a vote until everything that follows from it stands in Label
Studio's tables, of that what did not pass inside Label Studio, and the processor seconds of a
tree's processes for one vote. Each store keeps its rows in results/latency_pairs.md.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

import numpy as np
from latency import Reflection, connect, webhooks
from relabel.demo.annotators import poll
from relabel.demo.servers.backend import Backend
from servers import Filled, LabelStudioServer, fill, label_studio, make_backend
from soak import children
from stores import STORES, store_environment

RESULTS = Path(__file__).resolve().parent / "results" / "latency_pairs.md"
IMAGES = 1797
RESAMPLES = 2000
WHAT = {
    "webhook": "webhook acknowledged",
    "queue": "queue follows a vote",
    "own": "of that, outside Label Studio",
    "cpu": "processor time of a vote",
}
HEAD = """# Waiting times, this tree against the one before the house was drawn anew

`python benchmarks/latency_pairs.py --against BEFORE/backend --store STORE`: both trees' processes
beside each other at one Label Studio, asked in turns. In brackets: from which to which ratio 95 %
of resampled pairs of medians lie.

| store | what | before, median | now, median | times | before, p99 | now, p99 |
|---|---|---|---|---|---|---|
"""


@dataclass
class Tree:
    """One tree's backend with its project. seconds: what was measured, by name."""

    server: LabelStudioServer
    backend: Backend
    project: Filled
    web: int
    seconds: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in WHAT})

    def __post_init__(self) -> None:
        connect(self.backend, self.project)
        self.reflection = Reflection(self.server, self.backend, self.project)

    def report(self) -> None:
        """Send one webhook."""
        self.seconds["webhook"] += webhooks(self.backend, self.server, self.project.id, 1)

    def rest(self) -> None:
        """Wait until everything is carried out."""
        status = self.backend.status
        if not poll(lambda: not status(self.project.id)["pending_jobs"], seconds=300):
            raise SystemExit("the events are never carried out")

    def vote(self) -> None:
        """Let somebody vote, and wait until Label Studio has what follows from it."""
        before = processor_seconds(self.web)
        _, seconds, inside = self.reflection.vote()
        self.rest()
        self.seconds["cpu"].append(processor_seconds(self.web) - before)
        self.seconds["queue"].append(seconds)
        self.seconds["own"].append(seconds * (1 - inside))


def processor_seconds(web: int) -> float:
    """Return what a web process and the workers below it have used so far."""
    ticks = 0
    for pid in (web, *(child for child, _ in children(web))):
        # After the name in brackets: state, ..., user and system time are fields 14 and 15.
        values = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(values[11]) + int(values[12])
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def trees(
    server: LabelStudioServer, folder: Path, against: Path, options: argparse.Namespace
) -> Iterator[dict[str, Tree]]:
    """Start both, each with its store and its project."""
    with ExitStack() as stack:
        found = {}
        for name, code in (("before", {"PYTHONPATH": str(against)}), ("now", {})):
            store = stack.enter_context(store_environment(options.store))
            project = fill(server, name, options.tasks, IMAGES)
            extra = {"LOG_LEVEL": "DEBUG"} | store | code
            backend = make_backend(
                server, folder / name, "window = 50\nretrain_after = 100000", **extra
            )
            serving = backend.serve()
            stack.callback(serving.stop)
            found[name] = Tree(server, backend, project, serving.process.pid)
        yield found


def main() -> None:
    """Measure, print, and keep the rows of this store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", type=Path, required=True, help="backend/ of an earlier tree")
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--votes", type=int, default=60, help="for each tree")
    parser.add_argument("--webhooks", type=int, default=200, help="for each tree")
    parser.add_argument("--store", choices=STORES, default=STORES[0])
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        label_studio(Path(folder) / "label-studio", annotators=2) as server,
        trees(server, Path(folder), options.against.resolve(), options) as both,
    ):
        rng = np.random.default_rng(0)
        for act, times in ((Tree.report, options.webhooks), (Tree.vote, options.votes)):
            for tree in both.values():
                tree.rest()
            for _ in range(times):
                for name in rng.permutation(list(both)):
                    act(both[name])
    store = f"{options.store}, {options.tasks:,} tasks"
    keep(store, rows(store, both["before"].seconds, both["now"].seconds, rng))


def rows(
    store: str,
    before: dict[str, list[float]],
    now: dict[str, list[float]],
    rng: np.random.Generator,
) -> list[str]:
    """Return the lines of the table."""
    lines = []
    for name, told in WHAT.items():
        pairs = np.array([before[name], now[name]])
        times = np.median(pairs[1]) / np.median(pairs[0])
        drawn = rng.integers(pairs.shape[1], size=(RESAMPLES, pairs.shape[1]))
        medians = np.median(pairs[:, drawn], axis=2)
        low, high = np.quantile(medians[1] / medians[0], [0.025, 0.975])
        told_of = [f"{1000 * np.quantile(side, q):.0f} ms" for q in (0.5, 0.99) for side in pairs]
        lines.append(
            f"| {store} | {told} | {told_of[0]} | {told_of[1]} | {times:.2f} ({low:.2f} to "
            f"{high:.2f}) | {told_of[2]} | {told_of[3]} |"
        )
    return lines


def keep(store: str, lines: list[str]) -> None:
    """Print the rows and write the page, with the rows of other stores as they were."""
    print("\n".join(lines))
    before = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    head = HEAD.splitlines()
    others = [
        line
        for line in before
        if line.startswith("| ") and line not in head and not line.startswith(f"| {store} |")
    ]
    RESULTS.write_text(HEAD + "\n".join(others + lines) + "\n")


if __name__ == "__main__":
    main()
