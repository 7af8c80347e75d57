"""What the audit says: a random sample of all labelled tasks, judged by new people alone.

It estimates which labels people would change. Neither the old label nor the model is a voice in it,
and nothing but chance has chosen the tasks: they are the start of one random order.
"""

import math
from dataclasses import dataclass

import numpy as np

from relabel.numerics.estimates.confidence_sequence import Audited, noise_rate_looks
from relabel.numerics.estimates.error_rates import (
    OF_A_CLASS,
    people_error,
    true_rate,
    verdict_error,
)
from relabel.numerics.estimates.noise_rate import Estimate, audited_noise_rate
from relabel.service.queue.audit import for_others, said_anew, turns_of
from relabel.service.votes.rates import RoundRates
from relabel.service.votes.settlements import Settlements, first_settlements, new_votes
from relabel.service.votes.state import AnsweredState
from relabel.types import FloatArray, IntArray

LEAST_AUDIT = 20
"""Audited tasks with a verdict below which no figure is shown: their interval would say little."""

LEAST_TO_SHARPEN = 40
"""Audited tasks from which on the model's doubt may move and narrow what they say: with 20 of them
an interval that says .95 held .89 of the time (benchmarks/coverage.py)."""

LEAST_OF_EACH = 5
"""Labels found wrong, and found right, from which on it may: of three wrong ones among 60 an
interval that says .95 held .905 of the time."""

UNMOVED = 0.0, 1.0
"""The audited share where the model's doubt has no say: as it is, its interval as wide."""


@dataclass(frozen=True, slots=True)
class Audit:
    """The audited tasks with a verdict, m of them, in the order of the audit; K classes.

    given: (m,) old labels; said: (m,) what new people say; settled: how votes settled them first;
    doubts: (m,) how improbable the model finds the old
    label, by which `doubt` is the mean over all labelled tasks; pairs, differing: tasks that two
    new people have judged, and those of them where the first two said different classes; people:
    who must agree on a verdict; lonely: further tasks whose turn has come and that everybody at
    work has answered, so that they wait for another person.
    """

    classes: int
    given: IntArray
    said: IntArray
    settled: Settlements
    doubts: FloatArray
    doubt: float
    pairs: int
    differing: int
    people: int
    lonely: int

    @property
    def finished(self) -> int:
        """How many audited tasks have a verdict, m."""
        return len(self.said)

    @property
    def source(self) -> str:
        """What the share of wrong labels comes from, as the end of a sentence."""
        who = "one person" if self.people == 1 else "two new people who agree"
        drawn = f"{self.finished} tasks audited at random, judged by {who}"
        return drawn if self._sharpened() == UNMOVED else f"{drawn}, and the model's doubt"

    def initial(self) -> Estimate:
        """Return the share of the labels at the beginning that people would change.

        The audited share is moved by how much the model doubts all labels more than these, and
        narrowed by what doubt explains (Angelopoulos et al. 2023, PPI++).

        Raises:
            NotReadyError: nothing was audited.

        """
        rate = audited_noise_rate(self.said != self.given)
        shift, left = self._sharpened()
        value, low, high = (
            float(np.clip(share, 0.0, 1.0))
            for share in (
                rate.value + shift,
                rate.value + shift - left * (rate.value - rate.low),
                rate.value + shift + left * (rate.high - rate.value),
            )
        )
        return Estimate(value, low, high, rate.level)

    def at_any_look(self, labelled: int) -> Estimate:
        """Return the same by the audit alone, with an interval that holds at all looks together.

        That of `initial` holds at one look that nobody chose by what it shows; who looks after
        every vote and stops when it suits needs this one. The model has no say in it.

        Args:
            labelled: how many tasks have an old label.

        Raises:
            NotReadyError: nothing was audited.

        """
        nothing = np.zeros(self.finished)
        looks = noise_rate_looks(Audited(self.said != self.given, nothing, nothing, labelled))
        return Estimate(
            float(looks.value[-1]), float(looks.low[-1]), float(looks.high[-1]), looks.level
        )

    def without_people(self) -> Estimate | None:
        """Return `initial` with people's own error taken out; None while that is not known.

        As far as people err independently of each other: mistakes that they share stay in.
        """
        if self.pairs < LEAST_AUDIT:
            return None
        error = people_error(self.pairs, self.differing, self.classes)
        verdict = verdict_error(error, self.classes)
        found = self.initial()
        value, low, high = (
            true_rate(share, verdict, self.classes)
            for share in (found.value, found.low, found.high)
        )
        return Estimate(value, low, high, found.level)

    def after_settling(self, *, alone: bool) -> Estimate | None:
        """Return the share of settled labels that two new people would change again.

        None while too few audited tasks were settled so, and where one person works alone.

        Args:
            alone: of those settled by one person and the model; otherwise of all others.

        """
        known = (self.settled.labels >= 0) & (self.settled.alone == alone)
        if self.people == 1 or known.sum() < LEAST_AUDIT:
            return None
        return audited_noise_rate((self.settled.labels != self.said)[known])

    def by_class(self) -> list[tuple[int, Estimate]]:
        """Return what people would change of each class of which 100 labels are audited."""
        known = np.flatnonzero(np.bincount(self.given, minlength=self.classes) >= OF_A_CLASS)
        wrong = self.said != self.given
        return [(c, audited_noise_rate(wrong[self.given == c])) for c in known.tolist()]

    def _sharpened(self) -> tuple[float, float]:
        """By how much to move the audited share, and what is left of its interval's width."""
        wrong = self.said != self.given
        few = len(wrong) < LEAST_TO_SHARPEN or min(wrong.sum(), (~wrong).sum()) < LEAST_OF_EACH
        if few or self.doubts.std() == 0:
            return UNMOVED
        slope = float(np.cov(self.doubts, wrong)[0, 1] / self.doubts.var(ddof=1))
        slope = min(max(slope, 0.0), 1.0)
        rest = float(np.var(wrong - slope * self.doubts, ddof=2) / np.var(wrong))
        shift = slope * float(self.doubt - self.doubts.mean())
        return shift, math.sqrt(min(rest, 1.0))


