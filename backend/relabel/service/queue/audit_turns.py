"""What is kept of each turn of the audit, and what it says of the wrong labels that are left.

When a task's turn comes, before it is opened for it, it is written down what was known then: how
much the round in force doubts its old label and those of all tasks without a turn, and how many
labels were still to be checked. Which task comes next is chance until then, whatever the queue, the
votes and the rounds did before: so what the model says beside the audit, and what an audited task
says of those that are left, holds however the project went on (`numerics/estimates`). It is kept
once: later votes, rounds and undoing change nothing in it, deleting the task forgets it.

It is kept and not read off the votes, since votes have the time of another clock than rounds, and
those on an audited task go on after they have settled it.
"""

import numpy as np

from relabel.numerics.estimates.noise_rate import doubt
from relabel.numerics.estimates.stopping import Drawn, Stop, stop_statement
from relabel.service.queue.audit import Turns, audit_rows, turns_of
from relabel.service.votes.rates import RoundRates
from relabel.service.votes.result import RoundResult, judged
from relabel.service.votes.settlements import first_settlements
from relabel.service.votes.state import AnsweredState, QueueState
from relabel.storage.task_states import AuditTurn
from relabel.types import BoolArray, FloatArray, IntArray, State

NOT_DRAWN = 0
"""Pool of a task that was settled before its turn: it says nothing of those that were not."""


def turns_to_keep(state: QueueState, result: RoundResult | None) -> list[AuditTurn]:
    """Return what is known now of the turns that have come and of which nothing is kept.

    Where nothing is kept at all it is not known how long ago they came, as in a store of an earlier
    version: then they say nothing but what people answer.

    Args:
        state: the project now.
        result: of the round in force, None = there is none.

    """
    rows, ids = turns_of(state).rows, state.counts.task_ids
    new = [n for n, row in enumerate(rows.tolist()) if int(ids[row]) not in state.kept_turns]
    if not new:
        return []
    if not state.kept_turns:
        return [AuditTurn(int(ids[row]), 0.0, 0.0, NOT_DRAWN, 0) for row in rows.tolist()]
    order, known = audit_rows(state), _doubts(state, result)
    ended, drawn = _ended(state), _was_drawn(state)
    drawn[rows[new]] = ~ended[rows[new]]
    found = []
    for place in new:
        row = int(rows[place])
        rest = known[order[int(np.flatnonzero(order == row)[0]) :]]
        mean = float(np.nanmean(rest)) if not np.isnan(rest).all() else 0.0
        left, earlier = _askable(state) & ~ended, rows[:place]
        left[earlier] = False
        outside = ended.copy()
        outside[earlier[drawn[earlier]]] = False
        found.append(
            AuditTurn(
                int(ids[row]),
                # What the round has not judged is taken to be as doubtful as the rest.
                mean if np.isnan(known[row]) else float(known[row]),
                mean,
                NOT_DRAWN if ended[row] else int(left.sum()),
                int((_is_changed(state) & outside).sum()),
            )
        )
    return found


def statement(state: AnsweredState, rates: RoundRates | None, *, share: float) -> Stop:
    """Return what the audit says of the wrong labels that are left.

    Wrong are labels that the project's own consensus changes; of an audited task as votes settled
    it first, so that it is the same as for tasks of the queue. A project that is played in
    benchmarks/stopping.py finishes one task before the next: there a task that was asked about is
    settled. Here it is in the pool until it is.

    Args:
        state: the project now.
        rates: of the round in force, None = it has none.
        share: of the wrong labels that is to be found, in (0, 1).

    """
    turns = turns_of(state)
    rows, drawn = drawn_so_far(state, turns, rates)
    ended = _ended(state)
    ended[rows] = False
    left = _askable(state) & ~_ended(state)
    left[turns.done] = False
    found = int((_is_changed(state) & ended).sum() + drawn.wrong.sum())
    return stop_statement(drawn, int(left.sum()), found, share=share)


def drawn_so_far(
    state: AnsweredState, turns: Turns, rates: RoundRates | None
) -> tuple[IntArray, Drawn]:
    """Return the rows of the audited tasks that were not settled before their turn, and these.

    Args:
        state: the project now.
        turns: of its audit.
        rates: of the round in force, None = it has none.

    """
    kept = [state.kept_turns.get(i) for i in state.counts.task_ids[turns.done].tolist()]
    known = [one for one in kept if one is not None and one.pool != NOT_DRAWN]
    rows = turns.done[[one is not None and one.pool != NOT_DRAWN for one in kept]]
    first = first_settlements(state, rows, rates).labels
    now = _is_changed(state)[rows]
    # How the model's evidence settled it is only known with the round's rates.
    wrong = np.where(first >= 0, first != state.given[rows], now)
    before = np.cumsum(wrong) - wrong
    found = np.array([one.found for one in known], dtype=np.int64) + before
    return rows, Drawn(wrong, np.array([one.pool for one in known], dtype=np.int64), found)


def _doubts(state: QueueState, result: RoundResult | None) -> FloatArray:
    """(N,) how improbable a round finds each old label, not a number where it does not judge."""
    doubts = np.full(len(state.given), np.nan)
    known = None if result is None else result.arranged(state.schema.classes)
    if known is not None:
        rows, probs = judged(state, known)
        doubts[rows] = doubt(state.given[rows], probs)
    return doubts


def _ended(state: QueueState) -> BoolArray:
    """(N,) labelled tasks that people have been asked about, with an end."""
    return np.asarray((state.given >= 0) & state.touched() & ~state.unsettled())


def _askable(state: QueueState) -> BoolArray:
    """(N,) labelled tasks that somebody can be given."""
    to_none = state.serving.ended | state.serving.refused | ~state.places.usable
    return np.asarray((state.given >= 0) & ~to_none)


def _is_changed(state: QueueState) -> BoolArray:
    """(N,) tasks whose label the votes have changed."""
    settled = _ended(state) & (state.consensus.states == State.SETTLED)
    return np.asarray(settled & (state.consensus.labels != state.given))


def _was_drawn(state: QueueState) -> BoolArray:
    """(N,) tasks that were not settled when their turn came."""
    drawn = [one.task_id for one in state.kept_turns.values() if one.pool != NOT_DRAWN]
    return np.isin(state.counts.task_ids, drawn)
