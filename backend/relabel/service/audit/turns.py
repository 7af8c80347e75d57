"""Which tasks are audited: whose turn it is, what people alone say of them, and which are done.

The audit is the start of one random order of the labelled tasks, drawn when the project was
connected. A task whose turn has come is asked about until two new people agree, also if its votes
have settled it before: neither the old label nor the model is a voice.

How many have had their turn follows from the votes spent or from what somebody asked for, whichever
is more. Who asks may have seen every answer so far: which tasks come was drawn before, and nobody
knows yet what people will say of them. So the sample stays a random one, and what holds at all
looks together holds however often, and for whatever reason, more of it is asked for.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

from relabel.numerics.audit import PEOPLE, random_order, turns
from relabel.numerics.consensus.majority import ABSTAIN_LIMIT
from relabel.numerics.estimates.error_rates import verdicts
from relabel.service.votes.state import QueueState
from relabel.types import BoolArray, IntArray

LEAST_AUDIT = 20
"""Audited tasks with a verdict below which no figure is shown: their interval would say little."""


def audit_rows(state: QueueState) -> IntArray:
    """Return the rows of all labelled tasks of the state's part in the order of the audit."""
    project = state.project
    drawn = f"{project.id} {project.connected_at}".encode()
    seed = int.from_bytes(hashlib.blake2b(drawn, digest_size=8).digest())
    labelled = np.flatnonzero((state.given >= 0) & state.mine())
    return labelled[random_order(state.counts.task_ids[labelled], seed)]


def said_anew(state: QueueState, rows: IntArray) -> IntArray:
    """Return (m,) the class on which two new people agree, -1 = none, of the tasks in these rows.

    Who works alone agrees with nobody: their one vote is the verdict. Of votes whose authors nobody
    knows all but one may be the same person's.
    """
    surplus = state.counts.votes[rows].sum(1) - state.voters[rows]
    return verdicts(state.new_counts[rows], people_needed(state) + surplus)


def capped(state: QueueState) -> BoolArray:
    """(N,) tasks that so many new people have answered that no more are asked for a verdict."""
    answers = state.new + state.silent
    return np.asarray((answers >= state.policy.max_votes) | (state.abstains >= ABSTAIN_LIMIT))


@dataclass(frozen=True, slots=True)
class Turns:
    """The tasks whose turn has come.

    drawn: (d,) rows of the state, in the order of the audit; rows: (m,) the same without those on
    which no two new people agree and that nobody can be given; waits: (m,) whether each waits for
    people; people: how many must agree on each; window: so many of those that wait are asked about
    at a time, more than that wait where many turns come at once; by_votes: so many turns the votes
    give, the rest was asked for.
    """

    drawn: IntArray
    rows: IntArray
    waits: BoolArray
    people: int
    window: int
    by_votes: int

    @property
    def done(self) -> IntArray:
        """The rows before the first one that waits: what comes after is no random sample.

        It has been chosen by how soon people agreed.
        """
        first = np.flatnonzero(self.waits)
        return self.rows[: first[0]] if len(first) else self.rows

    @property
    def awaited(self) -> IntArray:
        """The rows that wait for a verdict."""
        return self.rows[self.waits]

    @property
    def asked_for(self) -> IntArray:
        """The rows that wait for a verdict since somebody asked for more than the votes give."""
        return self.rows[self.by_votes :][self.waits[self.by_votes :]]

    @property
    def asked(self) -> IntArray:
        """The places of those that people are asked about now."""
        return np.flatnonzero(self.waits)[: self.window]


def turns_of(state: QueueState) -> Turns:
    """Return the tasks whose turn has come, without those that nobody can be given."""
    people = people_needed(state)
    by_votes = turns(state.spent, state.policy.audit_share, people)
    size = max(by_votes, state.project.audit_until.get(state.part, 0))
    drawn, rows, waits = in_turn(state, size)
    return Turns(drawn, rows, waits, people, state.policy.window, by_votes)


def in_turn(state: QueueState, size: int) -> tuple[IntArray, IntArray, BoolArray]:
    """Return `Turns.drawn`, `Turns.rows` and `Turns.waits` of so many turns."""
    given_to_none = state.serving.ended | state.serving.refused | ~state.places.usable
    # No more rows are looked at than may be needed: every vote asks.
    drawn = audit_rows(state)[: size + int(given_to_none.sum())]
    undecided = said_anew(state, drawn) < 0
    kept = np.flatnonzero(~(undecided & given_to_none[drawn]))[:size]
    rows = drawn[kept]
    waits = undecided[kept] & ~capped(state)[rows]
    return drawn[: kept.max(initial=-1) + 1], rows, waits


def audited(state: QueueState) -> IntArray:
    """Return the audited tasks' rows: a start of the order, all with a verdict or at their cap."""
    return turns_of(state).done


def awaited(state: QueueState) -> IntArray:
    """Return the rows of the tasks whose turn has come and that wait for a verdict, in order."""
    return turns_of(state).awaited


def for_others(state: QueueState, turns: Turns) -> IntArray:
    """Return the awaited rows that everybody at work has been at: another person must come."""
    at_work = set(state.serving.at_work)
    if not at_work:
        return turns.awaited[:0]
    rows = turns.awaited.tolist()
    return np.array([r for r in rows if at_work <= set(state.presence.people[r])], dtype=np.int64)


def people_needed(state: QueueState) -> int:
    """Return how many new people must agree on an audited task."""
    return 1 if state.policy.solo else PEOPLE
