"""Bringing Label Studio's queue to what the votes and the last round say."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from relabel.errors import NotFoundError
from relabel.labelstudio.contract import settings_to_change
from relabel.numerics.gain import GAIN
from relabel.service.audit.kept_turns import turns_ended, turns_to_keep
from relabel.service.audit.turns import Turns, turns_of
from relabel.service.connected import Connected
from relabel.service.context import Context
from relabel.service.queue.counters import is_full, write_task
from relabel.service.queue.notices import repair_notices
from relabel.service.queue.parts import in_force
from relabel.service.queue.scores import LAST, SCORE_TOLERANCE, scores_now
from relabel.service.queue.stop_rule import stop_reason
from relabel.service.queue.window import Change, choose_open, plan_changes
from relabel.service.votes.result import RoundResult
from relabel.service.votes.state import QueueState
from relabel.service.votes.task_states import read_queue_state
from relabel.storage.database import reading
from relabel.storage.rounds import Round, published_round
from relabel.storage.task_states import end_turns, keep_turns
from relabel.storage.tasks import Place, Task, drop_tasks, set_task
from relabel.storage.writes import LIVE, log_write
from relabel.types import FloatArray, IntArray, Progress, silent

log = logging.getLogger("relabel.queue")

Predictions = Sequence[Mapping[str, Any]]
NONE_KNOWN: Mapping[int, Predictions] = {}


@dataclass(frozen=True, slots=True)
class ScoreChange:
    """A task's score under one model version: what Label Studio shows (None = none), what it is."""

    task_id: int
    version: str
    shown: float | None
    score: float


def refresh_queue(
    context: Context,
    connected: Connected,
    known: Mapping[int, Predictions] = NONE_KNOWN,
    *,
    look: Mapping[str, Any] | None = None,
    progress: Progress = silent,
) -> int:
    """Rewrite scores that votes or others have changed, open and close tasks; return the writes.

    Call it with the project's queue lock held. It computes everything from the store, so it may be
    repeated at any time and does nothing when there is nothing to do. What people wait for comes
    first: the scores of tasks that will be open, then the open tasks, then all other scores.

    Args:
        context: settings, store and Label Studio.
        connected: whose queue.
        known: predictions of tasks that were read just now and need not be asked for again.
        look: the project as it was read a moment ago: also compare tab and description with what
            they should be, whoever changed them.
        progress: told how many tasks are opened and closed.

    """
    project = connected.project
    with reading(context.engine) as connection:
        state = in_force(read_queue_state(connection, connected))
        last = published_round(connection, project.id)
    result = None if last is None else RoundResult.load(context.folder(project.id), last.artifact)
    turns = turns_of(state)
    _keep_turns(context, state, result, turns)
    reason = stop_reason(state)
    written = 0
    if last is not None and result is not None:
        scores, changed = scores_now(state, result, turns)
        wanted = open_ids(state, shown_scores(state, scores, changed), reason, turns)
        first = np.isin(state.counts.task_ids[changed], wanted)
        written = rewrite_scores(context, state, last, scores, changed[first], known)
        written += apply_changes(context, state, wanted, progress=progress)
        written += rewrite_scores(context, state, last, scores, changed[~first], known)
    # While it is the same, nobody is asked but by a sweep.
    if look is not None or reason != project.note:
        repair_notices(context, state, reason, look)
    return written


def _keep_turns(
    context: Context, state: QueueState, result: RoundResult | None, turns: Turns
) -> None:
    """Write down what is known of tasks whose turn has come, before anybody is asked about them."""
    found, ended = turns_to_keep(state, result, turns), turns_ended(state)
    if found or ended:
        with context.engine.begin() as connection:
            keep_turns(connection, state.project.id, found)
            end_turns(connection, state.project.id, ended)


def rewrite_scores(
    context: Context,
    state: QueueState,
    last: Round,
    scores: FloatArray,
    rows: IntArray,
    known: Mapping[int, Predictions],
) -> int:
    """Write the scores of these rows where Label Studio shows another; return how many."""
    number, written = state.project.id, 0
    for row in rows.tolist():
        task_id = int(state.counts.task_ids[row])
        shown = None if np.isnan(state.places.score[row]) else float(state.places.score[row])
        if shown is not None and abs(shown - scores[row]) < SCORE_TOLERANCE:
            continue
        change = ScoreChange(task_id, last.model_version, shown, float(scores[row]))
        _write_score(context, number, change, known.get(task_id))
        written += 1
    return written


def shown_scores(state: QueueState, scores: FloatArray, changed: IntArray) -> FloatArray:
    """Return (N,) the scores that Label Studio shows after `changed` rows were rewritten."""
    shown = np.where(np.isnan(state.places.score), LAST, state.places.score)
    shown[changed] = scores[changed]
    return shown


def open_ids(state: QueueState, shown: FloatArray, reason: str, turns: Turns) -> IntArray:
    """Return the tasks that should stand open, most urgent first.

    Args:
        state: what the votes say.
        shown: (N,) scores that Label Studio shows, low = first.
        reason: why nothing should be open, see `stop_reason`; "" = work goes on.
        turns: of the audit, see `turns_of`.

    """
    if reason:
        return np.zeros(0, dtype=np.int64)
    audit = np.zeros(len(shown), dtype=np.bool_)
    audit[turns.rows[turns.asked]] = True
    return choose_open(
        state.counts.task_ids,
        -shown,
        candidates=(state.waiting() | audit) & state.places.usable,
        # By gain a begun task waits for its turn like any other.
        begun=(state.begun() & (state.policy.score != GAIN)) | audit,
        is_open=~state.places.is_labeled,
        window=state.policy.window,
        taken=state.serving.taken,
        held=state.serving.held,
    )


