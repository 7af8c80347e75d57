"""Making the store what Label Studio says: everything, what changed since last time, one task."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from relabel.errors import NotFoundError
from relabel.labelstudio.given_labels import from_field, given_label
from relabel.labelstudio.payloads import (
    TaskReading,
    read_annotation,
    read_counters,
    read_task,
)
from relabel.service.connected import Connected
from relabel.service.context import Context
from relabel.service.queue.counters import repair_counters
from relabel.service.queue.scores import shown_score
from relabel.service.votes.task_states import count_tasks
from relabel.storage.annotations import FAR_FUTURE, Annotation, record_truth
from relabel.storage.database import reading
from relabel.storage.projects import Project, get_project, set_project
from relabel.storage.rounds import published_round
from relabel.storage.tasks import Task, drop_tasks, list_tasks, save_tasks, set_scores

TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
"""How Label Studio writes times."""
OVERLAP_SECONDS = 10.0
"""How far an incremental reading looks back behind the newest change seen: transactions of Label
Studio may become visible after later ones."""
CLOCK_SECONDS = 30.0
"""How far behind Label Studio's own clock a reading is taken to be complete. Without this, a
project in which nothing has changed since its import would be read as a whole again and again."""
HINT_SECONDS = 3.0
"""The same after a hint: short, since these tasks are read within the time until the queue follows;
the sweep looks back further."""
BATCH = 500
"""Tasks per transaction: webhooks wait no longer than one of these takes."""


def reconcile_all(context: Context, connected: Connected) -> int:
    """Read the whole project; return how many tasks it has.

    A task that the reading has left out is forgotten only after Label Studio has said of it alone
    that it is gone: with it goes what it was before connecting.
    """
    read_at, project = context.now(), connected.project
    readings = read_everything(context, connected)
    _store_batches(context, connected, readings, read_at)
    with context.engine.begin() as connection:
        _advance(connection, project, max((r.updated_at for r in readings), default=""))
    present = {one.task_id for one in readings}
    with reading(context.engine) as connection:
        absent = [i for i in list_tasks(connection, project.id) if i not in present]
    alive = [one for i in absent for one in read_one_task(context, connected, i)]
    return len(readings) + len(alive)


def read_one_task(context: Context, connected: Connected, task_id: int) -> list[TaskReading]:
    """Take over one task as Label Studio has it now, and return it; nothing if it is gone."""
    read_at, project = context.now(), connected.project
    body = _task_of(context, project, task_id)
    if body is None:
        with context.engine.begin() as connection:
            drop_tasks(connection, project.id, [task_id])
        return []
    readings = [read_task(body, connected.schema)]
    _store_batches(context, connected, readings, read_at)
    return readings


def _task_of(context: Context, project: Project, task_id: int) -> dict[str, Any] | None:
    """Return a task of the project; None if it is gone, or is another project's."""
    try:
        body = context.label_studio.task(task_id)
    except NotFoundError:
        return None
    return body if body.get("project", project.id) == project.id else None


def read_everything(context: Context, connected: Connected) -> list[TaskReading]:
    """Return every task of a project as Label Studio has it now; nothing is stored."""
    project, schema = connected.project, connected.schema
    if connected.policy.initial.startswith("predictions:"):
        # Only this slower listing holds what predictions say.
        return [read_task(b, schema) for b in context.label_studio.all_tasks(project.id)]
    states = {body["id"]: body for body in context.label_studio.task_states(project.id)}
    readings = []
    for body in context.label_studio.export(project.id):
        state = states.get(body["id"])
        # A task made between the two readings belongs to the next one.
        if state is not None:
            found = replace(
                read_task(body, schema),
                overlap=int(state["overlap"]),
                is_labeled=bool(state["is_labeled"]),
                counters=read_counters(state),
                predictions=None,  # the export has their numbers alone
            )
            readings.append(found)
    return readings


