"""What the random audit says about the labels as they were when relabelling began.

A round draws its audit among the tasks that nobody was asked about before. Tasks that the ranking
brought forward earlier are not among them, so a later round's audit sees fewer wrong labels than
there were at first; what people found until then is added back.
"""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from relabel.numerics.estimates import Estimate, audited_noise_rate
from relabel.service.state import ProjectState
from relabel.types import BoolArray, FloatArray, State


@dataclass(frozen=True, slots=True)
class Audit:
    """The finished audited tasks of all rounds.

    wrong: (m,) whether the label of each was wrong; drawn_from: tasks that a round drew from, and
    found_before: wrong labels found before it drew, both averaged over the audited tasks.
    """

    wrong: BoolArray
    drawn_from: float
    found_before: float

    def initial(self, labelled: int) -> Estimate:
        """Return the share of wrong labels among all `labelled` tasks at the beginning.

        Raises:
            NotReadyError: nothing was audited.

        """
        rate = audited_noise_rate(self.wrong)
        value, low, high = (
            min((self.found_before + self.drawn_from * share) / labelled, 1.0)
            for share in (rate.value, rate.low, rate.high)
        )
        return Estimate(value, low, high, rate.level)


def first_asked(state: ProjectState, new_ids: AbstractSet[int]) -> FloatArray:
    """Return (N,) when the first vote since connecting came, Unix seconds; inf = none yet."""
    asked = np.full(len(state.tasks), np.inf)
    votes = [v for v in state.votes if v.annotation_id in new_ids]
    rows = np.searchsorted(state.counts.task_ids, [v.task_id for v in votes]).astype(np.int64)
    np.minimum.at(asked, rows, [v.at.timestamp() for v in votes])
    return asked


def read_audit(state: ProjectState, asked: FloatArray, published_at: Sequence[float]) -> Audit:
    """Return what the finished audited tasks say.

    Args:
        state: the project now.
        asked: (N,) of `first_asked`.
        published_at: when each round was published, Unix seconds, increasing: a task was drawn by
            the last round before its first vote.

    """
    labelled = state.given >= 0
    finished = (state.consensus.states == State.SETTLED) & np.isfinite(asked) & labelled
    wrong = finished & (state.consensus.labels != state.given)
    drawn = np.array([task.audit for task in state.tasks.values()], dtype=np.bool_)
    times = np.asarray(published_at, dtype=np.float64)
    by_round = np.searchsorted(times, asked, side="right") - 1
    rows = np.flatnonzero(drawn & finished & (by_round >= 0))
    if not len(rows):
        return Audit(np.zeros(0, dtype=np.bool_), float(labelled.sum()), 0.0)
    pool = np.array([(labelled & (asked > at)).sum() for at in times])
    before = np.array([(wrong & (asked <= at)).sum() for at in times])
    mine = by_round[rows]
    return Audit(wrong[rows], float(pool[mine].mean()), float(before[mine].mean()))
