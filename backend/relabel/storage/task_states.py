"""What counting a task's annotations gave, and the model's evidence that counts beside them.

What was counted can be thrown away: it follows from the annotations and the evidence. Evidence
cannot: it is what the model said when a task's last vote came, a part of what is known like the
vote itself. A task without any is decided by people alone. Nor can what was known of an
audited task when its turn came.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, literal, select, update

from relabel.storage.database import chosen, insert_into, upsert
from relabel.storage.tables import audit_turns, evidence, rates, task_states, tasks

DECISION = 0
"""What is decided of a task; so far there is one decision, its label."""
STALE = ""
"""Basis of what has to be counted anew."""
DECIDING = (
    *("task_id", "state", "label", "given", "counts", "initial", "new", "abstains", "silent"),
    *("voters", "voted_at", "occupied", "skipped", "held", "people", "answered"),
    *("new_counts", "believed"),
)
"""Columns of what decisions need of a task; every vote reads those of all tasks."""
COUNTED = (*DECIDING, "said", "asked_at", "overwritten")
"""Columns of what was counted of a task."""
_STALE = {"basis": STALE, "revision": task_states.c.revision + 1}


def mark_stale(connection: Connection, project_id: int, task_ids: Iterable[int]) -> None:
    """Note that what these tasks' votes say has to be counted anew.

    Whoever changes what a task's votes stand on calls it in the same transaction, once that is
    written: a count that was begun before then finds another revision, and is not kept.
    """
    # One statement, however many tasks there are; each known task has its row from then on.
    key = ["project_id", "task_id", "decision"]
    for some in chosen(tasks, project_id, sorted(set(task_ids))):
        known = select(tasks.c.project_id, tasks.c.task_id, literal(DECISION)).where(some)
        statement = insert_into(connection.dialect.name, task_states).from_select(key, known)
        connection.execute(statement.on_conflict_do_update(index_elements=key, set_=_STALE))


def mark_all_stale(connection: Connection, project_id: int) -> None:
    """Note that every task of a project has to be counted anew."""
    connection.execute(
        update(task_states).where(task_states.c.project_id == project_id).values(**_STALE)
    )


def list_counted(
    connection: Connection, project_id: int, basis: str, names: Sequence[str] = COUNTED
) -> Sequence[Any]:
    """Return these columns of the tasks that were counted on this basis, task ids increasing."""
    query = select(*(task_states.c[name] for name in names)).where(
        task_states.c.project_id == project_id,
        task_states.c.decision == DECISION,
        task_states.c.basis == basis,
    )
    return connection.execute(query.order_by(task_states.c.task_id)).all()


def revisions(connection: Connection, project_id: int, task_ids: Sequence[int]) -> dict[int, int]:
    """Return how often each task was marked stale; to be read before what is counted."""
    found: dict[int, int] = {}
    for some in chosen(task_states, project_id, task_ids):
        query = select(task_states.c.task_id, task_states.c.revision).where(some)
        found |= {row.task_id: row.revision for row in connection.execute(query)}
    return found


def save_counted(
    connection: Connection, project_id: int, basis: str, counted: Iterable[Mapping[str, Any]]
) -> None:
    """Keep what was counted of tasks, unless they have changed since.

    Args:
        connection: the store.
        project_id: the project.
        basis: on which it was counted.
        counted: `COUNTED` and the revision that was read before counting, by name.

    """
    rows = [
        {"project_id": project_id, "decision": DECISION, "basis": basis} | dict(one)
        for one in counted
    ]
    upsert(connection, task_states, rows, update=("basis", *COUNTED[1:]), unchanged="revision")


@dataclass(frozen=True, slots=True)
class Evidence:
    """What counts beside the votes of one task.

    round_id: whose model and rates they are; confidence: that settles the task; prior: K float32 as
    bytes, what the model alone believes of its true class, in the order of the round's classes.
    """

    task_id: int
    round_id: int
    confidence: float
    prior: bytes


_COLUMNS = tuple(Evidence.__dataclass_fields__)


def list_evidence(
    connection: Connection, project_id: int, task_ids: Collection[int] | None = None
) -> list[Evidence]:
    """Return the evidence on a project's tasks (all, or those asked for), ids increasing."""
    query = select(*(evidence.c[name] for name in _COLUMNS))
    mine = [evidence.c.project_id == project_id]
    parts = mine if task_ids is None else chosen(evidence, project_id, task_ids)
    found = [Evidence(*row) for some in parts for row in connection.execute(query.where(some))]
    return sorted(found, key=lambda one: one.task_id)


