"""Which tasks are audited: whose turn it is, what people alone say of them, and which are done.

The audit is the start of one random order of the labelled tasks, drawn when the project was
connected. A task whose turn has come is asked about until two new people agree, also if its votes
have settled it before: neither the old label nor the model is a voice.
"""

import hashlib

import numpy as np

from relabel.numerics.audit import PEOPLE, random_order, turns
from relabel.numerics.consensus.majority import ABSTAIN_LIMIT
from relabel.numerics.estimates.error_rates import verdicts
from relabel.service.votes.state import QueueState
from relabel.types import BoolArray, IntArray


def audit_rows(state: QueueState) -> IntArray:
    """Return the rows of all labelled tasks in the order of the audit."""
    project = state.project
    drawn = f"{project.id} {project.connected_at}".encode()
    seed = int.from_bytes(hashlib.blake2b(drawn, digest_size=8).digest())
    labelled = np.flatnonzero(state.given >= 0)
    return labelled[random_order(state.counts.task_ids[labelled], seed)]


def said_anew(state: QueueState) -> IntArray:
    """Return (N,) the class on which two new people agree, -1 = none.

    Who works alone agrees with nobody: their one vote is the verdict. Of votes whose authors nobody
    knows all but one may be the same person's.
    """
    surplus = state.counts.votes.sum(1) - state.voters
    return verdicts(state.new_counts, _people(state) + surplus)


def capped(state: QueueState) -> BoolArray:
    """(N,) tasks that so many new people have answered that no more are asked for a verdict."""
    answers = state.new + state.silent
    return np.asarray((answers >= state.policy.max_votes) | (state.abstains >= ABSTAIN_LIMIT))


def audited(state: QueueState) -> IntArray:
    """Return the audited tasks' rows: a start of the order, all with a verdict or at their cap.

    The first one that still waits for people ends it, since what comes after has been chosen by how
    soon people agreed. Tasks that nobody can be given are no part of it.
    """
    rows, waits = _reached(state)
    first = np.flatnonzero(waits)
    return rows[: first[0]] if len(first) else rows


def awaited(state: QueueState) -> IntArray:
    """Return the rows of the tasks whose turn has come and that wait for a verdict, in order."""
    rows, waits = _reached(state)
    return rows[waits]


def _reached(state: QueueState) -> tuple[IntArray, BoolArray]:
    """Return the rows whose turn has come, in order, and whether each waits for people."""
    rows, undecided = audit_rows(state), said_anew(state) < 0
    given_to_none = state.serving.ended | state.serving.refused | ~state.places.usable
    rows = rows[~(undecided & given_to_none)[rows]]
    rows = rows[: turns(state.spent, state.policy.audit_share, _people(state))]
    return rows, (undecided & ~capped(state))[rows]


def _people(state: QueueState) -> int:
    """Return how many new people must agree on an audited task."""
    return 1 if state.policy.solo else PEOPLE
