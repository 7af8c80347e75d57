"""The safety net: find and repair whatever an event, a job or a person left undone."""

import logging
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from relabel.errors import NotFoundError, QueueBusyError, RelabelError
from relabel.service.connected import Connected, open_connected
from relabel.service.context import Context
from relabel.service.queue.publish import restore_predictions
from relabel.service.queue.refresh import assert_settings, refresh_queue
from relabel.service.queue.task_states import count_missing, differing_tasks
from relabel.service.sync.catch_up import carry_out, take_over
from relabel.service.sync.mirror import reconcile_all, reconcile_recent
from relabel.storage.database import reading
from relabel.storage.locks import PATIENCE_SECONDS, queue_lock
from relabel.storage.projects import Project, get_whole_project, list_projects
from relabel.storage.tasks import list_tasks

log = logging.getLogger("relabel.sweep")

WHOLE_SECONDS = 86_400.0
"""How long readings of what changed alone are relied on."""


def sweep(context: Context) -> list[Project]:
    """Compare every project with Label Studio; return those that could be."""
    with reading(context.engine) as connection:
        projects = list_projects(connection)
    swept: list[Project] = []
    for project in projects:
        if project.cut_off:
            log.warning(
                "project %s: connecting it was cut off; finish with relabel connect --project %s, "
                "or take it back with relabel detach --project %s",
                *(project.id,) * 3,
            )
            continue
        try:
            # First what people wait for: the jobs of a killed worker are lost, and its successor
            # begins with a sweep, in which Label Studio is asked for much more than votes.
            body = context.label_studio.project(project.id)
            known = take_over(context, project, body)
            wrote = carry_out(context, project.id, patience=PATIENCE_SECONDS)
            if not _swept_lately(context, project):
                known = sweep_project(
                    context, known, patience=PATIENCE_SECONDS, body=None if wrote else body
                )
            swept.append(known)
        except QueueBusyError as error:
            log.info("%s It is compared with Label Studio next time.", error)
        except NotFoundError as error:
            log.warning(
                "project %s: %s If it is gone for good: relabel forget --project %s",
                project.id,
                error,
                project.id,
            )
        except RelabelError as error:
            log.warning("project %s: %s", project.id, error)
        except Exception:
            # A mistake met in one project, ours included, must not stop the others.
            log.exception("project %s could not be compared with Label Studio", project.id)
    return swept


def sweep_project(
    context: Context,
    project: Project,
    *,
    full: bool = False,
    patience: float = math.inf,
    body: Mapping[str, Any] | None = None,
) -> Project:
    """Repair one project; return it as it is now.

    Args:
        context: settings, store and Label Studio.
        project: as the store has it.
        full: read the whole of it, whenever that was done last.
        patience: seconds to wait for whoever changes its queue now.
        body: the project as Label Studio had it a moment ago; it is read again before anything
            is written by it.

    Raises:
        QueueBusyError: somebody else changed its queue for longer than `patience` seconds.
        NotReadyError: it is being detached.

    """
    with queue_lock(context.engine, context.settings.data_dir, project.id, patience=patience):
        with reading(context.engine) as connection:
            # Whole now, and not only a moment ago.
            project = get_whole_project(connection, project.id)
        if body is None:
            body = context.label_studio.project(project.id)
            project = take_over(context, project, body)
        connected = open_connected(context.settings, project)
        full = full or _whole_reading_due(context, project)
        if not full:
            reconcile_recent(context, connected)
        if full:
            _tell_differing(context, connected)
        # Compared afterwards: as many tasks may be new as were deleted.
        if full or _count_differs(context, project, body):
            reconcile_all(context, connected)
            _read_stamp(context, project).touch()
        restore_predictions(context, connected, look=full)
        if assert_settings(context, connected, body).get("maximum_annotations"):
            # Writing it has reset every task's overlap.
            reconcile_all(context, connected)
        count_missing(context.engine, connected)
        refresh_queue(context, connected, look=body)
    _stamp(context, project).touch()
    carry_out(context, project.id, patience=patience)
    return project


def _tell_differing(context: Context, connected: Connected) -> None:
    """Say which tasks are kept otherwise than their annotations say: a defect, if there are any.

    The whole reading that follows counts all of them anew.
    """
    with reading(context.engine) as connection:
        differing = differing_tasks(connection, connected)
    if differing:
        log.error(
            "project %s: %d tasks were kept otherwise than their annotations say, first: %s",
            connected.project.id,
            len(differing),
            dict(list(differing.items())[:5]),
        )


def _whole_reading_due(context: Context, project: Project) -> bool:
    """Return whether the whole project should be read again.

    Readings of what changed rely on Label Studio's times. Should these ever have been wrong, the
    consequences last a day.
    """
    stamp = _read_stamp(context, project)
    if not stamp.exists():
        stamp.touch()
    return abs(time.time() - stamp.stat().st_mtime) > WHOLE_SECONDS


def forget_sweeps(context: Context) -> None:
    """Make the next sweep a real one: nobody knows what happened before this process began."""
    for stamp in (context.settings.data_dir / "locks").glob("swept-*"):
        stamp.unlink(missing_ok=True)


def _swept_lately(context: Context, project: Project) -> bool:
    """Return whether a sweep of this or another worker has just ended.

    Every worker asks for sweeps, and one may take longer than the pause between them: they must
    not pile up before the rounds.
    """
    try:
        ended = _stamp(context, project).stat().st_mtime
    except FileNotFoundError:
        return False
    return 0 <= time.time() - ended < context.settings.sweep_seconds / 2


def _stamp(context: Context, project: Project) -> Path:
    return _locks(context) / f"swept-{project.id}"


def _read_stamp(context: Context, project: Project) -> Path:
    return _locks(context) / f"read-{project.id}"


def _locks(context: Context) -> Path:
    folder = context.settings.data_dir / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _count_differs(context: Context, project: Project, body: Mapping[str, Any]) -> bool:
    """Return whether the store has more or fewer tasks than Label Studio: some were deleted."""
    with reading(context.engine) as connection:
        known = len(list_tasks(connection, project.id))
    if known == int(body.get("task_number", -1)):
        return False
    # Some may only have come since.
    return known != int(context.label_studio.project(project.id).get("task_number", -1))
