"""Orders in which a simulated campaign asks its tasks."""

from collections.abc import Callable
from heapq import heapify, heappop, heappush

import numpy as np

from relabel.simulation.campaign.loop import Prioritise, Queue, initial_counts
from relabel.types import BoolArray, FloatArray, IntArray


class OrderedQueue:
    """A fixed order; what is learnt about a task does not move the others."""

    def __init__(self, order: IntArray) -> None:
        """order: rows, the one to ask first at the front."""
        self._rows = iter(order.tolist())

    def next(self) -> int | None:
        """Return the next row; None at the end."""
        return next(self._rows, None)

    def closed(self, task: int, label: int) -> None:
        """Leave the order as it is."""


class RescoringQueue:
    """Always the task with the highest score, where asking a task changes its score."""

    def __init__(
        self,
        scores: FloatArray,
        rescore: Callable[[int, int], float],
        rng: np.random.Generator,
    ) -> None:
        """scores: (N,) higher = sooner; rescore(task, label) -> the task's new score."""
        self._rescore = rescore
        self._ties: list[float] = rng.random(len(scores)).tolist()
        pairs = enumerate(zip(scores.tolist(), self._ties, strict=True))
        self._heap = [(-score, tie, task) for task, (score, tie) in pairs]
        heapify(self._heap)

    def next(self) -> int | None:
        """Take the best task out of the queue; `closed` puts it back."""
        return heappop(self._heap)[2] if self._heap else None

    def closed(self, task: int, label: int) -> None:
        """Put the task back with the score that its label now gives it."""
        heappush(self._heap, (-self._rescore(task, label), self._ties[task], task))


class KeyedQueue:
    """Always the task whose key is the greatest, where any key may change at any time."""

    def __init__(self, gain: FloatArray, doubt: FloatArray, pool: BoolArray, seed: int) -> None:
        """gain, doubt: (N,) the key, higher = sooner, `doubt` where gains are equal; pool: (N,)."""
        self._ties: list[float] = np.random.default_rng(seed).random(len(gain)).tolist()
        self._versions = [0] * len(gain)
        keys = zip((-gain).tolist(), (-doubt).tolist(), self._ties, strict=True)
        self._heap = [(*key, task, 0) for task, key in enumerate(keys) if pool[task]]
        heapify(self._heap)

    def next(self) -> int | None:
        """Return the best task, which stays there until `put` moves it; None = none is left."""
        while self._heap and self._heap[0][4] != self._versions[self._heap[0][3]]:
            heappop(self._heap)
        return self._heap[0][3] if self._heap else None

    def put(self, task: int, key: tuple[float, float] | None) -> None:
        """Give a task another key, or take it out of the queue."""
        self._versions[task] += 1
        if key is not None:
            place = (-key[0], -key[1], self._ties[task], task, self._versions[task])
            heappush(self._heap, place)


def random_order(seed: int) -> Prioritise:
    """Return the baseline: every task once, in random order."""

    def prioritise(_: IntArray, labels: IntArray, pool: BoolArray) -> Queue:
        order = np.random.default_rng(seed).permutation(len(labels))
        return OrderedQueue(order[pool[order]])

    return prioritise


def oracle_order(
    distributions: FloatArray, score: Callable[[IntArray, FloatArray], FloatArray], seed: int
) -> Prioritise:
    """Return the ranking by someone who knows the (N, K) true distributions.

    score(counts (N, K), distributions) is the production score `ratio`: the probability that the
    label is wrong per expected vote. As in the reference code of Bernhardt et al. 2022, a task is
    judged as if its label were its only vote, so a table of one score per task and label holds all,
    the last column for a task without any.
    (With all votes counted, a second vote for a wrong label makes the task look cheap, since the
    next vote cannot undo the majority; that oracle is weaker.)
    """
    n, k = distributions.shape
    only = [initial_counts(np.full(n, label), k) for label in (*range(k), -1)]
    table = np.stack([score(counts, distributions) for counts in only], axis=1)
    rows: list[list[float]] = table.tolist()

    def rescore(task: int, label: int) -> float:
        return rows[task][label]

    def prioritise(_: IntArray, labels: IntArray, pool: BoolArray) -> Queue:
        scores = np.where(pool, table[np.arange(n), labels], -np.inf)
        return RescoringQueue(scores, rescore, np.random.default_rng(seed))

    return prioritise
