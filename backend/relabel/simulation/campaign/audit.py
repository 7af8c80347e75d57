"""The audit of a simulated project: tasks in one random order, judged by people alone.

The order is drawn before the first vote, so what has been audited is a random sample whatever the
queue asks meanwhile. Votes that the queue has brought count, and those of the audit count for the
queue; a task that was settled before its turn is asked until two new people agree.
"""

import numpy as np

from relabel.numerics.audit import random_order, turns
from relabel.numerics.consensus.posterior import Rates
from relabel.numerics.estimates.error_rates import (
    annotator_errors,
    old_error,
    people_error,
    trained_error,
    verdicts,
)
from relabel.types import BoolArray, FloatArray, IntArray

Said = list[list[tuple[int, int]]]
"""Of each task the new votes in their order, as (class, annotator)."""


class Audit:
    """Which tasks are audited, and what they say of old labels and people.

    drawn: rows whose turn has come, with those that nobody is left for; done: rows with a verdict
    or at their cap, a start of the order. Both as of the last `next`.
    """

    def __init__(
        self, old: IntArray, classes: int, share: float, seed: int, max_votes: int | None = None
    ) -> None:
        """old: (N,) labels, all of them given; share: of all votes, 0 = no audit.

        max_votes: new votes of one task after which no more are asked for a verdict, None = no cap.
        """
        self._old, self._classes, self._share = old, classes, share
        self._max_votes = max_votes
        self._order: IntArray = random_order(np.arange(len(old)), seed)
        self.done: IntArray = self._order[:0]
        self.drawn: IntArray = self._order[:0]

    def next(self, votes: int, new: IntArray, gone: BoolArray) -> int | None:
        """Return the first task whose turn has come and that waits for a verdict, if one does.

        Those before it are `done`, all whose turn has come if none waits: what comes after a task
        that waits is no random sample.

        Args:
            votes: spent so far.
            new: (N, K) new votes.
            gone: (N,) tasks that nobody is left for; they have no turn.
        """
        size = turns(votes, self._share)
        drawn = self._order[: size + int(gone.sum())]
        undecided = verdicts(new[drawn]) < 0
        kept = np.flatnonzero(~(undecided & gone[drawn]))[:size]
        self.drawn = drawn[: kept.max(initial=-1) + 1]
        rows, undecided = drawn[kept], undecided[kept]
        if self._max_votes is not None:
            undecided &= new[rows].sum(1) < self._max_votes
        waits = np.flatnonzero(undecided)
        self.done = rows[: waits[0]] if len(waits) else rows
        return int(rows[waits[0]]) if len(waits) else None

    def judged(self, new: IntArray) -> tuple[IntArray, IntArray]:
        """Return (M,) audited tasks with a verdict, and (M,) verdicts; new: (N, K) votes."""
        said = verdicts(new[self.done])
        return self.done[said >= 0], said[said >= 0]

    def rates(self, new: IntArray, said: Said) -> Rates:
        """Return what the audited tasks say, where the model was taught the old labels.

        new: (N, K) votes; said: the same in their order.
        """
        rows, found = self.judged(new)
        pairs = self._pairs(said)
        old = old_error(found, self._old[rows], self._classes)
        people = people_error(len(pairs), _differing(pairs), self._classes)
        return Rates(old=old, trained=trained_error(old, 0.0), people=people)

    def annotator_errors(self, said: Said, size: int, people: float) -> FloatArray:
        """Return (A,) how often each of `size` annotators errs; people: the mean."""
        pairs = self._pairs(said)
        counted, differing = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.int64)
        for (one, first), (other, second) in pairs:
            counted[[first, second]] += 1
            differing[[first, second]] += one != other
        return annotator_errors(counted, differing, people, self._classes)

    def wrong_alone(self, new: IntArray, alone: dict[int, int]) -> BoolArray:
        """Return (M,) whether people say otherwise where one of them and the model settled a task.

        new: (N, K) votes; alone: labels so settled, by task.
        """
        found = zip(self.done.tolist(), verdicts(new[self.done]).tolist(), strict=True)
        return np.array(
            [said != alone[task] for task, said in found if said >= 0 and task in alone], dtype=bool
        )

    def _pairs(self, said: Said) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        """Return the first two new votes of each task whose turn has come.

        Not of those alone that are judged: of two people who agree neither seems to err.
        """
        votes = (said[task] for task in self.drawn.tolist())
        return [(first, second) for first, second, *_ in (v for v in votes if len(v) > 1)]


def _differing(pairs: list[tuple[tuple[int, int], tuple[int, int]]]) -> int:
    return sum(first[0] != second[0] for first, second in pairs)
