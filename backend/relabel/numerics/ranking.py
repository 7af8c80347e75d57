"""From scores and states to one order of all tasks, and to Label Studio's prediction scores."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from relabel.errors import InvalidValuesError
from relabel.types import BoolArray, FloatArray, IntArray, State

BEGUN, UNTOUCHED, UNLABELLED = 2.0, 0.0, -2.0
"""Centres of the three tiers of priority; each is less than 1 wide on either side."""

DIGITS = 10
"""Decimals of a score that count. What differs beyond them is rounding: it depends on the order of
the classes, and must not decide between tasks that are alike."""

_TIER_EDGES = np.array([3.0, 1.0, -1.0, -3.0])
_QUALITY_EDGES = np.array([0.0, 0.1, 0.9, 1.0])


def prioritise(
    score: FloatArray,
    counts: IntArray,
    initial_votes: IntArray,
    states: IntArray,
    *,
    begun_first: bool = True,
) -> FloatArray:
    """Turn scores into relabelling priorities, higher = relabel sooner.

    Tasks whose relabelling has begun (more votes than at first, not settled or ambiguous) come
    before all others, since a task is finished before the next one is opened (Bernhardt et al.
    2022, Algorithm 1); then labelled tasks; unlabelled tasks last. Within a tier the score decides.
    A settled or ambiguous task keeps its score's place: leave it out by its state.

    Args:
        score: (N,) finite, higher = sooner.
        counts: (N, K) votes so far.
        initial_votes: (N,) how many of them were there before relabelling.
        states: (N,) of `State`.
        begun_first: whether begun tasks come first; otherwise they wait their turn by the score.

    Returns:
        (N,) in (1, 3) for begun, (-1, 1) for labelled, (-3, -1) for unlabelled tasks. Increasing in
        the score within a tier, strictly so for scores below 100 that differ in their first
        `DIGITS` decimals; a task's priority depends on its own row alone.

    Raises:
        InvalidValuesError: Shapes differ or a score is not finite.
    """
    tasks = (len(counts),)
    if not score.shape == initial_votes.shape == states.shape == tasks:
        raise InvalidValuesError(
            f"score {score.shape}, initial_votes {initial_votes.shape} and states {states.shape} "
            f"must all have shape {tasks}, one value per row of counts."
        )
    if not np.isfinite(score).all():
        rows = np.flatnonzero(~np.isfinite(score))
        raise InvalidValuesError(
            f"score has {len(rows)} values that are not finite; first rows: {rows[:5].tolist()}."
        )
    total = counts.sum(1)
    finished = (states == State.SETTLED) | (states == State.AMBIGUOUS)
    tier = np.where(total == 0, UNLABELLED, UNTOUCHED)
    if begun_first:
        tier = np.where((total > initial_votes) & ~finished, BEGUN, tier)
    exact = score.round(DIGITS)
    return np.asarray(tier + exact / (1 + np.abs(exact)))


def reorder(priority: FloatArray, first: IntArray) -> FloatArray:
    """Put the tasks of a batch, in their order, before all tasks whose relabelling has not begun.

    Args:
        priority: (N,) of `prioritise`, higher = sooner.
        first: (n,) distinct rows, the one to relabel first at the front.

    Returns:
        (N,) priorities. Begun tasks keep theirs (a batch cannot overtake them); the values of all
        others are handed out anew, strictly decreasing along the batch and then along the rest in
        its former order. Equal values are moved apart by 1e-12.
    """
    movable = priority < BEGUN - 1
    batch = first[movable[first]]
    waiting = movable.copy()
    waiting[batch] = False
    rest = np.flatnonzero(waiting)
    order = np.concatenate([batch, rest[np.argsort(-priority[rest], kind="stable")]])
    values = -np.sort(-priority[movable])
    step = 1e-12 * np.arange(len(values))
    moved = priority.copy()
    moved[order] = np.minimum.accumulate(values + step) - step
    return moved


@dataclass(frozen=True, slots=True)
class QualityMap:
    """A map from priority to Label Studio's prediction score in [0, 1], LOW = relabel first.

    Fixed at a round from the distribution of that round's priorities, so that one vote changes the
    score of one task. Save `knots` and `seed` to get the same map back.

    knots: (U, 3) float: priority, increasing; lowest and highest score of the tasks that had it.
    seed: decides the order of tasks with equal priority.
    """

    knots: FloatArray
    seed: int

    @classmethod
    def fit(cls, priority: FloatArray, rng: np.random.Generator) -> Self:
        """Spread the given priorities evenly, tier by tier.

        Begun tasks lie in [0, 0.1), untouched ones in (0.1, 0.9), unlabelled ones in (0.9, 1],
        whether or not the round had any: a task that begins later finds its place below.
        """
        edges = np.column_stack([_TIER_EDGES, _QUALITY_EDGES, _QUALITY_EDGES])
        knots = [edges]
        for tier in range(3):
            high, low = _TIER_EDGES[tier], _TIER_EDGES[tier + 1]
            inside = priority[(priority < high) & (priority > low)]
            values, sizes = np.unique(-inside, return_counts=True)
            last = np.cumsum(sizes)
            width = (_QUALITY_EDGES[tier + 1] - _QUALITY_EDGES[tier]) / (len(inside) + 1)
            start = _QUALITY_EDGES[tier] + width * (last - sizes + 0.75)
            stop = _QUALITY_EDGES[tier] + width * (last + 0.25)
            knots.append(np.column_stack([-values, start, stop]))
        table = np.concatenate(knots)
        return cls(table[np.argsort(table[:, 0])], int(rng.integers(2**62)))

    def score(self, priority: FloatArray) -> FloatArray:
        """Return (N,) prediction scores in [0, 1], strictly decreasing in priority.

        Tasks of one call that share a priority of the round get different scores, in a random order
        that the seed fixes.
        """
        values, low, high = self.knots.T
        after = np.searchsorted(values, priority, side="right").clip(1, len(values) - 1)
        before = after - 1
        known = values[before] == priority
        share = (priority - values[before]) / (values[after] - values[before])
        # Between two known priorities, from the lower one's first score to the upper one's last.
        between = low[before] + share * (high[after] - low[before])
        at = np.where(known, low[before], between)
        return np.asarray(at + self._ties(priority, known, (high - low)[before]))

    def _ties(self, priority: FloatArray, known: BoolArray, width: FloatArray) -> FloatArray:
        """Move tasks of equal priority apart within the room that the round had for them."""
        order = np.random.default_rng(self.seed).permutation(len(priority))
        _, group, sizes = np.unique(priority[order], return_inverse=True, return_counts=True)
        by_group = np.argsort(group, kind="stable")
        place = np.empty(len(priority))
        starts = np.repeat(np.cumsum(sizes) - sizes, sizes)
        place[order[by_group]] = np.arange(len(priority)) - starts
        size = np.empty(len(priority))
        size[order] = sizes[group]
        return np.where(known, width * (place + 0.5) / np.maximum(size, 1), 0.0)
