"""Taking back what one run wrote: a round, or the labels written back into the tasks.

Whoever wants it journals the wish first. So killed at any moment it is gone on with, by the next
process that looks, and what it takes back is looked at once more when it begins: a round may have
been published since.
"""

import logging
import math
import time
from collections.abc import Iterable

import numpy as np
from sqlalchemy import Connection

from relabel.errors import NotFoundError, NotReadyError
from relabel.service.audit.turns import turns_of
from relabel.service.connected import Connected, open_connected
from relabel.service.context import Context
from relabel.service.queue.counters import write_task
from relabel.service.queue.parts import in_force
from relabel.service.queue.publish import restore_predictions, write_predictions
from relabel.service.queue.refresh import apply_changes, refresh_queue, switch_queue
from relabel.service.queue.scores import scores_now, shown_score
from relabel.service.queue.settle import standing_settling, undo_settling
from relabel.service.votes.result import RoundResult
from relabel.service.votes.task_states import read_queue_state
from relabel.storage.database import reading
from relabel.storage.journal.events import Action, journal, mark_handled, to_undo
from relabel.storage.locks import BREATH_SECONDS, queue_lock
from relabel.storage.projects import get_whole_project
from relabel.storage.rounds import (
    Round,
    RoundState,
    list_rounds,
    mark_undone,
    published_round,
    running_round,
)
from relabel.storage.tasks import set_scores
from relabel.storage.writes import SETTLE, UNDO_WRITE_BACK, WRITE_BACK, log_write, written_back
from relabel.types import silent

log = logging.getLogger("relabel.undo")

CHUNK = 10
"""Tasks whose data are restored at a time: votes wait no longer for the queue's lock."""

Done = tuple[str, ...]
"""What was done, as sentences."""


def undo_run(context: Context, number: int, run: str) -> Done:
    """Undo the last published round ("round-N"), the labels written back ("write-back"), "settle".

    Raises:
        NotReadyError: there is no such run, later rounds stand on it, or a round is running.

    """
    with context.engine.begin() as connection:
        wish_undone(connection, number, run)
    return _carry_out(context, number, run, math.inf)


def wish_undone(connection: Connection, number: int, run: str) -> None:
    """Note down that somebody wants a run undone, unless it is noted: killed, it is gone on with.

    Raises:
        NotReadyError: there is no such run, later rounds stand on it, or a round is running.

    """
    get_whole_project(connection, number)
    if run in to_undo(connection, number):
        return
    if running_round(connection, number) is not None:
        raise NotReadyError("A round is running: cancel it, or wait for its end, then undo.")
    check_can_be_undone(connection, number, run)
    journal(connection, number, Action.UNDO, run=run)


def check_can_be_undone(connection: Connection, number: int, run: str) -> None:
    """Refuse to undo what does not exist, or what later rounds stand on.

    Raises:
        NotReadyError: says which run could be undone.

    """
    if run == WRITE_BACK:
        if not written_back(connection, number):
            raise NotReadyError(f"No labels stand written back in project {number}.")
        return
    if run == SETTLE:
        if not standing_settling(connection, number):
            raise NotReadyError(f"No task of project {number} was settled on request.")
        return
    last = published_round(connection, number)
    if last is not None and run == last.run:
        return
    if any(r.run == run and r.state is RoundState.UNDONE for r in list_rounds(connection, number)):
        raise NotReadyError(f"{run!r} of project {number} is undone already.")
    raise NotReadyError(
        f"{run!r} cannot be undone: the run that orders the queue now is "
        f"{last.run if last else 'none'}. Undo the later ones first; to undo the connection, "
        f"run: relabel detach --project {number}"
    )


def carry_out_undos(
    context: Context, number: int, runs: Iterable[str], *, patience: float = math.inf
) -> None:
    """Carry out what somebody wants undone.

    Raises:
        QueueBusyError: somebody else held the project's queue for longer than `patience` seconds.

    """
    for run in runs:
        try:
            _carry_out(context, number, run, patience)
        except NotReadyError as error:
            log.warning("project %s: %s", number, error)


def _carry_out(context: Context, number: int, run: str, patience: float) -> Done:
    """Undo a run, or go on with it, and strike the wish off; so, too, if it has to be refused."""
    refused = None
    done: Done = ()
    try:
        if run == WRITE_BACK:
            done = _undo_write_back(context, number, patience)
        else:
            with queue_lock(context.engine, context.settings.data_dir, number, patience=patience):
                undo = _undo_settling if run == SETTLE else _undo_round
                done = undo(context, number, run)
    except NotReadyError as error:
        refused = error
    with context.engine.begin() as connection:
        mark_handled(connection, to_undo(connection, number).get(run, []))
    if refused is not None:
        raise refused
    return done


