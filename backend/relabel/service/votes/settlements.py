"""How votes settled audited tasks first, before others were asked: what the audit can check."""

from dataclasses import dataclass

import numpy as np

from relabel.numerics.consensus.majority import majority
from relabel.numerics.consensus.posterior import settle, vote_weight
from relabel.numerics.estimates.alarm import SLACK, is_exceeded
from relabel.service.votes.rates import RoundRates
from relabel.service.votes.state import AnsweredState
from relabel.storage.answers import Saying
from relabel.types import BoolArray, Consensus, FloatArray, IntArray, State


@dataclass(frozen=True, slots=True)
class Settlements:
    """The first end of each of m tasks.

    labels: (m,) with which votes settled it first, -1 = they never did; alone: (m,) whether one
    person and the model did.
    """

    labels: IntArray
    alone: BoolArray


def new_votes(state: AnsweredState, rows: IntArray) -> list[list[Saying]]:
    """Return the new votes on each of these tasks, in the order of their annotations."""
    kinds = (state.said.kinds[kind] for kind in state.said.rows[rows].tolist())
    return [[s for s in said if not s.initial and s.label is not None] for said in kinds]


def first_settlements(
    state: AnsweredState, rows: IntArray, rates: RoundRates | None
) -> Settlements:
    """Return how the tasks in these rows were settled first: votes are counted one after another.

    Args:
        state: the project now.
        rows: (m,) of it.
        rates: of the round in force, by which votes weigh where the model counts; None = they are
            not known, and what it settled is not either.

    """
    labels = np.full(len(rows), -1, dtype=np.int64)
    alone = np.zeros(len(rows), dtype=np.bool_)
    believed = dict(zip(state.believed.rows.tolist(), state.believed.q, strict=True))
    for place, (row, said) in enumerate(zip(rows.tolist(), new_votes(state, rows), strict=True)):
        q = believed.get(row)
        if not said:
            continue
        if q is None:
            found = _by_people(state, row, said)
        elif rates is None:
            continue
        else:
            found = _by_all(state, row, said, q, rates)
        ends = np.flatnonzero(found.states == State.SETTLED)
        if len(ends):
            labels[place] = found.labels[ends[0]]
            alone[place] = q is not None and ends[0] == 0
    return Settlements(labels, alone)


def is_trusted(state: AnsweredState, rows: IntArray, said: IntArray, rates: RoundRates) -> bool:
    """Return whether one person and the model are wrong no more often than `confidence` allows.

    False alarms come in at most one project of twenty, however often this is asked.

    Args:
        state: the project now.
        rows: (m,) audited tasks, in the order of the audit.
        said: (m,) what new people alone say of them, -1 = they agree on nothing.
        rates: as they are believed now.

    """
    found = first_settlements(state, rows, rates)
    known = found.alone & (found.labels >= 0) & (said >= 0)
    wrong = (found.labels != said)[known]
    return not is_exceeded(wrong, 1 - state.policy.confidence + SLACK)


def _one_by_one(state: AnsweredState, said: list[Saying]) -> IntArray:
    """(V, K) new votes after each of V."""
    given = np.array([one.label for one in said], dtype=np.int64)
    return np.cumsum(np.eye(len(state.schema.classes), dtype=np.int64)[given], axis=0)


def _by_people(state: AnsweredState, row: int, said: list[Saying]) -> Consensus:
    """Return what the majority says after each vote."""
    old = state.counts.votes[row] - state.new_counts[row]
    return majority(old + _one_by_one(state, said), max_votes=len(said) + int(old.sum()) + 2)


def _by_all(
    state: AnsweredState, row: int, said: list[Saying], q: FloatArray, rates: RoundRates
) -> Consensus:
    """Return what people and the model say after each vote: later ones are divided out again."""
    classes = len(state.schema.classes)
    old = state.counts.votes[row] - state.new_counts[row]
    errors = rates.errors([one.source for one in said])
    given = np.array([one.label for one in said], dtype=np.int64)
    weights = vote_weight(errors, classes)[:, None] * np.eye(classes)[given]
    later = weights.sum(0) - np.cumsum(weights, axis=0)
    logs = np.log(np.maximum(q, np.finfo(float).tiny)) - later
    beliefs = np.exp(logs - logs.max(1, keepdims=True))
    new = _one_by_one(state, said)
    return settle(
        beliefs / beliefs.sum(1, keepdims=True),
        np.tile(old, (len(said), 1)),
        new,
        confidence=state.policy.confidence,
        answers=new.sum(1),
        max_votes=len(said) + 1,
    )
