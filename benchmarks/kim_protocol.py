"""What `kim.py` runs: the noise, the ways of asking and one campaign of Kim's protocol."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from relabel.learning.data import Selection, TrainingData
from relabel.learning.selectors.registry import select
from relabel.numerics.diversity.diffusion_modes import by_diffusion
from relabel.numerics.neighbours.graph import affinity, kernel_width
from relabel.numerics.neighbours.knn import build_index, find_neighbours
from relabel.numerics.scoring import SCORES
from relabel.types import BoolArray, Float32Array, FloatArray, IntArray

CLASSES = 10
BATCH_SHARE = 0.02
ROUNDS = 15
NOISE = 0.8
TRAINING = {"epochs": 15, "batch_size": 512}
CANDIDATES = 10  # times the batch: how many of the least trusted tasks diffusion picks from


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
