"""Handing a round's result to Label Studio: predictions, open tasks, then the switch."""

import logging
import time
from typing import Any

from relabel.errors import LabelStudioError, NotReadyError
from relabel.service.audit.turns import turns_of
from relabel.service.connected import Connected, open_connected
from relabel.service.context import Context
from relabel.service.queue.parts import in_force
from relabel.service.queue.refresh import (
    change_task,
    open_ids,
    pending_changes,
    refresh_queue,
    switch_queue,
)
from relabel.service.queue.scores import scores_now, shown_score
from relabel.service.queue.stop_rule import stop_reason
from relabel.service.votes.result import RoundResult
from relabel.service.votes.state import QueueState
from relabel.service.votes.task_states import read_queue_state
from relabel.storage.database import reading
from relabel.storage.journal.events import Action, journal
from relabel.storage.locks import BREATH_SECONDS, queue_lock
from relabel.storage.projects import Project, get_whole_project
from relabel.storage.rounds import Round, RoundState, finish_round, published_round, set_round
from relabel.storage.tasks import list_tasks, set_scores
from relabel.storage.writes import LIVE, log_write
from relabel.types import Progress, silent

log = logging.getLogger("relabel.publish")

BATCH = 5000
"""Predictions per request: each costs Label Studio a recount of all tasks, so few and large."""
CHUNK = 4
"""Tasks opened at a time: votes wait for the queue's lock no longer than that takes."""


def publish(
    context: Context,
    current: Round,
    result: RoundResult,
    record: dict[str, Any],
    progress: Progress,
) -> None:
    """Write a round's scores and switch the queue to them.

    The old queue stays exact until the switch: the new predictions belong to a version that the
    project does not show yet, and the tasks of the new window are opened before the switch, a few
    at a time, since votes wait meanwhile. Votes that arrived during the round are honoured: scores
    are computed from the votes as they are now. Killed at any point, the next round starts over
    with a version of its own. Tasks that were deleted meanwhile are left out.

    Raises:
        RoundLostError: the round was given up, and another one may run; nothing more is written.
        NotReadyError: every task was deleted meanwhile.

    """
    number, version = current.project_id, current.model_version

    def fenced(stage: str, done: int, total: int) -> None:
        _hold(context, current)
        progress(stage, done, total)

    state = _state_now(context, number)
    scores, _ = scores_now(state, result, turns_of(state))
    by_task = dict(zip(state.counts.task_ids.tolist(), scores.tolist(), strict=True))
    gone = write_predictions(context, number, version, by_task, fenced)
    if gone:
        record = record | {"deleted": len(gone)}
        by_task = {task: score for task, score in by_task.items() if task not in gone}
    if not by_task:
        raise NotReadyError(f"Project {number} has no tasks any more: import images first.")
    if not state.places.touched.any():
        # Nothing is open yet: the order comes into force before the first task opens.
        _hold(context, current)
        switch_queue(context, state.connected, version, run=current.run)
    opened, left = 0, 1
    while left:
        with queue_lock(context.engine, context.settings.data_dir, number):
            _hold(context, current)
            now, left = _open_some(context, current, result)
            if not left:
                _finish(context, current, by_task, record | {"classes": list(result.classes)})
                switch_queue(context, state.connected, version, run=current.run)
                refresh_queue(context, state.connected)
        opened += now
        if left:
            progress("opening tasks", opened, opened + left)
            time.sleep(BREATH_SECONDS)
    log.info("project %s: round %s is published", number, current.number)


def _hold(context: Context, current: Round) -> None:
    """Make sure, before the next write to Label Studio, that this round is still the one.

    Raises:
        RoundLostError: it was given up for dead while this process slept.

    """
    with context.engine.begin() as connection:
        set_round(connection, current.id)


def _open_some(context: Context, current: Round, result: RoundResult) -> tuple[int, int]:
    """Open and close tasks as the new order wants it; return how many, and how many are left."""
    state = _state_now(context, current.project_id)
    turns = turns_of(state)
    scores, _ = scores_now(state, result, turns)
    changes = pending_changes(state, open_ids(state, scores, stop_reason(state), turns))
    for change in changes[:CHUNK]:
        place = state.places.at(change.task_id)
        change_task(context, state.project.id, place, change, current.run)
    return len(changes[:CHUNK]), len(changes[CHUNK:])


