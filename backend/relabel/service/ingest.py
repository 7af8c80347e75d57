"""The path of one annotation: journalled at once, carried out a moment later.

`receive` runs in the web process, inside the annotator's own request to Label Studio: one short
transaction and nothing else. `carry_out` runs in a worker, asks Label Studio for the truth of the
tasks concerned, and refreshes the queue.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Engine

from relabel.errors import NotFoundError, PayloadError, RelabelError
from relabel.labelstudio.contract import DELETIONS
from relabel.labelstudio.payloads import (
    TaskReading,
    field,
    project_id,
    read_annotation,
    read_task,
)
from relabel.service.context import Context, policy_of, schema_of
from relabel.service.publish import restore_predictions
from relabel.service.queue import assert_settings, refresh_queue
from relabel.service.reconcile import read_changes, reconcile_all, store
from relabel.service.steering import UNDO
from relabel.service.undo import carry_out_undo
from relabel.settings import Settings
from relabel.storage.annotations import record, record_deleted
from relabel.storage.database import reading
from relabel.storage.events import journal, mark_handled, unhandled
from relabel.storage.locks import queue_lock
from relabel.storage.projects import Project, find_project, get_project, set_project
from relabel.storage.tasks import drop_tasks

log = logging.getLogger("relabel.ingest")

CHANGED = "CHANGED"
"""In the journal: some annotations changed a moment ago."""

Receiver = Callable[[Connection, Settings, Project, Mapping[str, Any]], None]


def receive(
    engine: Engine, settings: Settings, body: Any, hinted: int | None = None
) -> tuple[int, bool]:
    """Journal one webhook event and take over its annotation, if it comes with one.

    Args:
        engine: the store.
        settings: the deployment.
        body: the event as it was sent.
        hinted: the project that an event without any content comes from.

    Returns:
        The project's id, and whether there is now something to carry out.

    Raises:
        PayloadError: names the field that is missing or wrong.

    """
    action = field(body, "action", str, where="body")
    is_hint = hinted is not None and body.keys() == {"action"}
    number = project_id({"project": hinted} if is_hint else body)
    with engine.begin() as connection:
        project = find_project(connection, number)
        if project is None:
            return number, False
        receiver = _hint if is_hint and action in RECEIVERS else RECEIVERS.get(action)
        if receiver is None:
            log.info("project %s: event %r means nothing here", number, action[:80])
            return number, False
        receiver(connection, settings, project, body)
    return number, True


def carry_out(context: Context, number: int) -> int:
    """Carry out what the journal holds for a project; return how many events that were.

    Safe to run twice, in any order, and after being killed at any point: events are marked only
    after Label Studio has everything.
    """
    with queue_lock(context.engine, context.settings.data_dir, number):
        with reading(context.engine) as connection:
            project = find_project(connection, number)
            ids, task_ids, actions = unhandled(connection, number)
        if project is None or not ids:
            return 0
        readings: list[TaskReading] = []
        if actions & {"TASKS_CREATED", "RECONCILE"}:
            reconcile_all(context, project)
            restore_predictions(context, project)
        elif CHANGED in actions:
            readings = read_changes(context, project)
        for task_id in sorted(task_ids - {reading.task_id for reading in readings}):
            readings += read_one_task(context, project, task_id)
        if "PROJECT_UPDATED" in actions:
            project = read_project(context, project)
            restore_predictions(context, project)
            if assert_settings(context, project).get("maximum_annotations"):
                # Writing it has reset every task's overlap.
                reconcile_all(context, project)
        for action in sorted(a for a in actions if a.startswith(UNDO)):
            carry_out_undo(context, project, action.removeprefix(UNDO))
        refresh_queue(context, project, readings)
        with context.engine.begin() as connection:
            mark_handled(connection, ids)
    return len(ids)


def read_one_task(context: Context, project: Project, task_id: int) -> list[TaskReading]:
    """Take over one task as Label Studio has it now, and return it; nothing if it is gone."""
    policy = policy_of(context.settings, project.extra_params)
    image_key = schema_of(project, policy).image_key
    read_at = context.now()
    body = _task_of(context, project, task_id)
    if body is None:
        with context.engine.begin() as connection:
            drop_tasks(connection, project.id, [task_id])
        return []
    readings = [read_task(body, image_key)]
    with context.engine.begin() as connection:
        store(connection, project, policy, readings, read_at=read_at)
    return readings


def _task_of(context: Context, project: Project, task_id: int) -> dict[str, Any] | None:
    """Return a task of the project; None if it is gone, or is another project's."""
    try:
        body = context.label_studio.task(task_id)
    except NotFoundError:
        return None
    return body if body.get("project", project.id) == project.id else None


