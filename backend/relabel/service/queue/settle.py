"""Letting the consensus in force decide every task that has votes: on request, told first, undone.

By themselves a new round and a changed policy settle and reopen nothing: what counts of a task is
what was in force at its last vote.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from relabel.service.connected import Connected, open_connected
from relabel.service.context import Context
from relabel.service.queue.refresh import refresh_queue
from relabel.service.votes.evidence import evidence_now, weigh_in, weighed
from relabel.service.votes.rates import RoundRates
from relabel.service.votes.state import ProjectState, count_state
from relabel.service.votes.task_states import count_tasks, read_state
from relabel.storage.annotations import list_annotations
from relabel.storage.locks import queue_lock
from relabel.storage.projects import get_whole_project
from relabel.storage.task_states import (
    Evidence,
    drop_evidence,
    list_evidence,
    list_rates,
    mark_stale,
    save_evidence,
)
from relabel.storage.tasks import list_tasks
from relabel.storage.writes import SETTLE, UNDO_SETTLE, Write, list_writes, log_write
from relabel.types import State

Votes = list[list[str]]
"""Who said what of a task."""


@dataclass(frozen=True, slots=True)
class Settling:
    """What letting the consensus in force decide would change, or has changed.

    consensus: the one in force; tasks: ids whose evidence changes; settled, reopened: how many
    tasks it settles and reopens; relabelled: settled tasks that stay settled with another label.
    """

    consensus: str
    tasks: tuple[int, ...]
    settled: int
    reopened: int
    relabelled: int

    def sentence(self) -> str:
        """Say what it comes to."""
        if not self.tasks:
            return f'Nothing changes: consensus = "{self.consensus}" has decided every task.'
        return (
            f'consensus = "{self.consensus}" settles {_tasks(self.settled)}, reopens '
            f"{_tasks(self.reopened)} and changes the label of {_tasks(self.relabelled)}."
        )


def preview_settling(context: Context, number: int) -> Settling:
    """Say what would change if the consensus in force decided every task that has votes.

    Raises:
        NotReadyError: the project is not connected.

    """
    # The rates of the round in force are kept with what is asked for, so this writes.
    with context.engine.begin() as connection:
        connected = open_connected(context.settings, get_whole_project(connection, number))
        return _compare(context, connection, connected)[0]


def settle_all(context: Context, number: int) -> Settling:
    """Let the consensus in force decide every task that has votes, and bring the queue there.

    Raises:
        NotReadyError: the project is not connected.

    """
    with queue_lock(context.engine, context.settings.data_dir, number):
        with context.engine.begin() as connection:
            connected = open_connected(context.settings, get_whole_project(connection, number))
            settling, before, after, said = _compare(context, connection, connected)
            for task_id in settling.tasks:
                log_write(
                    connection,
                    number,
                    SETTLE,
                    "evidence",
                    task_id,
                    before=_to_json(before.get(task_id)),
                    after={"evidence": _to_json(after.get(task_id)), "votes": said[task_id]},
                )
            _replace(connection, number, {i: after.get(i) for i in settling.tasks})
            count_tasks(connection, connected, settling.tasks, context.folder(number))
        refresh_queue(context, connected)
    return settling


def undo_settling(context: Context, number: int) -> int:
    """Give tasks back what counted before, unless a vote came since; return how many.

    Call it with the queue's lock held.
    """
    with context.engine.begin() as connection:
        connected = open_connected(context.settings, get_whole_project(connection, number))
        standing = standing_settling(connection, number)
        said = _new_votes(read_state(connection, connected))
        # Told by the votes themselves: Label Studio's clock and this one may differ.
        back = {
            task_id: _from_json(task_id, line.before)
            for task_id, line in standing.items()
            if said.get(task_id) == line.after["votes"]
        }
        _replace(connection, number, back)
        for task_id in standing:
            log_write(connection, number, UNDO_SETTLE, "evidence", task_id)
        count_tasks(connection, connected, list(back), context.folder(number))
    refresh_queue(context, connected)
    return len(back)


def standing_settling(connection: Connection, number: int) -> dict[int, Write]:
    """Return the newest line of each task that was decided on request and not taken back since."""
    lines: dict[int, Write] = {}
    for line in list_writes(connection, number, SETTLE, UNDO_SETTLE):
        if line.run == SETTLE:
            first = lines.get(int(line.target), line)
            lines[int(line.target)] = Write(
                line.run, line.at, line.what, line.target, first.before, line.after
            )
        else:
            lines.pop(int(line.target), None)
    return lines


def _compare(
    context: Context, connection: Connection, connected: Connected
) -> tuple[Settling, Mapping[int, Evidence], Mapping[int, Evidence], Mapping[int, Votes]]:
    """Return what would change; by task the evidence before and after, and its new votes."""
    number = connected.project.id
    tasks, found = list_tasks(connection, number), list_annotations(connection, number)
    counted = count_state(connected, tasks, found)
    before = {one.task_id: one for one in list_evidence(connection, number)}
    now = evidence_now(connection, counted, context.folder(number), set(tasks))
    after = {one.task_id: one for one in now}
    known = list_rates(connection, number, {one.round_id for one in now})
    rates = {i: RoundRates.from_json(believed) for i, believed in known.items()}
    then, later = weigh_in(connection, counted), weighed(counted, now, rates)
    changed = tuple(i for i in tasks if before.get(i) != after.get(i))
    settling = _settling(connected.policy.consensus, changed, then, later)
    return settling, before, after, _new_votes(counted)


def _new_votes(state: ProjectState) -> dict[int, Votes]:
    """Return who said what of each task since relabelling began."""
    said: dict[int, Votes] = {task_id: [] for task_id in state.tasks}
    for vote in state.votes:
        if not vote.initial:
            said[vote.task_id].append([vote.source, vote.choice])
    return {task_id: sorted(votes) for task_id, votes in said.items()}


def _settling(
    consensus: str, changed: tuple[int, ...], then: ProjectState, later: ProjectState
) -> Settling:
    was, becomes = (state.consensus.states == State.SETTLED for state in (then, later))
    other = then.consensus.labels != later.consensus.labels
    return Settling(
        consensus,
        changed,
        settled=int((~was & becomes).sum()),
        reopened=int((was & ~becomes).sum()),
        relabelled=int((was & becomes & other).sum()),
    )


def _replace(connection: Connection, number: int, wanted: Mapping[int, Evidence | None]) -> None:
    save_evidence(connection, number, [one for one in wanted.values() if one is not None])
    drop_evidence(connection, number, [i for i, one in wanted.items() if one is None])
    mark_stale(connection, number, wanted)


def _to_json(one: Evidence | None) -> dict[str, Any] | None:
    if one is None:
        return None
    prior = b64encode(one.prior).decode()
    return {"round_id": one.round_id, "confidence": one.confidence, "prior": prior}


def _from_json(task_id: int, known: Any) -> Evidence | None:
    if known is None:
        return None
    return Evidence(task_id, known["round_id"], known["confidence"], b64decode(known["prior"]))


def _tasks(count: int) -> str:
    return f"{count:,} task{'' if count == 1 else 's'}"
