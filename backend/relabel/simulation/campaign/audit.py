"""The audit of a simulated project: tasks in one random order, judged by people alone.

The order is drawn before the first vote, so what has been audited is a random sample whatever the
queue asks meanwhile. Votes that the queue has brought count, and those of the audit count for the
queue; a task that was settled before its turn is asked until two new people agree.
"""

import numpy as np

from relabel.numerics.audit import EARLY, HASTE
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
    """Which tasks are audited, and what they say of old labels and people."""

    def __init__(self, old: IntArray, classes: int, share: float, seed: int) -> None:
        """old: (N,) labels, all of them given; share: of all votes, 0 = no audit."""
        self._old, self._classes, self._share = old, classes, share
        self._order: IntArray = np.random.default_rng(seed).permutation(len(old))
        self._place = 0
        self._votes = 0
        self._judged = 0

    def is_due(self, votes: int) -> bool:
        """Return whether the audit has had less than its share of so many votes."""
        haste = HASTE if self._judged < EARLY else 1
        return self._votes < self._share * haste * votes

    def next(self, new: IntArray, closed: BoolArray) -> int | None:
        """Return the next task that needs a vote; None at the end.

        new: (N, K) new votes; closed: (N,) tasks that nobody can be asked about.
        """
        while self._place < len(self._order):
            task = int(self._order[self._place])
            if verdicts(new[task : task + 1])[0] < 0 and not closed[task]:
                return task
            self._place += 1
            self._judged += not closed[task]
        return None

    def count(self) -> None:
        """Take note of a vote that the audit asked for."""
        self._votes += 1

    @property
    def done(self) -> IntArray:
        """(M,) the tasks that have had their turn, in the order of the audit."""
        return self._order[: self._place]

    def rates(self, new: IntArray, said: Said) -> Rates:
        """Return what the audited tasks say, where the model was taught the old labels.

        new: (N, K) votes; said: the same in their order.
        """
        audited = self.done
        found = verdicts(new[audited])
        judged = found >= 0
        pairs = self._pairs(said)
        old = old_error(found[judged], self._old[audited[judged]], self._classes)
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
        audited = self.done
        found = zip(audited.tolist(), verdicts(new[audited]).tolist(), strict=True)
        return np.array(
            [said != alone[task] for task, said in found if said >= 0 and task in alone], dtype=bool
        )

    def _pairs(self, said: Said) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        """Return the first two new votes of each audited task."""
        votes = (said[task] for task in self.done.tolist())
        return [(first, second) for first, second, *_ in (v for v in votes if len(v) > 1)]


def _differing(pairs: list[tuple[tuple[int, int], tuple[int, int]]]) -> int:
    return sum(first[0] != second[0] for first, second in pairs)
