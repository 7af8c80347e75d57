"""Carrying out what the journal holds, in a worker, a moment after the event.

`carry_out` asks Label Studio for the truth of the tasks concerned, and refreshes the queue. What it
carries out was journalled by `receive`.
"""

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from relabel.errors import NotFoundError
from relabel.labelstudio.payloads import TaskReading
from relabel.service.connected import Connected, open_connected
from relabel.service.context import Context
from relabel.service.queue.publish import restore_predictions
from relabel.service.queue.refresh import assert_settings, refresh_queue
from relabel.service.queue.undo import carry_out_undos
from relabel.service.sync.mirror import read_changes, read_one_task, reconcile_all
from relabel.service.traces import is_same
from relabel.storage.annotations import forget_beginnings
from relabel.storage.database import reading
from relabel.storage.journal.events import Action, mark_handled, to_undo, unhandled
from relabel.storage.locks import queue_lock
from relabel.storage.projects import Project, find_project, get_project, set_project
from relabel.types import Progress, silent

log = logging.getLogger("relabel.ingest")


@dataclass(frozen=True, slots=True)
class Done:
    """What was carried out: how many events, and the project as it was opened for them.

    connected: None = no event but wishes to undo something, for which others opened it.
    """

    events: int
    connected: Connected | None = None


def carry_out(
    context: Context, number: int, *, patience: float = math.inf, progress: Progress = silent
) -> Done:
    """Carry out what the journal holds for a project.

    Safe to run twice, in any order, and after being killed at any point: events are marked only
    after Label Studio has everything.

    Args:
        context: settings, store and Label Studio.
        number: id of the project.
        patience: seconds to wait for whoever changes its queue now.
        progress: told how many tasks are opened and closed.

    Raises:
        QueueBusyError: somebody did so for longer; whatever is left stays due.

    """
    with reading(context.engine) as connection:
        project = find_project(connection, number)
        wishes = to_undo(connection, number)
    if project is None or project.cut_off:
        return Done(0)
    if wishes:
        carry_out_undos(context, number, wishes, patience=patience)
    with queue_lock(context.engine, context.settings.data_dir, number, patience=patience):
        with reading(context.engine) as connection:
            project = find_project(connection, number)
            ids, task_ids, actions = unhandled(connection, number)
        if project is None or project.cut_off or not ids:
            return Done(len(wishes))
        body = None
        if Action.PROJECT_UPDATED in actions:
            # First of all: the labelling config as the store has it may be one that cannot be read.
            body = context.label_studio.project(number)
            project = take_over(context, project, body)
        connected = open_connected(context.settings, project)
        readings: list[TaskReading] = []
        if actions & {Action.TASKS_CREATED, Action.RECONCILE}:
            reconcile_all(context, connected)
            restore_predictions(context, connected)
        elif Action.CHANGED in actions:
            readings = read_changes(context, connected)
        for task_id in sorted(task_ids - {reading.task_id for reading in readings}):
            readings += read_one_task(context, connected, task_id)
        if body is not None:
            _set_back(context, connected, body)
        known = {r.task_id: r.predictions or () for r in readings}
        refresh_queue(context, connected, known, progress=progress)
        with context.engine.begin() as connection:
            mark_handled(connection, ids)
    return Done(len(wishes) + len(ids), connected)


def _set_back(context: Context, connected: Connected, body: Mapping[str, Any]) -> None:
    """Read what somebody's change of the project has changed, and set back what the queue needs."""
    if not connected.project.high_water:
        reconcile_all(context, connected)
    restore_predictions(context, connected)
    if assert_settings(context, connected, body).get("maximum_annotations"):
        # Writing it has reset every task's overlap.
        reconcile_all(context, connected)


def take_over(context: Context, project: Project, body: Mapping[str, Any]) -> Project:
    """Take over the project's title, labelling config and what becomes of skipped tasks.

    Args:
        context: settings, store and Label Studio.
        project: as the store has it.
        body: as Label Studio has it now.

    Raises:
        NotFoundError: it is another project by now.

    """
    if not is_same(dict(body), project):
        raise NotFoundError(
            f"Project {project.id} was deleted and its number given to another project "
            f"({body.get('title')!r}). Run: relabel forget --project {project.id}"
        )
    values = {
        "title": str(body.get("title", "")),
        "label_config": str(body.get("label_config", "")),
        "skip_queue": str(body.get("skip_queue") or ""),
    }
    if values["skip_queue"] != project.skip_queue:
        # Label Studio has counted all tasks anew, and says of none that it changed.
        values["high_water"] = ""
    if values["label_config"] != project.label_config:
        # It says what annotations mean and where the images are.
        values["high_water"] = ""
    with context.engine.begin() as connection:
        set_project(connection, project.id, **values)
        if values["label_config"] != project.label_config:
            forget_beginnings(connection, project.id)
        return get_project(connection, project.id)