def _store_batches(
    context: Context,
    connected: Connected,
    readings: Sequence[TaskReading],
    read_at: float,
) -> None:
    folder = context.folder(connected.project.id)
    for start in range(0, len(readings), BATCH):
        part = readings[start : start + BATCH]
        with context.engine.begin() as connection:
            store(connection, connected, part, read_at=read_at, folder=folder)
    if connected.project.connected_at != FAR_FUTURE:
        repair_counters(context.label_studio, readings)


def reconcile_recent(context: Context, connected: Connected) -> None:
    """Read the tasks that changed since the last sweep."""
    project = connected.project
    if not project.high_water:
        reconcile_all(context, connected)
        return
    clock = context.label_studio.clock()
    readings = _read_since(context, connected, project.high_water, OVERLAP_SECONDS)
    reached = [one.updated_at for one in readings]
    if clock is not None:
        reached.append((clock - timedelta(seconds=CLOCK_SECONDS)).strftime(TIME_FORMAT))
    with context.engine.begin() as connection:
        _advance(connection, project, max(reached, default=""))


def read_changes(context: Context, connected: Connected) -> list[TaskReading]:
    """Read the tasks that changed a moment ago, after a hint that some did; return them.

    What this misses the sweep finds, which therefore goes by a mark of its own.
    """
    project = connected.project
    known = max(project.high_water, context.newest.get(project.id, ""))
    if not known:
        reconcile_all(context, connected)
        return []
    readings = _read_since(context, connected, known, HINT_SECONDS)
    context.newest[project.id] = max([known, *(one.updated_at for one in readings)])
    return readings


def _read_since(
    context: Context, connected: Connected, known: str, overlap_seconds: float
) -> list[TaskReading]:
    read_at = context.now()
    since = datetime.fromisoformat(known) - timedelta(seconds=overlap_seconds)
    found = context.label_studio.tasks_since(connected.project.id, since.strftime(TIME_FORMAT))
    readings = [read_task(body, connected.schema) for body in found]
    _store_batches(context, connected, readings, read_at)
    return readings


def store(
    connection: Connection,
    connected: Connected,
    readings: Sequence[TaskReading],
    *,
    read_at: float,
    folder: Path,
) -> None:
    """Take over what Label Studio said of these tasks at `read_at` (Unix seconds).

    folder: of the project's rounds.
    """
    project = connected.project
    save_tasks(connection, project.id, [task_of(connected, r) for r in readings])
    found = [a for one in readings for a in annotations_of(connected, one)]
    task_ids = [one.task_id for one in readings]
    record_truth(connection, project.id, task_ids, found, read_at=read_at)
    count_tasks(connection, connected, task_ids, folder)
    last = published_round(connection, project.id)
    if last is not None:
        shown = {
            one.task_id: shown_score(one.predictions, last.model_version)
            for one in readings
            if one.predictions is not None
        }
        set_scores(connection, project.id, shown)


def annotations_of(connected: Connected, reading: TaskReading) -> list[Annotation]:
    """Return the annotations of a task that was read."""
    return [
        read_annotation(
            body,
            connected.schema,
            connected_at=connected.project.connected_at,
            task_id=reading.task_id,
            task_created_at=reading.created_at,
        )
        for body in reading.annotations
    ]


def task_of(connected: Connected, reading: TaskReading) -> Task:
    """Return a task that was read, as the store keeps it at first sight."""
    project, policy = connected.project, connected.policy
    came_later = project.connected_at != FAR_FUTURE and policy.queue == "window"
    overlap = 1 if reading.overlap is None else reading.overlap
    is_labeled = bool(reading.is_labeled)
    return Task(
        task_id=reading.task_id,
        image=reading.image,
        overlap=overlap,
        is_labeled=is_labeled,
        updated_at=reading.updated_at,
        overlap_before=0 if came_later else overlap,
        is_labeled_before=is_labeled and not came_later,
        given=given_label(reading, connected.schema, policy.initial).choice,
        problem=reading.image_problem,
        split=from_field(reading.data, policy.split).choice if policy.split else "",
    )


def _advance(connection: Connection, project: Project, reached: str) -> None:
    if reached > get_project(connection, project.id).high_water:
        set_project(connection, project.id, high_water=reached)