def not_known(audit: Audit, audit_share: float) -> str:
    """Return why nothing can be said of the wrong labels, "" = the audit carries a figure.

    Args:
        audit: of the project.
        audit_share: of the policy.

    """
    if audit.finished >= LEAST_AUDIT:
        return ""
    if not audit_share:
        return "not known: audit_share is 0, so no task is audited"
    so_far = f"not known yet; the audit has {audit.finished} of {LEAST_AUDIT}"
    if not audit.lonely:
        return so_far
    tasks = "task waits" if audit.lonely == 1 else "tasks wait"
    return f"{so_far}, and {audit.lonely} {tasks} for another person: two must agree"


def read_audit(state: AnsweredState, doubts: FloatArray, rates: RoundRates | None = None) -> Audit:
    """Return what the audited tasks say.

    Args:
        state: the project now.
        doubts: (N,) 1 - p[given label] by the round in force, NaN where it did not judge.
        rates: of that round, None = it has none.

    """
    turns = turns_of(state)
    said = said_anew(state, turns.done)
    rows = turns.done[said >= 0]
    labelled = doubts[state.mine() & (state.given >= 0) & ~np.isnan(doubts)]
    mean = float(labelled.mean()) if len(labelled) else 0.0
    pairs = [some[:2] for some in new_votes(state, rows) if len(some) > 1]
    return Audit(
        classes=len(state.schema.classes),
        given=state.given[rows],
        said=said[said >= 0],
        settled=first_settlements(state, rows, rates),
        # Of what the round has not judged it knows no more than of the rest.
        doubts=np.where(np.isnan(doubts[rows]), mean, doubts[rows]),
        doubt=mean,
        pairs=len(pairs),
        differing=sum(first.label != second.label for first, second in pairs),
        people=turns.people,
        lonely=len(for_others(state, turns)),
    )
