"""The journal of webhook events: what arrived, and whether its consequences were carried out."""

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from relabel.storage.tables import events

CHANGED = "CHANGED"
"""Action of events that name no annotation: some changed a moment ago."""
UNDO = "UNDO "
"""Beginning of the action by which somebody wants a run undone; the run's name follows."""


def journal(
    connection: Connection, project_id: int, action: str, task_ids: list[int] | None = None
) -> None:
    """Write down an event; one row per task, or one for the project."""
    now = time.time()
    rows = [
        {"project_id": project_id, "action": action, "task_id": task_id, "received_at": now}
        for task_id in (task_ids or (None,))
    ]
    connection.execute(insert(events), rows)


def unhandled(connection: Connection, project_id: int) -> tuple[list[int], set[int], set[str]]:
    """Return the row ids, the tasks and the actions of events still to be carried out.

    Those to undo something are not among them, see `to_undo`.
    """
    rows = [r for r in _unhandled(connection, project_id) if not r.action.startswith(UNDO)]
    return (
        [row.id for row in rows],
        {row.task_id for row in rows if row.task_id is not None},
        {row.action for row in rows},
    )


def to_undo(connection: Connection, project_id: int) -> dict[str, list[int]]:
    """Return the runs that somebody wants undone, with the row ids of these wishes."""
    wishes: dict[str, list[int]] = {}
    for row in _unhandled(connection, project_id):
        if row.action.startswith(UNDO):
            wishes.setdefault(row.action.removeprefix(UNDO), []).append(row.id)
    return wishes


def _unhandled(connection: Connection, project_id: int) -> Sequence[Row[Any]]:
    query = select(events).where(events.c.project_id == project_id, events.c.handled_at.is_(None))
    return connection.execute(query.order_by(events.c.id)).all()


def is_journalled(connection: Connection, project_id: int, action: str) -> bool:
    """Return whether such an event was ever written down, carried out or not."""
    query = select(events.c.id).where(events.c.project_id == project_id, events.c.action == action)
    return connection.execute(query.limit(1)).first() is not None


def mark_handled(connection: Connection, ids: list[int]) -> None:
    """Mark events as carried out."""
    now = time.time()
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        connection.execute(update(events).where(events.c.id.in_(part)).values(handled_at=now))


def prune_events(connection: Connection, project_id: int, *, before: float, most: int) -> int:
    """Forget events that were carried out before a time (Unix seconds); return how many.

    What is not carried out stays, however old it is.
    """
    old = select(events.c.id).where(events.c.project_id == project_id, events.c.handled_at < before)
    return connection.execute(delete(events).where(events.c.id.in_(old.limit(most)))).rowcount


def last_labelling(connection: Connection, project_id: int) -> float:
    """Return when somebody last saved an annotation, Unix seconds; 0 = nobody has.

    Changes of the project's settings do not count: this backend makes them, too.
    """
    query = select(func.max(events.c.received_at)).where(
        events.c.project_id == project_id,
        (events.c.action == CHANGED) | events.c.action.startswith("ANNOTATION"),
    )
    return float(connection.execute(query).scalar_one() or 0.0)


def oldest_unhandled(connection: Connection) -> tuple[int, float]:
    """Return how many events of all projects wait, and since when the oldest does, Unix seconds."""
    query = select(func.count(), func.min(events.c.received_at)).where(
        events.c.handled_at.is_(None)
    )
    waiting, since = connection.execute(query).one()
    return int(waiting), float(since or 0.0)


def count_events(connection: Connection, project_id: int) -> tuple[int, int]:
    """Return (all events in the journal, those not yet carried out)."""
    query = select(func.count(), func.count(events.c.handled_at)).where(
        events.c.project_id == project_id
    )
    every, handled = connection.execute(query).one()
    return int(every), int(every) - int(handled)
