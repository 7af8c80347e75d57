"""Making the store what Label Studio says: everything, or what changed since last time."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from relabel.labelstudio.labels import LabelSchema
from relabel.labelstudio.payloads import TaskReading, read_annotation, read_task
from relabel.service.context import Context, policy_of, schema_of
from relabel.storage.annotations import record_truth
from relabel.storage.projects import Project, get_project, set_project
from relabel.storage.tasks import Task, drop_tasks, list_tasks, save_tasks

OVERLAP_SECONDS = 10.0
"""How far an incremental reading looks back behind the newest change seen: transactions of Label
Studio may become visible after later ones."""
BATCH = 500
"""Tasks per transaction: webhooks wait no longer than one of these takes."""


def reconcile_all(context: Context, project: Project) -> int:
    """Read the whole project; return how many tasks it has."""
    read_at = time.time()
    states = {
        body["id"]: (int(body["overlap"]), bool(body["is_labeled"]))
        for body in context.label_studio.task_states(project.id)
    }
    schema = schema_of(project, policy_of(context.settings, project.extra_params))
    readings = []
    for body in context.label_studio.export(project.id):
        reading = read_task(body, schema.image_key)
        # A task made between the two readings belongs to the next one.
        if reading.task_id in states:
            overlap, is_labeled = states[reading.task_id]
            readings.append(replace(reading, overlap=overlap, is_labeled=is_labeled))
    for start in range(0, len(readings), BATCH):
        with context.engine.begin() as connection:
            store(connection, project, schema, readings[start : start + BATCH], read_at=read_at)
    with context.engine.begin() as connection:
        known = list_tasks(connection, project.id)
        drop_tasks(connection, project.id, [i for i in known if i not in states])
        _advance(connection, project, readings)
    return len(readings)


def reconcile_recent(context: Context, project: Project) -> list[int]:
    """Read the tasks that changed since the last reading; return their ids."""
    if not project.high_water:
        reconcile_all(context, project)
        return []
    read_at = time.time()
    schema = schema_of(project, policy_of(context.settings, project.extra_params))
    since = datetime.fromisoformat(project.high_water) - timedelta(seconds=OVERLAP_SECONDS)
    text = since.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    readings = [
        read_task(body, schema.image_key)
        for body in context.label_studio.tasks_since(project.id, text)
    ]
    for start in range(0, len(readings), BATCH):
        with context.engine.begin() as connection:
            store(connection, project, schema, readings[start : start + BATCH], read_at=read_at)
    with context.engine.begin() as connection:
        _advance(connection, project, readings)
    return [reading.task_id for reading in readings]


def store(
    connection: Connection,
    project: Project,
    schema: LabelSchema,
    readings: Sequence[TaskReading],
    *,
    read_at: float,
) -> None:
    """Take over what Label Studio said of these tasks at `read_at` (Unix seconds)."""
    save_tasks(connection, project.id, [_task(reading) for reading in readings])
    found = [
        read_annotation(
            body,
            schema,
            connected_at=project.connected_at,
            task_id=reading.task_id,
            task_created_at=reading.created_at,
        )
        for reading in readings
        for body in reading.annotations
    ]
    task_ids = [reading.task_id for reading in readings]
    record_truth(connection, project.id, task_ids, found, read_at=read_at)


def _task(reading: TaskReading) -> Task:
    overlap = 1 if reading.overlap is None else reading.overlap
    is_labeled = bool(reading.is_labeled)
    return Task(
        task_id=reading.task_id,
        image=reading.image,
        overlap=overlap,
        is_labeled=is_labeled,
        updated_at=reading.updated_at,
        overlap_before=overlap,
        is_labeled_before=is_labeled,
    )


def _advance(connection: Connection, project: Project, readings: Iterable[TaskReading]) -> None:
    newest = max((reading.updated_at for reading in readings), default="")
    current = get_project(connection, project.id).high_water
    if newest > current:
        set_project(connection, project.id, high_water=newest)