def save_evidence(connection: Connection, project_id: int, found: Iterable[Evidence]) -> None:
    """Keep evidence in place of what counted of the same tasks."""
    rows = [{"project_id": project_id} | {n: getattr(one, n) for n in _COLUMNS} for one in found]
    upsert(connection, evidence, rows, update=_COLUMNS[1:])


def drop_evidence(connection: Connection, project_id: int, task_ids: Collection[int]) -> None:
    """Let people alone decide these tasks."""
    for some in chosen(evidence, project_id, task_ids):
        connection.execute(delete(evidence).where(some))


@dataclass(frozen=True, slots=True)
class AuditTurn:
    """What was known when an audited task's turn came, before its answer.

    part: of the project that was cleaned then, "" = all of it; doubt: how improbable the round in
    force found its old label, in [0, 1]; rest: the mean of the same over the labelled tasks that
    had had no turn, itself among them; both 0 = there was no round, or it is not known. pool: such
    tasks that no vote had settled, itself among them, 0 = it was settled itself, -1 = not known;
    found: wrong labels found by then, without those of earlier turns that were not settled before.
    changed: whether votes changed its label when they first ended it, None = they have not.
    """

    task_id: int
    part: str
    doubt: float
    rest: float
    pool: int
    found: int
    changed: bool | None = None


_TURN = tuple(AuditTurn.__dataclass_fields__)


def list_turns(connection: Connection, project_id: int) -> dict[int, AuditTurn]:
    """Return what was known at each turn of a project's audit so far, by task."""
    query = select(*(audit_turns.c[name] for name in _TURN))
    rows = connection.execute(query.where(audit_turns.c.project_id == project_id))
    return {row.task_id: AuditTurn(*row) for row in rows}


def keep_turns(connection: Connection, project_id: int, found: Iterable[AuditTurn]) -> None:
    """Keep what is known now that turns have come; what is kept of a task already stays."""
    rows = [{"project_id": project_id} | {n: getattr(one, n) for n in _TURN} for one in found]
    if rows:
        statement = insert_into(connection.dialect.name, audit_turns)
        connection.execute(statement.on_conflict_do_nothing(), rows)


def end_turns(connection: Connection, project_id: int, changed: Mapping[int, bool]) -> None:
    """Keep, by task, whether votes have changed its label; what is kept already stays."""
    open_turns = (audit_turns.c.project_id == project_id) & audit_turns.c.changed.is_(None)
    for task_id, value in changed.items():
        mine = open_turns & (audit_turns.c.task_id == task_id)
        connection.execute(update(audit_turns).where(mine).values(changed=value))


def save_rates(
    connection: Connection, project_id: int, round_id: int, believed: Mapping[str, Any]
) -> None:
    """Keep the rates of a round; those that are kept already are the same."""
    row = {"project_id": project_id, "round_id": round_id, "believed": dict(believed)}
    upsert(connection, rates, [row], update=("believed",))


def list_rates(
    connection: Connection, project_id: int, round_ids: Collection[int]
) -> dict[int, dict[str, Any]]:
    """Return the rates of these rounds by their ids."""
    query = select(rates.c.round_id, rates.c.believed).where(
        rates.c.project_id == project_id, rates.c.round_id.in_(sorted(round_ids))
    )
    return {row.round_id: row.believed for row in connection.execute(query)}


def list_said(connection: Connection, project_id: int, task_ids: Collection[int]) -> dict[int, str]:
    """Return what was said of tasks when they were counted last, whether or not it still holds."""
    found: dict[int, str] = {}
    for some in chosen(task_states, project_id, task_ids):
        query = select(task_states.c.task_id, task_states.c.said).where(some)
        found |= {row.task_id: row.said for row in connection.execute(query)}
    return found
