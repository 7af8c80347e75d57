"""How fast every selector trains on the CPU, this tree against an earlier one, in turns.

    python benchmarks/training_pairs.py --against BEFORE/backend [--rounds 5] [--only vanilla]

Each case is the same seed and the same generated data in both trees, each tree in a process of its
own with one thread, asked in turns; which of the two goes first changes from round to round.
Measured are the processor seconds of `select` alone, after a first call that loads what torch loads
at first. Both tell a digest of their posteriors, so that it is seen, too, whether they are the same
bit by bit.
Writes results/training_pairs.md.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve()
RESULTS = HERE.parent / "results" / "training_pairs.md"
TASKS, CLASSES, SIDE = 800, 10, 16
FEW: dict[str, Any] = {"epochs": 4, "network": "small_cnn"}
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "linear": ("linear", {}),
    "simifeat": ("simifeat", {}),
    "vanilla, mlp": ("vanilla", {"epochs": 80, "network": "mlp"}),
    "vanilla": ("vanilla", FEW),
    "vanilla, photo": ("vanilla", FEW | {"augment": "photo"}),
    "vanilla, cifar_resnet20": ("vanilla", {"epochs": 1, "network": "cifar_resnet20"}),
    "vanilla, balanced, patience, passes": (
        "vanilla",
        FEW | {"balanced": True, "patience": 9, "passes": 3},
    ),
    "co_teaching": ("co_teaching", FEW),
    "co_teaching_vog": ("co_teaching_vog", FEW | {"window": 2}),
    "robust_update": ("robust_update", FEW),
    "elr": ("elr", FEW),
    "dalc": ("dalc", FEW),
    "o2u": ("o2u", FEW | {"skip": 1, "cycle": 2}),
    "ssl_linear": ("ssl_linear", {"pretrain_epochs": 2, "epochs": 5}),
    "ssl_co_teaching": ("ssl_co_teaching", {"pretrain_epochs": 1, "epochs": 2}),
    "cross_fit": ("cross_fit", {"folds": 2, "options": {"vanilla": FEW}}),
    "ensemble": ("ensemble", {"options": {"co_teaching": FEW}}),
}
HEAD = """# Training on the CPU, this tree against the one before

`python benchmarks/training_pairs.py --against BEFORE/backend --rounds {rounds}`: processor seconds
of one selector on {tasks} generated tasks, {classes} classes, images of {side} px, one thread,
medians of {rounds} rounds in turns; in brackets the smallest and the largest ratio of a round.

| case | before, s | now, s | times as fast | same posteriors, bit by bit |
|---|---|---|---|---|
"""


def tasks() -> Any:
    """Return tasks whose class is seen in vectors and images, a fifth of them labelled wrongly."""
    from relabel.learning.data import TrainingData

    rng = np.random.default_rng(0)
    truth = rng.integers(0, CLASSES, TASKS)
    middles = rng.normal(size=(CLASSES, 64))
    looks = rng.integers(40, 216, (CLASSES, SIDE, SIDE, 3))
    grain = rng.integers(-40, 40, (TASKS, SIDE, SIDE, 3))
    labels = np.where(rng.random(TASKS) < 0.2, rng.integers(0, CLASSES, TASKS), truth)
    return TrainingData(
        np.arange(TASKS),
        np.eye(CLASSES, dtype=np.int64)[labels],
        (middles[truth] + rng.normal(size=(TASKS, 64))).astype(np.float32),
        (looks[truth] + grain).astype(np.uint8),
    )


def serve() -> None:
    """Run the cases that are named on standard input; answer with seconds and digests."""
    import torch
    from relabel.learning.selectors.registry import select

    torch.set_num_threads(1)
    data = tasks()
    select("vanilla", data, {"epochs": 1, "network": "small_cnn"}, seed=0)
    for line in sys.stdin:
        name, options = CASES[line.strip()]
        start = time.process_time()
        found = select(name, data, options, seed=3)
        seconds = time.process_time() - start
        digest = hashlib.sha256(found.posteriors.probs.tobytes()).hexdigest()
        print(json.dumps({"seconds": seconds, "digest": digest}), flush=True)


class Tree:
    """A process that runs one tree's code."""

    def __init__(self, code: Path) -> None:
        environment = os.environ | {"PYTHONPATH": str(code), "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, str(HERE), "--serve"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def measure(self, case: str) -> dict[str, Any]:
        """Return seconds and digest of a case."""
        assert self.process.stdin
        assert self.process.stdout
        print(case, file=self.process.stdin, flush=True)
        said: dict[str, Any] = json.loads(self.process.stdout.readline())
        return said

    def end(self) -> None:
        """Let the process end."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def row(case: str, trees: dict[str, Tree], rounds: int) -> str:
    """Measure a case in turns and return its line of the table."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in trees}
    for round_ in range(rounds):
        for name in sorted(trees, reverse=bool(round_ % 2)):
            found[name].append(trees[name].measure(case))
    before, now = (np.array([one["seconds"] for one in found[name]]) for name in trees)
    ratios = before / now
    same = {one["digest"] for each in found.values() for one in each}
    times = f"{np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f})"
    seconds = f"{np.median(before):.2f} | {np.median(now):.2f}"
    return f"| {case} | {seconds} | {times} | {'yes' if len(same) == 1 else 'no'} |"


def main() -> None:
    """Measure, print, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", type=Path, help="backend/ of an earlier tree")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", action="append", choices=CASES, help="these cases, no table")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    trees = {"before": Tree(options.against.resolve()), "now": Tree(HERE.parents[1] / "backend")}
    head = HEAD.format(rounds=options.rounds, tasks=TASKS, classes=CLASSES, side=SIDE)
    lines = []
    for case in options.only or CASES:
        lines.append(row(case, trees, options.rounds))
        print(lines[-1], flush=True)
        if not options.only:
            RESULTS.write_text(head + "\n".join(lines) + "\n")
    for tree in trees.values():
        tree.end()


if __name__ == "__main__":
    main()
