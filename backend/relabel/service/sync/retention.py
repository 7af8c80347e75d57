"""Forgetting once a day what nobody needs any more.

What undoing, detaching and the order in force need is kept for as long as the project is
connected, however old it is.
"""

import logging
import time
from collections.abc import Callable

from sqlalchemy import Connection

from relabel.errors import LabelStudioError
from relabel.media.registry import MEDIUM
from relabel.service.context import Context
from relabel.service.export.record import EXPORT
from relabel.service.traces import own_versions
from relabel.storage.database import reading
from relabel.storage.journal.events import prune_events
from relabel.storage.projects import DETACH, Project, list_projects
from relabel.storage.rounds import list_rounds, prune_rounds
from relabel.storage.tasks import list_tasks
from relabel.storage.writes import SETTLE, UNDO_SETTLE, prune_writes

log = logging.getLogger("relabel.pruning")

DAY = 86_400.0
EVENT_DAYS = 7
"""How long events are kept that were carried out, for people who look for a reason."""
ROUND_DAYS = 7
"""How long rounds are kept that came to nothing or were undone."""
WRITE_DAYS = 90
"""How long the log of what was written into a project is kept."""
MOST = 5_000
"""Rows per transaction: webhooks wait no longer than one of these takes."""


def prune_daily(context: Context) -> None:
    """Forget what is old, unless that was done within a day, by this machine's clock."""
    stamp = context.settings.data_dir / "locks" / "pruned"
    if stamp.exists() and abs(time.time() - stamp.stat().st_mtime) < DAY:
        return
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.touch()
    prune(context)


def prune(context: Context) -> None:
    """Forget old events, lines of the log and rounds, and images that no task refers to."""
    with reading(context.engine) as connection:
        projects = list_projects(connection)
    for project in projects:
        counts = {
            "events": _prune_events(context, project.id),
            "rounds": _prune_rounds(context, project),
            "lines of the log": _prune_writes(context, project.id),
        }
        forgotten = [f"{count} {what}" for what, count in counts.items() if count]
        if forgotten:
            log.info("project %s: forgot %s", project.id, ", ".join(forgotten))
    _prune_images(context)


def _prune_events(context: Context, number: int) -> int:
    before = context.now() - EVENT_DAYS * DAY
    return _in_parts(context, lambda c: prune_events(c, number, before=before, most=MOST))


def _prune_writes(context: Context, number: int) -> int:
    """Forget lines of the log, but for those of connecting, of exports and of rounds that stay."""
    before = context.now() - WRITE_DAYS * DAY
    with reading(context.engine) as connection:
        rounds = {r.run for r in list_rounds(connection, number)}
    kept = {"connect", EXPORT, DETACH, SETTLE, UNDO_SETTLE, *rounds}
    return _in_parts(
        context, lambda c: prune_writes(c, number, before=before, kept=kept, most=MOST)
    )


def _in_parts(context: Context, prune_some: Callable[[Connection], int]) -> int:
    pruned, last = 0, MOST
    while last == MOST:
        with context.engine.begin() as connection:
            last = prune_some(connection)
        pruned += last
    return pruned


def _prune_rounds(context: Context, project: Project) -> int:
    """Forget rounds with their files, once their predictions are removed."""
    try:
        present = own_versions(context, project.id)
    except LabelStudioError as error:
        log.warning("project %s: %s Its rounds are kept for another day.", project.id, error)
        return 0
    before = context.now() - ROUND_DAYS * DAY
    with context.engine.begin() as connection:
        gone = prune_rounds(connection, project.id, before=before, present=present)
    for old in gone:
        for path in context.folder(project.id).glob(f"{old.run}[.-]*"):
            path.unlink(missing_ok=True)
    return len(gone)


def _prune_images(context: Context) -> None:
    before = time.time() - DAY
    with reading(context.engine) as connection:
        wanted = {
            project.id: {task.image for task in list_tasks(connection, project.id).values()}
            for project in list_projects(connection)
        }
    MEDIUM.keep(context.settings.data_dir, wanted, before)
