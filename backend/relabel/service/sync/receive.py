"""Taking a webhook's event: journalled at once, within the annotator's own request to Label Studio.

`receive` runs in the web process: one short transaction and nothing else.
"""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, Engine

from relabel.errors import PayloadError, RelabelError
from relabel.labelstudio.payloads import field, project_id, read_annotation
from relabel.service.connected import open_connected
from relabel.settings import Settings
from relabel.storage.annotations import record, record_deleted
from relabel.storage.journal.events import DELETIONS, LABELLING, Action, journal
from relabel.storage.projects import Project, find_project, set_project
from relabel.storage.tasks import drop_tasks

log = logging.getLogger("relabel.receiving")

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


def _hint(
    connection: Connection, _settings: Settings, project: Project, body: Mapping[str, Any]
) -> None:
    """Journal an event of which only the name is known."""
    action = Action(body["action"])
    if action in DELETIONS:
        action = Action.RECONCILE  # what is gone shows only in a whole reading
    elif action in LABELLING:
        action = Action.CHANGED
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
        schema = open_connected(settings, project).schema
    except PayloadError:
        raise
    except RelabelError:
        # The config is broken just now: the journal remembers, the truth is read later.
        journal(connection, project.id, Action(body["action"]), task_ids)
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
    journal(connection, project.id, Action(body["action"]), sorted(set(task_ids)))


def _annotations_deleted(
    connection: Connection, _settings: Settings, project: Project, body: Mapping[str, Any]
) -> None:
    ids = _ids(body, "annotations")
    tasks = record_deleted(connection, project.id, ids)
    action = Action.ANNOTATIONS_DELETED if tasks else Action.RECONCILE
    journal(connection, project.id, action, tasks)


def _tasks_deleted(
    connection: Connection, _settings: Settings, project: Project, body: Mapping[str, Any]
) -> None:
    ids = _ids(body, "tasks")
    drop_tasks(connection, project.id, ids)
    journal(connection, project.id, Action.TASKS_DELETED)


def _tasks_created(
    connection: Connection, _settings: Settings, project: Project, body: Mapping[str, Any]
) -> None:
    _ids(body, "tasks")
    journal(connection, project.id, Action.TASKS_CREATED)


def _project_updated(
    connection: Connection, _settings: Settings, project: Project, _body: Mapping[str, Any]
) -> None:
    journal(connection, project.id, Action.PROJECT_UPDATED)


def _start_training(
    connection: Connection, _settings: Settings, project: Project, _body: Mapping[str, Any]
) -> None:
    set_project(connection, project.id, train_requested=True)
    journal(connection, project.id, Action.START_TRAINING)


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
