"""The safety net: find and repair whatever an event, a worker or a person left undone."""

import logging
import math
from collections.abc import Mapping
from typing import Any

from relabel.errors import NotFoundError, QueueBusyError, RelabelError
from relabel.service.connected import Connected, open_connected
from relabel.service.context import Context
from relabel.service.queue.publish import restore_predictions
from relabel.service.queue.refresh import assert_settings, refresh_queue
from relabel.service.sync.catch_up import carry_out, take_over
from relabel.service.sync.mirror import reconcile_all, reconcile_recent
from relabel.service.votes.task_states import count_missing, differing_tasks
from relabel.storage.database import clock, reading
from relabel.storage.journal.claims import make_sweeps_due, take_sweep
from relabel.storage.locks import PATIENCE_SECONDS, queue_lock
from relabel.storage.projects import Project, get_project, get_whole_project, set_project
from relabel.storage.tasks import list_tasks

log = logging.getLogger("relabel.sweep")

WHOLE_SECONDS = 86_400.0
"""How long readings of what changed alone are relied on."""


def sweep(context: Context) -> list[Project]:
    """Compare the projects whose turn it is with Label Studio; return those that could be.

    Of all workers one takes a project, and none before it has rested for the setting's seconds.
    """
    swept: list[Project] = []
    taken: set[int] = set()  # a pause shorter than a sweep must not keep this one from ending
    while (number := _take(context)) is not None and number not in taken:
        taken.add(number)
        project = _sweep_safely(context, number)
        if project is not None:
            swept.append(project)
    return swept


def _take(context: Context) -> int | None:
    with context.engine.begin() as connection:
        return take_sweep(connection, context.settings.sweep_seconds)


def _sweep_safely(context: Context, number: int) -> Project | None:
    """Sweep one project; whatever is wrong with it is logged and stops no other one."""
    try:
        with reading(context.engine) as connection:
            project = get_project(connection, number)
        if project.cut_off:
            with queue_lock(context.engine, context.settings.data_dir, number, patience=0.0):
                pass  # nobody is at it
            log.warning(
                "project %s: connecting it was cut off; finish with relabel connect --project %s, "
                "or take it back with relabel detach --project %s",
                *(number,) * 3,
            )
            return None
        # First what people wait for: comparing asks Label Studio for much more than votes.
        body = context.label_studio.project(number)
        known = take_over(context, project, body)
        done = carry_out(context, number, patience=PATIENCE_SECONDS)
        return sweep_project(
            context, known, patience=PATIENCE_SECONDS, body=None if done.events else body
        )
    except QueueBusyError as error:
        log.info("%s It is compared with Label Studio next time.", error)
    except NotFoundError as error:
        log.warning(
            "project %s: %s If it is gone for good: relabel forget --project %s",
            *(number, error, number),
        )
    except RelabelError as error:
        log.warning("project %s: %s", number, error)
    except Exception:
        # A mistake met in one project, ours included, must not stop the others.
        log.exception("project %s could not be compared with Label Studio", number)
    return None


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
            _note(context, project, "read_at")
        restore_predictions(context, connected, look=full)
        if assert_settings(context, connected, body).get("maximum_annotations"):
            # Writing it has reset every task's overlap.
            reconcile_all(context, connected)
        count_missing(context.engine, connected, context.folder(project.id))
        refresh_queue(context, connected, look=body)
    _note(context, project, "swept_at")  # the rest begins at the end, however long this took
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
    if not project.read_at:
        _note(context, project, "read_at")
        return False
    return abs(context.now() - project.read_at) > WHOLE_SECONDS


def _note(context: Context, project: Project, column: str) -> None:
    """Write down that this was done now."""
    with context.engine.begin() as connection:
        set_project(connection, project.id, **{column: clock(connection)})


def forget_sweeps(context: Context, *, but_for: float = 0.0) -> None:
    """Make a sweep of every project due: nobody knows what happened before this process began.

    Args:
        context: settings, store and Label Studio.
        but_for: seconds; projects that were swept in the last so many rest nevertheless.

    """
    with context.engine.begin() as connection:
        make_sweeps_due(connection, but_for=but_for)


def _count_differs(context: Context, project: Project, body: Mapping[str, Any]) -> bool:
    """Return whether the store has more or fewer tasks than Label Studio: some were deleted."""
    with reading(context.engine) as connection:
        known = len(list_tasks(connection, project.id))
    if known == int(body.get("task_number", -1)):
        return False
    # Some may only have come since.
    return known != int(context.label_studio.project(project.id).get("task_number", -1))
