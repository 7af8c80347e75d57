"""When relabelling may stop: "with 95 % confidence at least 90 % of the wrong labels are found".

What is found is counted. What is left, among the tasks not yet asked, is bounded from above by
those of them that the audit draws at random; the queue empties the others of wrong labels, so a few
late audited tasks say more than many early ones. The bound holds at all looks together: a number is
refuted once the likelihood of all draws, if there were fewer, ever was 1 / (1 - confidence) times
that under the number itself (Ville's inequality; sampling without replacement as in Waudby-Smith
and Ramdas 2020).
"""

from dataclasses import dataclass

import numpy as np

from relabel.types import BoolArray, FloatArray, IntArray

SHARE = 0.9
"""Share of the wrong labels that is to be found."""

CONFIDENCE = 0.95

WEIGHTS = (0.4, 0.4, 0.2)
"""How much each supposition counts against a number: that all of its wrong labels but the share
that must be found are found, that half of the rest is, and that there are none at all."""

LEAST = 0.1
"""No supposition has fewer left than this share of the number: one wrong label never ends it."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """The audited tasks that nobody had been asked about when their turn came, M of them, in order.

    wrong: (M,) whether the label was wrong. pool: (M,) tasks not yet asked then, itself among them.
    found: (M,) wrong labels found by then, by queue and audit.
    """

    wrong: BoolArray
    pool: IntArray
    found: IntArray


@dataclass(frozen=True, slots=True)
class Stop:
    """What may be said of the wrong labels that are left.

    found: so far. left: at most so many are among the tasks not yet asked. share: of all wrong
    labels at least this one is found. is_said: whether that is enough. needed: audited tasks more,
    none of them wrong, after which it would be.
    """

    found: int
    left: int
    share: float
    is_said: bool
    needed: int


def stop_statement(
    drawn: Drawn, pool: int, found: int, *, share: float = SHARE, confidence: float = CONFIDENCE
) -> Stop:
    """Return what the audit says of the wrong labels that are left.

    What counts as wrong is the caller's: a label that people would change, or that the project's
    own consensus would change if the task was asked. It must be the same for tasks of the queue and
    of the audit, or what was found since a task was drawn is not what its pool has lost.

    Args:
        drawn: so far; M may be 0.
        pool: tasks not yet asked.
        found: wrong labels found.
        share: of the wrong labels that is to be found, in (0, 1).
        confidence: of the statement, at all looks together, in (0, 1).
    """
    needed = -np.log(1 - confidence)
    # What was found may be more than the audit bears; then it says nothing of what is left.
    absurd = _is_refuted(drawn, found, share, needed)
    left = pool if absurd else _most_left(drawn, pool, found, share, needed)
    total = found + left
    # The fewest that would be too many; the small number is for .9 * 10 / 9.
    too_many = int(np.floor(found * (1 - share) / share + 1e-9)) + 1
    more = 0
    if left >= too_many:
        more = pool if absurd else _needed(drawn, pool, found, too_many, share, needed)
    return Stop(found, left, found / total if total else 1.0, left < too_many, more)


def log_likelihood_ratio(drawn: Drawn, total: int, share: float) -> FloatArray:
    """Return (M,) what speaks against so many wrong labels, and for fewer, by each draw.

    The mean over `WEIGHTS` of likelihood ratios, as a logarithm: if `total` is true, its
    expectation is 1 at every look. It never falls with the number.

    Args:
        drawn: so far.
        total: wrong labels that there might be in all, found ones among them.
        share: of them that must be found.
    """
    mean = np.clip((total - drawn.found) / drawn.pool, 0, 1)
    ratios = np.full(mean.shape, -np.inf)
    for weight, found in zip(WEIGHTS, (share, (1 + share) / 2, 0), strict=True):
        other = np.clip((found * total - drawn.found) / drawn.pool, LEAST * mean, mean)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(drawn.wrong, other / mean, (1 - other) / (1 - mean))
            # A wrong label where only wrong ones can be, or none, speaks for no lower number.
            ratio = np.where(drawn.wrong & ((mean == 0) | (mean == 1)), 1.0, ratio)
            ratio = np.where(~drawn.wrong & (mean == 1), np.inf, ratio)
            ratios = np.logaddexp(ratios, np.log(weight) + np.log(ratio).cumsum())
    return np.asarray(ratios)


def _most_left(drawn: Drawn, pool: int, found: int, share: float, needed: float) -> int:
    """Return the highest number of wrong labels left that is not refuted, by bisection."""
    low, high = 0, pool  # none left is not refuted, and there is no room for more
    while low < high:
        middle = (low + high + 1) // 2
        refuted = _is_refuted(drawn, found + middle, share, needed)
        low, high = (low, middle - 1) if refuted else (middle, high)
    return low


def _is_refuted(drawn: Drawn, total: int, share: float, needed: float) -> bool:
    return bool(log_likelihood_ratio(drawn, total, share).max(initial=-np.inf) >= needed)


def _needed(drawn: Drawn, pool: int, found: int, too_many: int, share: float, needed: float) -> int:
    """Return after how many more draws, none of them wrong, so many left are refuted."""
    more = Drawn(
        np.concatenate([drawn.wrong, np.zeros(pool, dtype=bool)]),
        np.concatenate([drawn.pool, pool - np.arange(pool)]),
        np.concatenate([drawn.found, np.full(pool, found)]),
    )
    against = log_likelihood_ratio(more, found + too_many, share)[len(drawn.wrong) :]
    return int((against >= needed).argmax()) + 1
