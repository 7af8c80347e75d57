"""Which project a worker takes next: of all workers that share a store, one takes it.

Events are taken before they are carried out. If that fails, or the worker is killed, they are taken
again after a pause.
"""

import time
from dataclasses import dataclass

from sqlalchemy import Connection, func, select, update

from relabel.storage.database import clock
from relabel.storage.tables import events, projects

RETRY_SECONDS = 1.0
"""Shortest pause before events that were taken, and not carried out, are taken again."""


_WAITING = (
    select(
        events.c.project_id,
        func.min(events.c.received_at).label("since"),
        func.max(events.c.taken_at).label("taken_at"),
        (func.count() - func.count(events.c.taken_at)).label("new"),
    )
    .join(projects, projects.c.id == events.c.project_id)
    .where(events.c.handled_at.is_(None), projects.c.backend_id.is_not(None))
    .group_by(events.c.project_id)
    .order_by("since")
)
"""Put together once: a worker asks it after every change of the store."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A project with events to carry out. Times are Unix seconds.

    since: when the first of them arrived; taken_at: when they were taken last, 0 = some are new.
    """

    project_id: int
    since: float
    taken_at: float

    def due(self, now: float, longest: float) -> bool:
        """Return whether they should be taken.

        Each pause is as long as they have waited before, at most `longest` seconds: those of a
        killed worker are taken up soon, and a project that fails again and again is left alone for
        longer and longer. A clock that was set back makes nobody wait.
        """
        pause = min(max(self.taken_at - self.since, RETRY_SECONDS), longest)
        return not self.taken_at or abs(now - self.taken_at) >= pause


def waiting(connection: Connection) -> list[Waiting]:
    """Return the projects with events to carry out, whoever waits longest first.

    Not among them is a project that is being connected, or whose connecting was cut off.
    """
    rows = connection.execute(_WAITING)
    return [Waiting(row.project_id, row.since, 0.0 if row.new else row.taken_at) for row in rows]


def take(connection: Connection, seen: Waiting) -> bool:
    """Take a project's events; return whether there are any that nobody else took meanwhile."""
    free = events.c.taken_at.is_(None) | (events.c.taken_at <= seen.taken_at)
    mine = (events.c.project_id == seen.project_id) & events.c.handled_at.is_(None) & free
    taken = connection.execute(update(events).where(mine).values(taken_at=time.time()))
    return taken.rowcount > 0


def give_back(connection: Connection, seen: Waiting) -> None:
    """Make taken events new again, if some were: somebody else was changing the project."""
    if not seen.taken_at:
        mine = (events.c.project_id == seen.project_id) & events.c.handled_at.is_(None)
        connection.execute(update(events).where(mine).values(taken_at=None))


def take_sweep(connection: Connection, pause: float) -> int | None:
    """Take the project that waits longest to be compared with Label Studio; None = none is due.

    Args:
        connection: the store.
        pause: seconds between two sweeps of a project.

    """
    now = clock(connection)
    due = func.abs(now - projects.c.swept_at) >= pause  # also after a clock was set back
    first = select(projects.c.id).where(due).order_by(projects.c.swept_at, projects.c.id).limit(1)
    mine = (projects.c.id == first.scalar_subquery()) & due
    taken = update(projects).where(mine).values(swept_at=now).returning(projects.c.id)
    return connection.execute(taken).scalar_one_or_none()


def make_sweeps_due(connection: Connection, *, but_for: float) -> None:
    """Make a sweep of every project due, but for those swept in the last `but_for` seconds."""
    long_ago = func.abs(clock(connection) - projects.c.swept_at) >= but_for
    connection.execute(update(projects).where(long_ago).values(swept_at=0.0))
