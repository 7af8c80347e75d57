"""The journal: what arrived and what people wish, and whether it was carried out.

Whoever wants something done writes it down here, in one short transaction: the webhook, a command,
a button of the dashboard. Workers take projects that have something to do, see `storage/journal`.
"""

import time
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from relabel.storage.tables import events

CHANNEL = "relabel_journal"
"""Of PostgreSQL, in which every event is told to workers."""


class Action(StrEnum):
    """What happened, or what somebody wants."""

    ANNOTATION_CREATED = "ANNOTATION_CREATED"
    ANNOTATION_UPDATED = "ANNOTATION_UPDATED"
    ANNOTATIONS_CREATED = "ANNOTATIONS_CREATED"
    ANNOTATIONS_DELETED = "ANNOTATIONS_DELETED"
    TASKS_CREATED = "TASKS_CREATED"
    TASKS_DELETED = "TASKS_DELETED"
    PROJECT_UPDATED = "PROJECT_UPDATED"
    START_TRAINING = "START_TRAINING"
    CHANGED = "CHANGED"
    """Some annotations changed a moment ago, nobody says which."""
    RECONCILE = "RECONCILE"
    """The whole project should be read again."""
    CONNECTED = "CONNECTED"
    PAUSED = "PAUSED"
    RESUMED = "RESUMED"
    CANCEL = "CANCEL"
    """Somebody wants a running round to end; `run` names it."""
    ROUND_CANCELLED = "ROUND_CANCELLED"
    UNDO = "UNDO"
    """Somebody wants what a run wrote taken back; `run` names it."""
    AUDIT = "AUDIT"
    """Somebody wants more audited tasks asked about, or no more of them."""


LABELLING = (
    Action.CHANGED,
    Action.ANNOTATION_CREATED,
    Action.ANNOTATION_UPDATED,
    Action.ANNOTATIONS_CREATED,
    Action.ANNOTATIONS_DELETED,
)
"""What shows that somebody is labelling."""
HINTS = (
    Action.ANNOTATION_CREATED,
    Action.ANNOTATION_UPDATED,
    Action.ANNOTATIONS_CREATED,
    Action.PROJECT_UPDATED,
    Action.TASKS_CREATED,
)
"""Events that Label Studio reports by their name alone. With them it would send the whole project,
whose counters it takes from all tasks: a third of an annotator's wait for a submission."""
DELETIONS = (Action.ANNOTATIONS_DELETED, Action.TASKS_DELETED)
"""Events that say what is gone: later, nobody could read that."""
WEBHOOK_ACTIONS = (*HINTS, *DELETIONS)


def journal(
    connection: Connection,
    project_id: int,
    action: Action,
    task_ids: Sequence[int] = (),
    *,
    run: str = "",
) -> None:
    """Write down an event, one row per task or one for the project, and wake the workers."""
    now = time.time()
    rows = [
        {
            "project_id": project_id,
            "action": str(action),
            "run": run,
            "task_id": task_id,
            "received_at": now,
        }
        for task_id in (task_ids or (None,))
    ]
    connection.execute(insert(events), rows)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"NOTIFY {CHANNEL}")  # when this transaction is committed


def unhandled(connection: Connection, project_id: int) -> tuple[list[int], set[int], set[Action]]:
    """Return the row ids, the tasks and the actions of events still to be carried out.

    Those to undo something are not among them, see `to_undo`.
    """
    rows = _unhandled(connection, project_id, events.c.action != str(Action.UNDO))
    return (
        [row.id for row in rows],
        {row.task_id for row in rows if row.task_id is not None},
        {Action(row.action) for row in rows},
    )


def to_undo(connection: Connection, project_id: int) -> dict[str, list[int]]:
    """Return the runs that somebody wants undone, with the row ids of these wishes."""
    wishes: dict[str, list[int]] = {}
    for row in _unhandled(connection, project_id, events.c.action == str(Action.UNDO)):
        wishes.setdefault(row.run, []).append(row.id)
    return wishes


def _unhandled(
    connection: Connection, project_id: int, which: ColumnElement[bool]
) -> Sequence[Any]:
    query = select(events.c.id, events.c.task_id, events.c.action, events.c.run).where(
        events.c.project_id == project_id, events.c.handled_at.is_(None), which
    )
    return connection.execute(query.order_by(events.c.id)).all()


def is_to_cancel(connection: Connection, project_id: int, run: str) -> bool:
    """Return whether somebody ever wanted this run to end, carried out or not."""
    query = select(events.c.id).where(
        events.c.project_id == project_id,
        events.c.action == str(Action.CANCEL),
        events.c.run == run,
    )
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
        events.c.project_id == project_id, events.c.action.in_([str(a) for a in LABELLING])
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


def count_waiting(connection: Connection) -> int:
    """Return how many events of all projects are not yet carried out."""
    query = select(func.count()).select_from(events).where(events.c.handled_at.is_(None))
    return int(connection.execute(query).scalar_one())