def _undo_settling(context: Context, number: int, _run: str) -> Done:
    back = undo_settling(context, number)
    return (f"{back} tasks are decided as before; those with a vote since stay as they are",)


def _undo_round(context: Context, number: int, run: str) -> Done:
    """Put the order of the round before in force. Call it with the queue's lock held."""
    with reading(context.engine) as connection:
        project = get_whole_project(connection, number)
        rounds = list_rounds(connection, number)
        if run not in {r.run for r in rounds if r.state is RoundState.UNDONE}:
            check_can_be_undone(connection, number, run)
    undone = next(r for r in rounds if r.run == run)
    published = [r for r in rounds if r.state is RoundState.PUBLISHED and r is not undone]
    previous = published[-1] if published else None
    if previous is not None and previous.number > undone.number:
        return (f"round {undone.number} was undone before round {previous.number} was published",)
    connected = open_connected(context.settings, project)
    if undone.state is not RoundState.UNDONE:
        _take_back(context, connected, undone, previous)
    _switch(context, connected, previous, run=f"undo-{undone.run}")
    to = f"round {previous.number}" if previous else "the state before the first round"
    return (
        f"the queue follows {to} again",
        f"the worker removes the scores of round {undone.number} little by little",
    )


def _take_back(
    context: Context, connected: Connected, undone: Round, previous: Round | None
) -> None:
    """Make the store say what Label Studio shows of the order before, once all of it is there."""
    scores = {} if previous is None else _bring_back(context, connected, previous)
    with context.engine.begin() as connection:
        mark_undone(connection, undone.id)
        set_scores(connection, connected.project.id, scores)


def _bring_back(context: Context, connected: Connected, previous: Round) -> dict[int, float]:
    """Write those scores of an earlier round that are gone; return what is shown then, by task."""
    project = connected.project
    with reading(context.engine) as connection:
        state = in_force(read_queue_state(connection, connected))
    result = RoundResult.load(context.folder(project.id), previous.artifact)
    scores, _ = scores_now(state, result, turns_of(state))
    there = context.label_studio.predictions_by_task(project.id)
    found = {i: shown_score(mine, previous.model_version) for i, mine in there.items()}
    shown = {task_id: score for task_id, score in found.items() if score is not None}
    rows = zip(state.counts.task_ids.tolist(), scores.tolist(), strict=True)
    gone = {task_id: score for task_id, score in rows if task_id not in shown}
    if gone:
        write_predictions(context, project.id, previous.model_version, gone, silent)
    return shown | gone


def _switch(context: Context, connected: Connected, previous: Round | None, *, run: str) -> None:
    """Bring Label Studio to what the store says, which may be repeated."""
    project = connected.project
    if previous is not None:
        restore_predictions(context, connected)  # an order without any is refused
        switch_queue(context, connected, previous.model_version, run=run)
        refresh_queue(context, connected, context.label_studio.predictions_by_task(project.id))
        return
    switch_queue(context, connected, "", run=run)
    context.label_studio.update_project(project.id, model_version="", show_collab_predictions=True)
    with reading(context.engine) as connection:
        state = in_force(read_queue_state(connection, connected))
    apply_changes(context, state, np.zeros(0, dtype=np.int64), run=run)


def _undo_write_back(context: Context, number: int, patience: float) -> Done:
    restored, left = 0, 1
    while left:
        with queue_lock(context.engine, context.settings.data_dir, number, patience=patience):
            with reading(context.engine) as connection:
                get_whole_project(connection, number)
                first = written_back(connection, number)
            for task_id, before in list(first.items())[:CHUNK]:
                restored += _restore_data(context, number, task_id, before)
            left = len(first) - CHUNK
        if left <= 0:
            break
        time.sleep(BREATH_SECONDS)
    return (f"restored the data of {restored} tasks",)


def _restore_data(context: Context, number: int, task_id: int, before: object) -> bool:
    """Take the labels out of one task's data; return whether it is still there."""
    exists = True
    try:
        data = dict(context.label_studio.task(task_id).get("data", {}))
        for key in ("relabel_label", "relabel_soft_label"):
            data.pop(key, None)
        data.update(before if isinstance(before, dict) else {})
        write_task(context.label_studio, task_id, data=data)
    except NotFoundError:
        exists = False
    with context.engine.begin() as connection:
        log_write(connection, number, UNDO_WRITE_BACK, "task data", task_id, after=before)
    return exists
