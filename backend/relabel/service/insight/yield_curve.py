"""How many labels were corrected after how many votes, beside what a random order would give."""

from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from relabel.numerics.consensus.majority import majority
from relabel.service.votes.state import QueueState, one_opinion
from relabel.storage.annotations import list_annotations
from relabel.storage.answers import Answer, answers_of, meanings
from relabel.types import BoolArray, FloatArray, IntArray, State


@dataclass(frozen=True, slots=True)
class YieldCurve:
    """Corrected labels against votes, step-wise: a value holds until the next vote.

    votes: (M,) 0, 1, 2, ...; corrected: (M,) labels that the votes so far have corrected.
    """

    votes: IntArray
    corrected: IntArray

    def thinned(self, points: int) -> "YieldCurve":
        """Return at most so many points, the first and the last among them."""
        if len(self.votes) <= points:
            return self
        kept = np.unique(np.linspace(0, len(self.votes) - 1, points).round().astype(np.int64))
        return YieldCurve(self.votes[kept], self.corrected[kept])


def new_votes(connection: Connection, state: QueueState) -> list[Answer]:
    """Read the votes since connecting, "cannot tell" included, as they came."""
    policy = state.policy
    touched = state.counts.task_ids[state.touched()].tolist()
    found = list_annotations(connection, state.project.id, touched)
    means = meanings(state.schema.classes, cannot_tell=policy.cannot_tell, renamed=policy.classes)
    answers = answers_of(found, means, overwritten=policy.overwritten)
    votes = [answer for answer in answers if answer.counts and not answer.initial]
    return sorted(votes, key=lambda vote: (vote.at, vote.annotation_id or 0))


def yield_curve(state: QueueState, votes: list[Answer]) -> YieldCurve:
    """Replay votes with the project's own consensus.

    A task that the model's evidence decides counts from its last vote on: what the model said
    before that is not kept.

    Args:
        state: the project now.
        votes: of `new_votes`.

    """
    rows = np.searchsorted(state.counts.task_ids, [v.task_id for v in votes]).astype(np.int64)
    cast = _one_hot(votes, len(state.schema.classes))
    before = np.column_stack([state.counts.votes, state.abstains])
    np.subtract.at(before, rows, cast)
    since = _running(rows, cast)
    running = before[rows] + since
    given = state.given[rows]
    total = running[:, :-1].sum(1)
    unsure = (state.counts.votes.sum(1) - state.voters)[rows]
    consensus = majority(
        running[:, :-1],
        abstains=running[:, -1],
        voters=np.maximum(total - unsure, np.minimum(total, 1)),
        max_votes=state.policy.max_votes,
    )
    if state.policy.solo:
        consensus = one_opinion(consensus, since[:, :-1])
    settled = consensus.states == State.SETTLED
    correct = settled & (consensus.labels != given) & (given >= 0)
    weighed = np.isin(rows, state.believed.rows)
    now = (state.consensus.states == State.SETTLED) & (state.consensus.labels != state.given)
    correct = np.where(weighed, (now & (state.given >= 0))[rows] & _is_last(rows), correct)
    steps = correct.astype(np.int64) - _previous(rows, correct.astype(np.int64))
    return YieldCurve(np.arange(len(votes) + 1), np.concatenate([[0], steps]).cumsum())


def random_yield(votes: IntArray, noise_rate: float, tasks: int) -> FloatArray:
    """Return (M,) labels that so many votes correct on average if tasks are asked at random.

    One vote confirms a right label and two correct a wrong one, so each vote corrects
    rate / (1 + rate) labels as long as wrong ones are left; people who err would find fewer.

    Args:
        votes: (M,).
        noise_rate: share of wrong labels at the beginning, in [0, 1].
        tasks: labelled tasks of the project.

    """
    return np.asarray(np.minimum(votes * noise_rate / (1 + noise_rate), noise_rate * tasks))


def _one_hot(votes: list[Answer], classes: int) -> IntArray:
    """(V, K + 1) the last column counts "cannot tell"."""
    cast = np.zeros((len(votes), classes + 1), dtype=np.int64)
    columns = [classes if v.label is None else v.label for v in votes]
    cast[np.arange(len(votes)), columns] = 1
    return cast


def _running(rows: IntArray, cast: IntArray) -> IntArray:
    """(V, K + 1) votes on the task of each vote up to and with it."""
    order = np.argsort(rows, kind="stable")
    totals = cast[order].cumsum(0)
    first = np.searchsorted(rows[order], rows[order], side="left")
    running = np.empty_like(cast)
    running[order] = totals - (totals[first] - cast[order][first])
    return running


def _is_last(rows: IntArray) -> BoolArray:
    """(V,) whether no later vote is on the same task."""
    last = np.zeros(len(rows), dtype=np.bool_)
    last[len(rows) - 1 - np.unique(rows[::-1], return_index=True)[1]] = True
    return last


def _previous(rows: IntArray, values: IntArray) -> IntArray:
    """(V,) the value at the vote before on the same task, 0 = there was none."""
    order = np.argsort(rows, kind="stable")
    sorted_rows, sorted_values = rows[order], values[order]
    before = np.zeros_like(values)
    same = sorted_rows[1:] == sorted_rows[:-1]
    before[order[1:][same]] = sorted_values[:-1][same]
    return before
