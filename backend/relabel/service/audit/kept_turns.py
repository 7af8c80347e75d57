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

from dataclasses import replace

import numpy as np

from relabel.numerics.estimates.noise_rate import doubt
from relabel.numerics.estimates.stopping import SHARE, Drawn, Stop, stop_statement
from relabel.policy import Policy
from relabel.service.audit.turns import Turns, audit_rows, turns_of
from relabel.service.votes.result import RoundResult, judged
from relabel.service.votes.state import Part, QueueState
from relabel.storage.task_states import AuditTurn
from relabel.types import BoolArray, FloatArray, State, match_rows

SETTLED_BEFORE = 0
"""Pool of a task that was settled before its turn: it says nothing of those that were not."""

UNKNOWN = -1
"""Pool of a task that was not settled when it was written down, some time after its turn."""


def turns_to_keep(state: QueueState, result: RoundResult | None, turns: Turns) -> list[AuditTurn]:
    """Return what is known now of the turns that have come and of which nothing is kept.

    Where nothing is kept of this part it is not known how long ago the votes gave them, as in a
    store of an earlier version: then they say nothing but what people answer. Those that somebody
    asked for come now.

    Args:
        state: the project now, a view of the part that is cleaned.
        result: of the round in force, None = there is none.
        turns: of `turns_of`.

    """
    rows, ids = turns.rows, state.counts.task_ids
    new = [n for n, row in enumerate(rows.tolist()) if int(ids[row]) not in state.kept_turns]
    if not new:
        return []
    ended = ended_tasks(state)
    found = []
    if all(one.part != state.part for one in state.kept_turns.values()):
        old, new = [n for n in new if n < turns.by_votes], [n for n in new if n >= turns.by_votes]
        pools = np.where(ended[rows[old]], SETTLED_BEFORE, UNKNOWN).tolist()
        places = zip(ids[rows[old]].tolist(), pools, strict=True)
        found = [AuditTurn(task_id, state.part, 0.0, 0.0, pool, 0) for task_id, pool in places]
    order, known = audit_rows(state), _doubts(state, result)
    drawn = np.isin(ids, [one.task_id for one in state.kept_turns.values() if _is_to_end(one)])
    drawn[rows[new]] = ~ended[rows[new]]
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
                state.part,
                # What the round has not judged is taken to be as doubtful as the rest.
                mean if np.isnan(known[row]) else float(known[row]),
                mean,
                SETTLED_BEFORE if ended[row] else int(left.sum()),
                int((_is_changed(state) & outside).sum()),
            )
        )
    return found


def kept_of(state: QueueState) -> dict[int, AuditTurn]:
    """Return what is known of each turn, as far as it speaks of this part, by task.

    Where another part was cleaned when it came, as before the split was named, what was left then
    was left of other tasks: such a turn says no more than what people answer.
    """
    return {
        i: one if one.part == state.part else _only_answered(one)
        for i, one in state.kept_turns.items()
    }


def _only_answered(turn: AuditTurn) -> AuditTurn:
    pool = UNKNOWN if _is_to_end(turn) else SETTLED_BEFORE
    return replace(turn, doubt=0.0, rest=0.0, pool=pool, found=0)


def turns_ended(state: QueueState) -> dict[int, bool]:
    """Return, by task, whether votes have changed the label of those that they have ended since."""
    open_turns = [
        i for i, one in state.kept_turns.items() if _is_to_end(one) and one.changed is None
    ]
    if not open_turns:
        return {}
    # Whatever is cleaned now: a vote counts where it comes.
    whole = state.of(Part.ALL)
    ended, changed = ended_tasks(whole), _is_changed(whole)
    rows = match_rows(np.array(open_turns, dtype=np.int64), state.counts.task_ids)
    places = zip(open_turns, rows.tolist(), strict=True)
    return {i: bool(changed[row]) for i, row in places if row >= 0 and ended[row]}


def statement(state: QueueState) -> Stop:
    """Return what the audit says of the wrong labels that are left.

    Wrong are labels that the project's own consensus changes; of an audited task as votes settled
    it first, so that it is the same as for tasks of the queue. The projects of
    benchmarks/stopping.py finish one task before the next: a task that was asked about is settled
    there. Here it stays in the pool until it is, since only then it is known whether it was wrong.
    """
    turns = turns_of(state)
    kept_here = kept_of(state)
    kept = [kept_here.get(i) for i in state.counts.task_ids[turns.done].tolist()]
    known = [one for one in kept if one is not None and _is_to_end(one)]
    now = turns_ended(state)
    wrong = np.array(
        [now.get(one.task_id, False) if one.changed is None else one.changed for one in known],
        dtype=np.bool_,
    )
    pool, found = (np.array([getattr(one, n) for one in known], int) for n in ("pool", "found"))
    drawn = pool > 0
    before = found + np.cumsum(wrong) - wrong
    ended = ended_tasks(state)
    left = _askable(state) & ~ended
    left[turns.done] = False
    ended[turns.done[[one is not None and _is_to_end(one) for one in kept]]] = False
    return stop_statement(
        Drawn(wrong[drawn], pool[drawn], before[drawn]),
        int(left.sum()),
        int((_is_changed(state) & ended).sum() + wrong.sum()),
        share=share_to_find(state.policy),
    )


def share_to_find(policy: Policy) -> float:
    """Return the share of the wrong labels that is to be found."""
    return policy.stop_when.get("found", SHARE)


def _doubts(state: QueueState, result: RoundResult | None) -> FloatArray:
    """(N,) how improbable a round finds each old label, not a number where it does not judge."""
    doubts = np.full(len(state.given), np.nan)
    known = None if result is None else result.arranged(state.schema.classes)
    if known is not None:
        rows, probs = judged(state, known)
        doubts[rows] = doubt(state.given[rows], probs)
    return doubts


def ended_tasks(state: QueueState) -> BoolArray:
    """(N,) labelled tasks of the part that people have been asked about, with an end."""
    return np.asarray((state.given >= 0) & state.mine() & state.touched() & ~state.unsettled())


def _askable(state: QueueState) -> BoolArray:
    """(N,) labelled tasks of the part that somebody can be given."""
    to_none = state.serving.ended | state.serving.refused | ~state.places.usable
    return np.asarray((state.given >= 0) & state.mine() & ~to_none)


def _is_changed(state: QueueState) -> BoolArray:
    """(N,) tasks whose label the votes have changed."""
    settled = ended_tasks(state) & (state.consensus.states == State.SETTLED)
    return np.asarray(settled & (state.consensus.labels != state.given))


def _is_to_end(turn: AuditTurn) -> bool:
    """Whether it was still to be learnt when it was kept whether the votes change its label."""
    return turn.pool != SETTLED_BEFORE
