"""What it takes to ask about more audited tasks at once, or about no more of those asked for."""

from dataclasses import dataclass

import numpy as np

from relabel.service.audit.kept_turns import ended_tasks, kept_of, statement
from relabel.service.audit.turns import LEAST_AUDIT, in_turn, said_anew, turns_of
from relabel.service.votes.state import Part, QueueState
from relabel.types import BoolArray, IntArray


@dataclass(frozen=True, slots=True)
class Offer:
    """More audited tasks with a verdict, of one part; 0 of them = those asked for are let go.

    until: so many turns will have come then; tasks: more than have a verdict now; mute: those of
    them that say nothing of what is left, since votes settled them before their turn, or since it
    is not known what was left then; votes: that they take, if people agree; is_new: whether not all
    of them wait for people already.
    """

    part: Part
    until: int
    tasks: int
    mute: int
    votes: int
    is_new: bool

    @property
    def name(self) -> str:
        """The name by which it is asked for, the same however often it is."""
        return f"{self.part}:{self.until}"


def offer_of(state: QueueState, tasks: int | None = None) -> Offer:
    """Return what it means to ask about so many audited tasks more, at most those that are left.

    They are counted from the first task that waits for a verdict, and so hold those whose turn has
    come: whoever asks twice asks for nothing more.

    Args:
        state: the project now, a view of the part that is cleaned.
        tasks: None = as many as it takes until something can be said, and then until enough is
            found, if none of them is wrong.

    """
    turns = turns_of(state)
    done = len(turns.done)
    _, rows, waits = in_turn(state, len(state.given))
    rows, waits = rows[done:], waits[done:]
    speaks = _speaks(state, rows)
    count = min(_wanted(state, speaks) if tasks is None else tasks, len(rows))
    return Offer(
        state.part,
        done + count,
        count,
        mute=int((~speaks[:count]).sum()),
        votes=turns.people * int(waits[:count].sum()),
        is_new=done + count > len(turns.rows),
    )


def _speaks(state: QueueState, rows: IntArray) -> BoolArray:
    """(m,) whether these tasks, which have no turn yet or one without end, tell what is left."""
    kept, ended = kept_of(state), ended_tasks(state)
    places = zip(state.counts.task_ids[rows].tolist(), rows.tolist(), strict=True)
    found = [kept[i].pool > 0 if i in kept else not ended[row] for i, row in places]
    return np.array(found, dtype=np.bool_)


def _wanted(state: QueueState, speaks: BoolArray) -> int:
    verdicts = int((said_anew(state, turns_of(state).done) >= 0).sum())
    if verdicts < LEAST_AUDIT:
        return LEAST_AUDIT - verdicts
    places = np.flatnonzero(speaks)[: statement(state).needed]
    return int(places[-1]) + 1 if len(places) else 0
