"""Two phases: keep what noise-robust training selects, then clean the rest round by round."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from relabel.errors import ConfigurationError
from relabel.learning.data import Run, Selection, TrainingData
from relabel.learning.selectors.vanilla import vanilla
from relabel.numerics.diversity.cover import by_coverage
from relabel.numerics.posteriors import entropy
from relabel.types import BoolArray, FloatArray, IntArray

QUERIES = ("random", "entropy", "coreset")


@dataclass(frozen=True)
class TwoPhase:
    """The pipeline of Khanal et al. 2024 as a campaign strategy.

    The tasks that phase one keeps are trained on with the labels they were given, right or wrong:
    the published code replaces them by the truth at no cost, which flatters its curves. Whoever was
    asked about is trained on with what people said.

    data: the tasks with their noisy votes, and with `vectors` for "coreset". clean: (N,) bool, kept
    by phase one. query: one of `QUERIES`, how a round ranks the rest. run: how its networks are
    trained. options: of `vanilla`, which trains them.

    Raises:
        ConfigurationError: unknown query.
    """

    data: TrainingData
    clean: BoolArray
    query: str
    run: Run
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.query not in QUERIES:
            raise ConfigurationError(f"Unknown query '{self.query}'; known: {', '.join(QUERIES)}.")

    def order(self, counts: IntArray, pool: BoolArray) -> IntArray:
        """Rank what is left to clean, as one round.

        Args:
            counts: (N, K) votes now.
            pool: (N,) bool, tasks that were not asked about yet.

        Returns:
            Rows of the pool that phase one did not keep, the one to ask about first at the front.
        """
        rest = np.flatnonzero(pool & ~self.clean)
        rng = np.random.default_rng([self.run.seed, int(counts.sum())])
        shuffled = rng.permutation(rest)
        if self.query == "random" or not len(rest):
            return shuffled
        score = self._uncertainty(counts, self.clean | ~pool)
        ranked: IntArray = shuffled[np.argsort(-score[shuffled], kind="stable")]
        if self.query == "entropy":
            return ranked
        if self.data.vectors is None:
            raise ConfigurationError("query 'coreset' needs embeddings; choose an encoder.")
        covered = self.clean | ~pool
        return by_coverage(score, ranked, len(ranked), vectors=self.data.vectors, covered=covered)

    def _uncertainty(self, counts: IntArray, trained_on: BoolArray) -> FloatArray:
        """Return the entropy (N,) of a network that learns the clean and the cleaned tasks."""
        known = self.data.with_counts(np.where(trained_on[:, None], counts, 0))
        how = self.run.stage("phase2").arguments()
        probs = vanilla(known, **self.options, **how).posteriors.probs
        return entropy(probs.astype(np.float64))


def kept_by_either(selection: Selection) -> BoolArray:
    """Return (N,) the tasks that one of co-teaching's networks kept in the last epoch, or both."""
    if selection.contribution is None:
        raise ConfigurationError("The selector of phase one keeps no tasks; use co-teaching.")
    kept: BoolArray = selection.contribution >= 0.5
    return kept
