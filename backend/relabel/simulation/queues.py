"""Orders in which a simulated campaign asks its tasks."""

from collections.abc import Callable
from heapq import heapify, heappop, heappush

import numpy as np

from relabel.simulation.campaign import Prioritise, Queue
from relabel.types import BoolArray, FloatArray, IntArray


class OrderedQueue:
    """A fixed order; what is learnt about a task does not move the others."""

    def __init__(self, order: IntArray) -> None:
        """order: rows, the one to ask first at the front."""
        self._rows = iter(order.tolist())

    def next(self) -> int | None:
        """Return the next row; None at the end."""
        return next(self._rows, None)

    def closed(self, task: int, votes: list[int]) -> None:
        """Leave the order as it is."""


class RescoringQueue:
    """Always the task with the highest score, where asking a task changes its score."""

    def __init__(
        self,
        scores: FloatArray,
        bound: Callable[[int, list[int]], float],
        rescore: Callable[[int, list[int]], float],
        rng: np.random.Generator,
    ) -> None:
        """scores: (N,) higher = sooner. rescore(task, votes (K,)) -> the task's score.

        bound(task, votes) is never below rescore's answer and cheap: a task is rescored only when
        its bound brings it to the front, so most tasks that were asked never are.
        """
        self._bound, self._rescore = bound, rescore
        self._ties: list[float] = rng.random(len(scores)).tolist()
        self._stale: dict[int, list[int]] = {}
        pairs = enumerate(zip(scores.tolist(), self._ties, strict=True))
        self._heap = [(-score, tie, task) for task, (score, tie) in pairs]
        heapify(self._heap)

    def next(self) -> int | None:
        """Take the best task out of the queue; `closed` puts it back."""
        while self._heap:
            task = heappop(self._heap)[2]
            votes = self._stale.pop(task, None)
            if votes is None:
                return task
            self._push(task, self._rescore(task, votes))
        return None

    def closed(self, task: int, votes: list[int]) -> None:
        """Put the task back with the best score that its votes could give it."""
        self._stale[task] = votes
        self._push(task, self._bound(task, votes))

    def _push(self, task: int, score: float) -> None:
        heappush(self._heap, (-score, self._ties[task], task))


def random_order(seed: int) -> Prioritise:
    """Return the baseline: every task once, in random order."""

    def prioritise(counts: IntArray, pool: BoolArray) -> Queue:
        order = np.random.default_rng(seed).permutation(len(counts))
        return OrderedQueue(order[pool[order]])

    return prioritise


def oracle_order(
    distributions: FloatArray, score: Callable[[IntArray, FloatArray], FloatArray], seed: int
) -> Prioritise:
    """Return the ranking by someone who knows the (N, K) true distributions.

    score(counts (N, K), distributions) is the production score `ratio`: the probability that the
    label is wrong per expected vote. At least one vote is needed, so the probability alone bounds
    it.
    """
    certainty: list[list[float]] = distributions.tolist()

    def bound(task: int, votes: list[int]) -> float:
        return 1 - certainty[task][votes.index(max(votes))]

    def rescore(task: int, votes: list[int]) -> float:
        row = slice(task, task + 1)
        return float(score(np.array([votes], dtype=np.int64), distributions[row])[0])

    def prioritise(counts: IntArray, pool: BoolArray) -> Queue:
        scores = np.where(pool, score(counts, distributions), -np.inf)
        return RescoringQueue(scores, bound, rescore, np.random.default_rng(seed))

    return prioritise