def apply_changes(
    context: Context,
    state: QueueState,
    wanted: IntArray,
    *,
    run: str = LIVE,
    progress: Progress = silent,
) -> int:
    """Open and close tasks in Label Studio so that exactly the wanted ones stand open."""
    number, changes = state.project.id, pending_changes(state, wanted)
    for done, change in enumerate(changes):
        progress("opening and closing tasks", done, len(changes))
        place = state.places.at(change.task_id)
        change_task(context, number, place, change, run)
    return len(changes)


def pending_changes(state: QueueState, wanted: IntArray) -> list[Change]:
    """Return what must change so that exactly the wanted tasks stand open."""
    if state.policy.queue == "view":
        return []
    places = state.places
    open_by_us = places.touched & ~places.is_labeled
    rows = np.flatnonzero(open_by_us | np.isin(places.task_ids, wanted))
    ids = places.task_ids[rows].tolist()
    occupied = dict(zip(ids, state.occupied[rows].tolist(), strict=True))
    return plan_changes(places.of_rows(rows), occupied, wanted)


def change_task(
    context: Context, project_id: int, task: Task | Place, change: Change, run: str = LIVE
) -> None:
    """Write one task's overlap and state; a task deleted meanwhile is forgotten."""
    try:
        body = write_task(
            context.label_studio,
            change.task_id,
            overlap=change.overlap,
            is_labeled=change.is_labeled,
        )
        if not change.is_labeled and is_full(body):
            # The vote for which it was opened has just come, and Label Studio had closed it.
            body = write_task(context.label_studio, change.task_id, is_labeled=True)
        is_labeled = bool(body.get("is_labeled", change.is_labeled))
    except NotFoundError:
        with context.engine.begin() as connection:
            drop_tasks(connection, project_id, [change.task_id])
        return
    with context.engine.begin() as connection:
        set_task(
            connection,
            project_id,
            change.task_id,
            overlap=change.overlap,
            is_labeled=is_labeled,
            touched=True,
        )
        log_write(
            connection,
            project_id,
            run,
            "close task" if change.is_labeled else "open task",
            change.task_id,
            before={"overlap": task.overlap, "is_labeled": task.is_labeled},
            after={"overlap": change.overlap, "is_labeled": is_labeled},
        )


def assert_settings(
    context: Context, connected: Connected, body: Mapping[str, Any] | None = None
) -> dict[str, object]:
    """Set the project's settings back to what the queue needs; return what had to change."""
    project = connected.project
    with reading(context.engine) as connection:
        last = published_round(connection, project.id)
    version = "" if last is None else last.model_version
    changes = switch_queue(context, connected, version, body=body)
    if changes:
        log.warning("project %s: set back %s", project.id, sorted(changes))
    return changes


def switch_queue(
    context: Context,
    connected: Connected,
    version: str,
    *,
    run: str = LIVE,
    body: Mapping[str, Any] | None = None,
) -> dict[str, object]:
    """Put the order of one model version in force; return what had to change.

    Args:
        context: settings, store and Label Studio.
        connected: whose queue.
        version: the model version, "" = none yet.
        run: in whose name it is noted.
        body: the project as it was read a moment ago; it is read again before anything is written.

    """
    project, queue = connected.project, connected.policy.queue
    if body is not None and not settings_to_change(dict(body), version, queue):
        return {}
    now = context.label_studio.project(project.id)
    changes = settings_to_change(now, version, queue)
    if changes:
        context.label_studio.update_project(project.id, **changes)
        before = {key: now.get(key) for key in changes}
        with context.engine.begin() as connection:
            log_write(
                connection,
                project.id,
                run,
                "settings",
                project.id,
                before=before,
                after=changes,
            )
    return changes


def _write_score(
    context: Context, project_id: int, change: ScoreChange, predictions: Predictions | None
) -> None:
    task_id, version, score = change.task_id, change.version, change.score
    try:
        if predictions is None:
            predictions = context.label_studio.task(task_id).get("predictions", [])
        mine = [p for p in predictions if p.get("model_version") == version]
        for one in mine[:1]:
            if not _shows(one, score):
                context.label_studio.update_prediction(int(one["id"]), score)
        for one in mine[1:]:
            context.label_studio.delete_prediction(int(one["id"]))
        if not mine:
            prediction = {"task": task_id, "result": [], "score": score, "model_version": version}
            context.label_studio.import_predictions(project_id, [prediction])
    except NotFoundError:
        return  # the task is gone: TASKS_DELETED or the sweep will say so
    with context.engine.begin() as connection:
        set_task(connection, project_id, task_id, score=score)
        log_write(connection, project_id, LIVE, "score", task_id, before=change.shown, after=score)


def _shows(prediction: Mapping[str, Any], score: float) -> bool:
    shown = prediction.get("score")
    return isinstance(shown, int | float) and abs(shown - score) < SCORE_TOLERANCE
