"""Ways of asking: what is trained, and which labels are asked for by what it found."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse as sp

from relabel.learning.data import Selection
from relabel.numerics.diversity.diffusion_modes import by_diffusion
from relabel.numerics.scoring import SCORES
from relabel.types import BoolArray, Float32Array, FloatArray, IntArray

CANDIDATES = 10
"""Of the least trusted tasks, this many times a batch are candidates; the paper gives no number."""


@dataclass(frozen=True, slots=True)
class Round:
    """What a batch is picked from.

    counts: (n, K) labels now. pool: (n,) not asked yet. selection: what was learnt; its first n
    rows are the tasks. size: of the batch. graph: (n, n) affinity.
    """

    counts: IntArray
    pool: BoolArray
    selection: Selection
    size: int
    graph: sp.csr_array
    rng: np.random.Generator

    @property
    def probs(self) -> Float32Array:
        """Posteriors of the tasks (n, K)."""
        return self.selection.posteriors.probs[: len(self.counts)]

    @property
    def trust(self) -> FloatArray | None:
        """What the selector trusts in each label (n,), if it says."""
        found = self.selection.contribution
        return None if found is None else found[: len(self.counts)]

    def order(self, priority: FloatArray) -> IntArray:
        """Return the tasks not asked yet by decreasing priority (n,), ties at random."""
        rows = self.rng.permutation(np.flatnonzero(self.pool))
        ranked: IntArray = rows[np.argsort(-priority[rows], kind="stable")]
        return ranked


Pick = Callable[[Round], IntArray]


def by(score: str) -> Pick:
    """Return the rule that takes the highest score."""

    def pick(now: Round) -> IntArray:
        extra = {"rng": now.rng} if score == "random" else {}
        return now.order(SCORES[score](now.counts, now.probs, **extra))[: now.size]

    return pick


def misclassified_first(now: Round) -> IntArray:
    """Take wrongly predicted tasks first, by their loss (CorrActive)."""
    wrong = now.probs.argmax(1) != now.counts.argmax(1)
    return now.order(SCORES["corractive"](now.counts, now.probs) + 100 * wrong)[: now.size]


def least_trusted(now: Round) -> IntArray:
    """Take the most uncertain of the least trusted tasks."""
    order = now.order(SCORES["entropy"](now.counts, now.probs))
    if now.trust is None:
        return order[: now.size]
    doubted = np.argsort(now.trust[order], kind="stable")[: CANDIDATES * now.size]
    return order[np.sort(doubted)[: now.size]]


def spread(mode: str) -> Pick:
    """Return the rule that spreads the most uncertain of the least trusted (Kim, Algorithm 1)."""

    def pick(now: Round) -> IntArray:
        score = SCORES["entropy"](now.counts, now.probs)
        return by_diffusion(
            score,
            now.order(score),
            now.size,
            graph=now.graph,
            mode=mode,
            contribution=now.trust,
            candidate_factor=CANDIDATES,
        )

    return pick


@dataclass(frozen=True, slots=True)
class Way:
    """A selector with its options, and a rule that picks from what it found.

    detector: a selector whose contribution says which labels are trained on: as many as are
    right, which the paper takes for known; None = all are.
    """

    selector: str
    pick: Pick
    options: dict[str, Any] = field(default_factory=dict)
    detector: str | None = None


ROBUST = {"delta": 0.3}
"""The paper has 0.1; chosen on 5,000 tasks and the first labels of seed 0, see docs/papers.md."""

OURS = "robust update, local diffusion"
WAYS: dict[str, Way] = {
    OURS: Way("robust_update", spread("delta"), ROBUST),
    "robust update, literal diffusion": Way("robust_update", spread("literal"), ROBUST),
    "robust update, no diffusion": Way("robust_update", least_trusted, ROBUST),
    "uniform weights, local diffusion": Way("vanilla", spread("delta")),
    "DALC": Way("dalc", by("entropy")),
    "DALC, dual": Way("dalc", by("entropy"), {"dual": 0.02}),
    "Entropy": Way("vanilla", by("entropy")),
    "LossEnt": Way("vanilla", by("loss_entropy")),
    "CorrActive": Way("vanilla", misclassified_first),
    "Random": Way("vanilla", by("random")),
    "O2U-Net": Way("vanilla", by("entropy"), detector="o2u"),
    "SimiFeat": Way("vanilla", by("entropy"), detector="simifeat"),
}
