"""What the random audit says about the labels as they were when relabelling began.

A round draws its audit among the tasks that nobody was asked about before. Tasks that the ranking
brought forward earlier are not among them, so a later round's audit sees fewer wrong labels than
there were at first; what people found until then is added back.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from relabel.numerics.estimates.noise_rate import Estimate, audited_noise_rate
from relabel.service.votes.state import AnsweredState
from relabel.types import BoolArray, FloatArray, IntArray, State

LEAST_AUDIT = 20
"""Finished audited tasks below which no figure is shown: their interval would say little."""

LEAST_TO_SHARPEN = 40
"""Audited tasks from which on the model's doubt may move and narrow what they say: with 20 of them
an interval that says .95 held .89 of the time (benchmarks/coverage.py)."""


UNMOVED = 0.0, 1.0
"""The audited share where the model's doubt has no say: as it is, its interval as wide."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The finished audited tasks of all rounds, m of them.

    wrong: (m,) whether the label was wrong; doubts: (m,) how improbable the model finds it;
    pool: (m,) how many tasks it was drawn from; pool_doubt: (m,) their mean doubt; found_before:
    (m,) wrong labels found before it was drawn.
    """

    wrong: BoolArray
    doubts: FloatArray
    pool: IntArray
    pool_doubt: FloatArray
    found_before: IntArray

    @property
    def finished(self) -> int:
        """How many audited tasks are finished, m."""
        return len(self.wrong)

    @property
    def source(self) -> str:
        """What the share of wrong labels comes from, as the end of a sentence."""
        drawn = f"{self.finished} tasks audited at random"
        if self._sharpened() == UNMOVED:
            return f"{drawn} and what was found before they were drawn"
        return f"{drawn}, what was found before they were drawn, and the model's doubt"

    def initial(self, labelled: int) -> Estimate:
        """Return the share of wrong labels among all `labelled` tasks at the beginning.

        The audited share is moved by how much the model doubts the tasks they were drawn from more
        than themselves, and narrowed by what doubt explains (Angelopoulos et al. 2023, PPI++).

        Raises:
            NotReadyError: nothing was audited.

        """
        rate = audited_noise_rate(self.wrong)
        shift, left = self._sharpened()
        before, pool = self.found_before.mean(), self.pool.mean()
        value, low, high = (
            float(np.clip((before + pool * share) / labelled, before / labelled, 1.0))
            for share in (
                rate.value + shift,
                rate.value + shift - left * (rate.value - rate.low),
                rate.value + shift + left * (rate.high - rate.value),
            )
        )
        return Estimate(value, low, high, rate.level)

    def _sharpened(self) -> tuple[float, float]:
        """By how much to move the audited share, and what is left of its interval's width."""
        few = len(self.wrong) < LEAST_TO_SHARPEN
        if few or self.doubts.std() == 0 or self.wrong.all() or not self.wrong.any():
            return UNMOVED
        slope = float(np.cov(self.doubts, self.wrong)[0, 1] / self.doubts.var(ddof=1))
        slope = min(max(slope, 0.0), 1.0)
        rest = float(np.var(self.wrong - slope * self.doubts, ddof=2) / np.var(self.wrong))
        shift = slope * float(self.pool_doubt.mean() - self.doubts.mean())
        return shift, math.sqrt(min(rest, 1.0))


def not_known(finished: int, audit_share: float) -> str:
    """Return why nothing can be said of the wrong labels, "" = the audit carries a figure.

    Args:
        finished: audited tasks.
        audit_share: of the policy.

    """
    if finished >= LEAST_AUDIT:
        return ""
    if not audit_share:
        return "not known: audit_share is 0, so no task is audited"
    return f"not known yet; the audit has {finished} of {LEAST_AUDIT}"


def read_audit(state: AnsweredState, doubts: FloatArray, published_at: Sequence[float]) -> Audit:
    """Return what the finished audited tasks say.

    Args:
        state: the project now.
        doubts: (N,) 1 - p[given label] by the round in force, NaN where it did not judge.
        published_at: when each round was published, Unix seconds, increasing: a task was drawn by
            the last round before its first vote.

    """
    asked = state.asked_at
    judged = (state.given >= 0) & ~np.isnan(doubts)
    settled = state.consensus.states == State.SETTLED
    finished = settled & np.isfinite(asked) & judged
    wrong = finished & (state.consensus.labels != state.given)
    # What was settled before anybody was asked is never drawn.
    drawable = judged & (np.isfinite(asked) | ~settled)
    times = np.asarray(published_at, dtype=np.float64)
    by_round = np.searchsorted(times, asked, side="right") - 1
    rows = np.flatnonzero(state.places.audit & finished & (by_round >= 0))
    pools = [drawable & (asked > at) for at in times[by_round[rows]]]
    before = [(wrong & (asked <= at)).sum() for at in times[by_round[rows]]]
    return Audit(
        wrong=wrong[rows],
        doubts=doubts[rows],
        pool=np.array([pool.sum() for pool in pools], dtype=np.int64),
        pool_doubt=np.array([doubts[pool].mean() for pool in pools], dtype=np.float64),
        found_before=np.array(before, dtype=np.int64),
    )