def _finish(
    context: Context, current: Round, by_task: dict[int, float], record: dict[str, Any]
) -> None:
    number, version = current.project_id, current.model_version
    with context.engine.begin() as connection:
        set_scores(connection, number, by_task)
        log_write(connection, number, current.run, "predictions", version, after=len(by_task))
        finish_round(connection, current.id, RoundState.PUBLISHED, record=record, stage="published")


def _state_now(context: Context, number: int) -> QueueState:
    with reading(context.engine) as connection:
        project = get_whole_project(connection, number)
        return in_force(read_queue_state(connection, open_connected(context.settings, project)))


def restore_predictions(context: Context, connected: Connected, *, look: bool = False) -> int:
    """Write the scores in force where Label Studio has none; return how many.

    That is so for tasks that came after the round, which are to be served last, and where somebody
    deleted predictions: Label Studio serves tasks without a score first, and refuses to order by a
    version without any prediction. Scores that differ are left to `refresh_queue`.

    Args:
        context: settings, store and Label Studio.
        connected: whose scores.
        look: read them all, as is done anyway where their number differs.

    """
    project = connected.project
    with reading(context.engine) as connection:
        last = published_round(connection, project.id)
        tasks = list_tasks(connection, project.id)
    if last is None:
        return 0
    version = last.model_version
    missing = [i for i, task in tasks.items() if task.score is None]
    there = context.label_studio.model_versions(project.id).get(version, 0)
    if look or there != len(tasks) - len(missing):
        found = context.label_studio.predictions_by_task(project.id)
        shown = {i: shown_score(found[i], version) for i in tasks if i in found}
        missing = [i for i, score in shown.items() if score is None]
        with context.engine.begin() as connection:
            set_scores(connection, project.id, shown)
    if missing:
        with reading(context.engine) as connection:
            state = in_force(read_queue_state(connection, connected))
        result = RoundResult.load(context.folder(project.id), last.artifact)
        scores, _ = scores_now(state, result, turns_of(state))
        now = dict(zip(state.counts.task_ids.tolist(), scores, strict=True))
        _write_missing(context, project, version, {i: float(now[i]) for i in missing})
    return len(missing)


def _write_missing(
    context: Context, project: Project, version: str, missing: dict[int, float]
) -> None:
    write_predictions(context, project.id, version, missing, silent)
    log.info("project %s: wrote %s missing scores", project.id, len(missing))
    with context.engine.begin() as connection:
        set_scores(connection, project.id, missing)
        log_write(connection, project.id, LIVE, "predictions", version, after=len(missing))


def write_predictions(
    context: Context, number: int, version: str, scores: dict[int, float], progress: Progress
) -> set[int]:
    """Write one prediction without a suggestion per task; return the tasks that are gone.

    Raises:
        LabelStudioError: Label Studio created fewer than it was sent, and not for that reason.

    """
    predictions = [
        {"task": task_id, "result": [], "score": score, "model_version": version}
        for task_id, score in scores.items()
    ]
    created = 0
    for start in range(0, len(predictions), BATCH):
        progress("predictions", start, len(predictions))
        created += context.label_studio.import_predictions(
            number, predictions[start : start + BATCH]
        )
    progress("predictions", created, len(predictions))
    return _gone(context, number, scores, created) if created != len(predictions) else set()


def _gone(context: Context, number: int, scores: dict[int, float], created: int) -> set[int]:
    """Return the tasks for which Label Studio has taken no prediction since they are deleted.

    Raises:
        LabelStudioError: there are fewer of them than predictions are missing.

    """
    there = {int(task["id"]) for task in context.label_studio.task_states(number)}
    gone = scores.keys() - there
    if created + len(gone) < len(scores):
        raise LabelStudioError(
            f"Label Studio created {created} of {len(scores)} predictions although only "
            f"{len(gone)} of their tasks were deleted. Run: relabel reconcile --project {number}; "
            f"then start another round."
        )
    tasks = "task was" if len(gone) == 1 else "tasks were"
    log.warning("project %s: %d %s deleted and left out", number, len(gone), tasks)
    with context.engine.begin() as connection:
        # The whole project is read again, so that the store forgets them as well.
        journal(connection, number, Action.RECONCILE)
    return set(gone)
