"""What the audit says: a random sample of all labelled tasks, judged by new people alone.

It estimates which labels people would change. Neither the old label nor the model is a voice in it,
and nothing but chance has chosen the tasks: they are the start of one random order.
"""

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
from relabel.service.audit.kept_turns import kept_of
from relabel.service.audit.turns import LEAST_AUDIT, for_others, said_anew, turns_of
from relabel.service.votes.rates import RoundRates
from relabel.service.votes.settlements import Settlements, first_settlements, new_votes
from relabel.service.votes.state import AnsweredState
from relabel.types import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Audit:
    """The audited tasks with a verdict, m of them, in the order of the audit; K classes.

    given: (m,) old labels; said: (m,) what new people say; settled: how votes settled them first;
    doubts, rest: (m,) how improbable the model found the old label when its turn came, and on
    average those of the tasks without a turn, see `AuditTurn`; tasks: labelled ones in all; pairs,
    differing: tasks that two new people have judged, and those of them where the first two said
    different classes; people: who must agree on a verdict; due: tasks whose turn has come; lonely:
    those of them that everybody at work has answered, so that they wait for another person.
    """

    classes: int
    given: IntArray
    said: IntArray
    settled: Settlements
    doubts: FloatArray
    rest: FloatArray
    tasks: int
    pairs: int
    differing: int
    people: int
    due: int
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
        spoke = bool((self.doubts != self.rest).any())
        return f"{drawn}, and the model's doubt before they were" if spoke else drawn

    def initial(self) -> Estimate:
        """Return the share of the labels at the beginning that people would change.

        The interval holds at all looks together, so that people may look after every vote and stop
        when it suits. The audited share is moved, and its interval narrowed, by the model's doubt
        as far as that was known before the answers (`noise_rate_looks`).

        Raises:
            NotReadyError: nothing was audited.

        """
        alone = self.alone()
        looks = noise_rate_looks(
            Audited(self.said != self.given, self.doubts, self.rest, self.tasks), level=alone.level
        )
        value, low, high = (float(some[-1]) for some in (looks.value, looks.low, looks.high))
        return Estimate(value, low, high, looks.level)

    def alone(self) -> Estimate:
        """Return the share of the audited labels, with an interval for one look.

        Neither the model nor a second look has a say in it.

        Raises:
            NotReadyError: nothing was audited.

        """
        return audited_noise_rate(self.said != self.given)

    def without_people(self, found: Estimate) -> Estimate | None:
        """Return `initial` with people's own error taken out; None while that is not known.

        As far as people err independently of each other: mistakes that they share stay in.

        Args:
            found: `initial`, which takes a while in large projects.

        """
        if self.pairs < LEAST_AUDIT:
            return None
        error = people_error(self.pairs, self.differing, self.classes)
        verdict = verdict_error(error, self.classes)
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


def not_known(audit: Audit, audit_share: float) -> str:
    """Return why nothing can be said of the wrong labels, "" = the audit carries a figure.

    Args:
        audit: of the project.
        audit_share: of the policy.

    """
    if audit.finished >= LEAST_AUDIT:
        return ""
    if not audit_share and not audit.due:
        return "not known: audit_share is 0, so no task is audited"
    so_far = f"not known yet; the audit has {audit.finished} of {LEAST_AUDIT}"
    if not audit.lonely:
        return so_far
    tasks = "task waits" if audit.lonely == 1 else "tasks wait"
    return f"{so_far}, and {audit.lonely} {tasks} for another person: two must agree"


def read_audit(state: AnsweredState, rates: RoundRates | None = None) -> Audit:
    """Return what the audited tasks say.

    Args:
        state: the project now.
        rates: of the round in force, None = it has none.

    """
    turns = turns_of(state)
    said = said_anew(state, turns.done)
    rows = turns.done[said >= 0]
    kept_here = kept_of(state)
    kept = [kept_here.get(i) for i in state.counts.task_ids[rows].tolist()]
    known = [(0.0, 0.0) if turn is None else (turn.doubt, turn.rest) for turn in kept]
    doubts, rest = np.array(known, dtype=np.float64).reshape(-1, 2).T
    # Of all that were drawn: those on which two people agree say that nobody errs.
    pairs = [some[:2] for some in new_votes(state, turns.drawn) if len(some) > 1]
    return Audit(
        classes=len(state.schema.classes),
        given=state.given[rows],
        said=said[said >= 0],
        settled=first_settlements(state, rows, rates),
        doubts=doubts,
        rest=rest,
        tasks=int(((state.given >= 0) & state.mine()).sum()),
        pairs=len(pairs),
        differing=sum(first.label != second.label for first, second in pairs),
        people=turns.people,
        due=len(turns.rows),
        lonely=len(for_others(state, turns)),
    )
