"""The ways to spread the front of the ranking over the data, by name."""

from collections.abc import Callable
from typing import Any

import numpy as np

from relabel.errors import ConfigurationError, InvalidValuesError
from relabel.numerics.diversity.cover import by_class, by_coverage
from relabel.numerics.diversity.diffusion_modes import by_diffusion
from relabel.types import BoolArray, FloatArray, IntArray


def select_batch(
    score: FloatArray,
    n: int,
    *,
    diversity: str = "none",
    eligible: BoolArray | None = None,
    rng: np.random.Generator,
    **options: Any,
) -> IntArray:
    """Pick the tasks to relabel next, in order.

    Args:
        score: (N,) finite, higher = sooner.
        n: How many tasks, at most.
        diversity: How the batch is spread, a key of `DIVERSITY`.
        eligible: (N,) False = never pick; None = all tasks.
        rng: Orders tasks of equal score.
        **options: Of the way named by `diversity`.

    Returns:
        (<= n,) distinct rows, the one to relabel first at the front.

    Raises:
        ConfigurationError: Unknown way.
        InvalidValuesError: A score is not finite, or an array has the wrong shape.
    """
    if diversity not in DIVERSITY:
        raise ConfigurationError(
            f"diversity is {diversity!r}; choose one of {', '.join(sorted(DIVERSITY))}."
        )
    allowed = np.ones(len(score), dtype=bool) if eligible is None else eligible.copy()
    if allowed.shape != score.shape:
        raise InvalidValuesError(f"eligible has shape {allowed.shape}; expected {score.shape}.")
    if not np.isfinite(score).all():
        raise InvalidValuesError(f"score has {(~np.isfinite(score)).sum()} values not finite.")
    # Ties are decided by position from here on, so positions are shuffled once.
    order = rng.permutation(len(score))
    order = order[np.argsort(-score[order], kind="stable")]
    order = order[allowed[order]]
    return DIVERSITY[diversity](score, order, min(max(n, 0), len(order)), **options)


def by_score(score: FloatArray, order: IntArray, n: int) -> IntArray:  # noqa: ARG001
    """The n best by score alone."""
    return order[:n]


Diversity = Callable[..., IntArray]

DIVERSITY: dict[str, Diversity] = {
    "none": by_score,
    "diffusion": by_diffusion,
    "k_centre": by_coverage,
    "quotas": by_class,
}
