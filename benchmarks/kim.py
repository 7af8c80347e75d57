"""Kim's protocol (ECCV 2022, section 4) on frozen CIFAR-10 features and a small head.

    python benchmarks/kim.py [--data FOLDER] [--seeds 3] [--tasks 50000] [--noise uniform,symmetry]
                             [--rates 0.02,0.05,0.1]

80 % of the labels are wrong. Each round trains, picks a batch (2 % of the tasks), and learns the
true label of each; 30 % of the tasks are asked in all. Reported after each round: the share of
questions whose label was wrong, and the accuracy on the test images. With several learning rates,
each way takes the one that serves it best on a pilot seed. Writes results/kim.md.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from relabel.learning.selection import Selection, TrainingData
from relabel.learning.selectors import select
from relabel.numerics.diffusion_modes import by_diffusion
from relabel.numerics.knn import affinity, build_index, find_neighbours, kernel_width
from relabel.numerics.scoring import SCORES
from relabel.types import BoolArray, Float32Array, FloatArray, IntArray

OUT = Path(__file__).resolve().parent / "results" / "kim.md"
CLASSES = 10
BATCH_SHARE = 0.02
ROUNDS = 15
NOISE = 0.8
TRAINING = {"epochs": 15, "batch_size": 512}
CANDIDATES = 10  # times the batch: how many of the least trusted tasks diffusion picks from
PILOT = 100  # the seed that rates are chosen on; it is none of those reported


@dataclass(frozen=True)
class Task:
    """The training tasks, the test images appended to them, and the graph over the tasks."""

    vectors: Float32Array
    truth: IntArray
    test: IntArray
    graph: sp.csr_array


@dataclass(frozen=True)
class Round:
    """What a rule picks from. counts: (n, K) labels now; asked: (n,) bool; size: how many."""

    task: Task
    counts: IntArray
    selection: Selection
    asked: BoolArray
    size: int
    rng: np.random.Generator

    @property
    def probs(self) -> Float32Array:
        """Posteriors of the training tasks (n, K)."""
        return self.selection.posteriors.probs[: len(self.counts)]

    def order(self, priority: FloatArray) -> IntArray:
        """Return the tasks not asked yet by decreasing priority (n,), ties at random."""
        rows = self.rng.permutation(np.flatnonzero(~self.asked))
        return rows[np.argsort(-priority[rows], kind="stable")]


@dataclass(frozen=True)
class Way:
    """A selector with its options, and a rule that picks from what it found."""

    selector: str
    pick: Callable[[Round], IntArray]
    options: dict[str, Any] = field(default_factory=dict)


def by(score: str) -> Callable[[Round], IntArray]:
    """Return the rule that takes the highest score."""

    def pick(now: Round) -> IntArray:
        extra = {"rng": now.rng} if score == "random" else {}
        return now.order(SCORES[score](now.counts, now.probs, **extra))[: now.size]

    return pick


def misclassified_first(now: Round) -> IntArray:
    """Take wrongly predicted tasks first, by their loss."""
    wrong = now.probs.argmax(1) != now.counts.argmax(1)
    return now.order(SCORES["corractive"](now.counts, now.probs) + 100 * wrong)[: now.size]


def diffused(now: Round) -> IntArray:
    """Take the most uncertain of the least trusted, and spread them (Kim, Algorithm 1)."""
    score = SCORES["entropy"](now.counts, now.probs)
    trust = now.selection.contribution[: len(now.counts)]
    return by_diffusion(
        score,
        now.order(score),
        now.size,
        graph=now.task.graph,
        contribution=trust,
        candidate_factor=CANDIDATES,
    )


WAYS = {
    "robust_update, diffusion": Way("robust_update", diffused, {"delta": 0.3}),
    "entropy": Way("vanilla", by("entropy")),
    "loss_entropy": Way("vanilla", by("loss_entropy")),
    "corractive": Way("vanilla", misclassified_first),
    "dalc": Way("dalc", by("entropy")),
    "dalc, tiered_phi": Way("dalc", by("tiered_phi")),
    "random": Way("vanilla", by("random")),
}


def noisy(truth: np.ndarray, kind: str, rng: np.random.Generator) -> np.ndarray:
    """Corrupt exactly 80 % of the labels, to another class each time."""
    # class symmetry: each class is confused with the others in its own proportions
    shape = CLASSES, CLASSES
    matrix = np.ones(shape) if kind == "uniform" else rng.random(shape)
    np.fill_diagonal(matrix, 0)
    matrix /= matrix.sum(1, keepdims=True)
    labels = truth.copy()
    rows = rng.permutation(len(truth))[: round(NOISE * len(truth))]
    draws = rng.random((len(rows), 1))
    labels[rows] = (matrix[truth[rows]].cumsum(1) > draws).argmax(1)
    return labels


def campaign(task: Task, way: Way, kind: str, rate: float, seed: int) -> np.ndarray:
    """Return (ROUNDS + 1, 2): precision of all questions so far, and test accuracy."""
    options = TRAINING | way.options | {"learning_rate": rate}
    n = len(task.truth)
    labels = noisy(task.truth, kind, np.random.default_rng([seed, 0]))
    asked = np.zeros(n, dtype=bool)
    rng = np.random.default_rng([seed, 1])
    hits, figures = 0, []
    for round_ in range(ROUNDS + 1):
        counts = np.eye(CLASSES, dtype=np.int64)[labels]
        silent_test = np.zeros((len(task.test), CLASSES), dtype=np.int64)
        data = TrainingData(
            np.arange(n + len(task.test)),
            np.concatenate([counts, silent_test]),
            task.vectors,
            trusted=np.concatenate([asked, np.zeros(len(task.test), dtype=bool)]),
        )
        selection = select(way.selector, data, options, seed=seed)
        guesses = selection.posteriors.probs[n:].argmax(1)
        spent = int(asked.sum())
        figures.append((hits / max(spent, 1), (guesses == task.test).mean()))
        if round_ < ROUNDS:
            size = round(BATCH_SHARE * n)
            batch = way.pick(Round(task, counts, selection, asked, size, rng))
            hits += int((labels[batch] != task.truth[batch]).sum())
            labels[batch] = task.truth[batch]
            asked[batch] = True
    return np.array(figures)


def load(folder: Path, tasks: int, test: int, seed: int) -> Task:
    """Return a sample of the training features, with test features behind them."""
    with np.load(folder / "cifar10_train_features.npz") as file:
        train = file["features_int8"].astype(np.float32) * file["scale"]
    with np.load(folder / "cifar10_train_jpeg.npz") as file:
        truth = file["y"].astype(np.int64)
    with np.load(folder / "cifar10h_test.npz") as file:
        held, labels = file["features"].astype(np.float32), file["y"].astype(np.int64)
    rng = np.random.default_rng([seed, 2])
    rows = np.sort(rng.permutation(len(train))[:tasks])
    probe = np.sort(rng.permutation(len(held))[:test])
    vectors = train[rows] / np.linalg.norm(train[rows], axis=1, keepdims=True)
    found = find_neighbours(build_index(vectors, rng), vectors, 10, rng)
    graph = affinity(found, kernel_width(vectors, rng))
    return Task(np.concatenate([train[rows], held[probe]]), truth[rows], labels[probe], graph)


def best_rate(task: Task, way: Way, kind: str, rates: list[float]) -> float:
    """Return the learning rate of the highest mean accuracy over the rounds of the pilot seed."""
    if len(rates) == 1:
        return rates[0]
    return max(rates, key=lambda rate: campaign(task, way, kind, rate, PILOT)[1:, 1].mean())


def table(kind: str, figures: dict[str, np.ndarray], batch: int) -> list[str]:
    """Return the section of one noise; figures: (seeds, ROUNDS + 1, 2) by way."""
    shown = [0, 1, 2, 3, 5, 9, 12, 15]
    lines = []
    for which, title in ((1, "Test accuracy"), (0, "Share of questions that were worth asking")):
        heads = " | ".join(f"{r * batch:,}" for r in shown)
        lines += ["", f"**{title}, {kind} noise, by labels asked**", ""]
        lines += [f"| way | {heads} |", "|---" * (len(shown) + 1) + "|"]
        for name, values in figures.items():
            mean = values[:, :, which].mean(0)
            lines.append(f"| {name} | " + " | ".join(f"{mean[r]:.3f}" for r in shown) + " |")
    reachable = max(values[:, -1, 1].mean() for values in figures.values())
    lines += ["", f"Labels to 90 % of the best final accuracy ({0.9 * reachable:.3f}):", ""]
    for name, values in figures.items():
        reached = np.flatnonzero(values[:, :, 1].mean(0) >= 0.9 * reachable)
        lines.append(f"- {name}: {f'{reached[0] * batch:,}' if len(reached) else 'not reached'}")
    return lines


def main() -> None:
    """Run all ways on both noises and write the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tasks", type=int, default=50_000)
    parser.add_argument("--test", type=int, default=10_000)
    parser.add_argument("--noise", default="uniform,symmetry")
    parser.add_argument("--rates", default="0.02", help="learning rates to choose from")
    parser.add_argument("--ways", default="; ".join(WAYS), help="names, separated by semicolons")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    if not (args.data / "cifar10_train_features.npz").exists():
        sys.exit(f"Skipped: no CIFAR-10 features in {args.data}.")
    batch = round(BATCH_SHARE * args.tasks)
    lines = ["# Kim's protocol", "", f"    python benchmarks/kim.py {' '.join(sys.argv[1:])}", ""]
    lines.append(
        f"{args.tasks:,} tasks, {NOISE:.0%} of the labels wrong, {batch:,} labels per round, "
        f"{args.seeds} seeds, MLP head of 256 on frozen features, {args.test:,} test images. "
        "In brackets the learning rate."
    )
    rates = [float(rate) for rate in args.rates.split(",")]
    load_task = cache(lambda seed: load(args.data, args.tasks, args.test, seed))
    for kind in args.noise.split(","):
        figures: dict[str, np.ndarray] = {}
        for name in args.ways.split("; "):
            way = WAYS[name]
            rate = best_rate(load_task(PILOT), way, kind, rates)
            runs = []
            for seed in range(args.seeds):
                runs.append(campaign(load_task(seed), way, kind, rate, seed))
                shown = np.round(runs[-1][[1, 3, 6, 10, 15]], 3).tolist()
                print(kind, name, rate, seed, shown, flush=True)
            figures[f"{name} ({rate:g})"] = np.stack(runs)
        lines += table(kind, figures, batch)
        args.out.parent.mkdir(exist_ok=True)
        args.out.write_text("\n".join([*lines, ""]))
    print(args.out.read_text())


if __name__ == "__main__":
    main()