def read_project(context: Context, project: Project) -> Project:
    """Take over the project's title and labelling config."""
    body = context.label_studio.project(project.id)
    if project.created_at and str(body.get("created_at", "")) != project.created_at:
        raise NotFoundError(
            f"Project {project.id} was deleted and its number given to another project "
            f"({body.get('title')!r}). Run: relabel forget --project {project.id}"
        )
    with context.engine.begin() as connection:
        set_project(
            connection,
            project.id,
            title=str(body.get("title", "")),
            label_config=str(body.get("label_config", "")),
        )
        return get_project(connection, project.id)


def _hint(
    connection: Connection, _settings: Settings, project: Project, body: Mapping[str, Any]
) -> None:
    """Journal an event of which only the name is known."""
    action = str(body["action"])
    if action in DELETIONS:
        action = "RECONCILE"  # what is gone shows only in a whole reading
    elif action.startswith("ANNOTATION"):
        action = CHANGED
    journal(connection, project.id, action)


def _annotation(
    connection: Connection, settings: Settings, project: Project, body: Mapping[str, Any]
) -> None:
    _take(connection, settings, project, [field(body, "annotation", dict, where="body")], body)


def _annotations(
    connection: Connection, settings: Settings, project: Project, body: Mapping[str, Any]
) -> None:
    _take(connection, settings, project, field(body, "annotation", list, where="body"), body)


def _take(
    connection: Connection,
    settings: Settings,
    project: Project,
    bodies: list[Any],
    body: Mapping[str, Any],
) -> None:
    tasks = body.get("task")
    created = {
        str(t.get("id")): str(t.get("created_at") or "")
        for t in (tasks if isinstance(tasks, list) else [tasks])
        if isinstance(t, Mapping)
    }
    task_ids = [field(item, "task", int, where="annotation") for item in bodies]
    try:
        schema = schema_of(project, policy_of(settings, project.extra_params))
    except PayloadError:
        raise
    except RelabelError:
        # The config is broken just now: the journal remembers, the truth is read later.
        journal(connection, project.id, str(body["action"]), task_ids)
        return
    found = [
        read_annotation(
            item,
            schema,
            connected_at=project.connected_at,
            task_created_at=created.get(str(item["task"]), ""),
        )
        for item in bodies
    ]
    record(connection, project.id, found)
    journal(connection, project.id, str(body["action"]), sorted(set(task_ids)))


def _annotations_deleted(
    connection: Connection, _settings: Settings, project: Project, body: Mapping[str, Any]
) -> None:
    ids = _ids(body, "annotations")
    tasks = record_deleted(connection, project.id, ids)
    journal(connection, project.id, "ANNOTATIONS_DELETED" if tasks else "RECONCILE", tasks)


def _tasks_deleted(
    connection: Connection, _settings: Settings, project: Project, body: Mapping[str, Any]
) -> None:
    ids = _ids(body, "tasks")
    drop_tasks(connection, project.id, ids)
    journal(connection, project.id, "TASKS_DELETED")


def _tasks_created(
    connection: Connection, _settings: Settings, project: Project, body: Mapping[str, Any]
) -> None:
    _ids(body, "tasks")
    journal(connection, project.id, "TASKS_CREATED")


def _project_updated(
    connection: Connection, _settings: Settings, project: Project, _body: Mapping[str, Any]
) -> None:
    journal(connection, project.id, "PROJECT_UPDATED")


def _start_training(
    connection: Connection, _settings: Settings, project: Project, _body: Mapping[str, Any]
) -> None:
    set_project(connection, project.id, train_requested=True)
    journal(connection, project.id, "START_TRAINING")


def _ids(body: Mapping[str, Any], name: str) -> list[int]:
    return [field(item, "id", int, where=name) for item in field(body, name, list, where="body")]


RECEIVERS: dict[str, Receiver] = {
    "ANNOTATION_CREATED": _annotation,
    "ANNOTATION_UPDATED": _annotation,
    "ANNOTATIONS_CREATED": _annotations,
    "ANNOTATIONS_DELETED": _annotations_deleted,
    "TASKS_CREATED": _tasks_created,
    "TASKS_DELETED": _tasks_deleted,
    "PROJECT_UPDATED": _project_updated,
    "START_TRAINING": _start_training,
}
