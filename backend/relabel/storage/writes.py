"""The audit log: what was written into a user's project, by run, and what was there before."""

import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select

from relabel.storage.tables import writes

LIVE = "live"
"""Run of what single votes cause; rounds are "round-N", the set-up is "connect"."""
WRITE_BACK = "write-back"
"""Run of the labels that were written into the tasks' data, noted before each is written."""
UNDO_WRITE_BACK = f"undo-{WRITE_BACK}"
SETTLE = "settle"
"""Run of what `relabel settle` changed, until it is undone."""
UNDO_SETTLE = f"undo-{SETTLE}"


@dataclass(frozen=True, slots=True)
class Write:
    """One change in Label Studio. `at` is Unix seconds; before and after are JSON values."""

    run: str
    at: float
    what: str
    target: str
    before: Any
    after: Any


def log_write(
    connection: Connection,
    project_id: int,
    run: str,
    what: str,
    target: str | int,
    *,
    before: Any = None,
    after: Any = None,
) -> None:
    """Note one change that Label Studio has accepted."""
    connection.execute(
        insert(writes).values(
            project_id=project_id,
            run=run,
            at=time.time(),
            what=what,
            target=str(target),
            before=before,
            after=after,
        )
    )


def list_writes(connection: Connection, project_id: int, *runs: str) -> list[Write]:
    """Return the changes of a project, or of some of its runs, oldest first."""
    query = (
        select(*(writes.c[name] for name in Write.__dataclass_fields__))
        .where(writes.c.project_id == project_id)
        .order_by(writes.c.id)
    )
    if runs:
        query = query.where(writes.c.run.in_(runs))
    return [Write(*row) for row in connection.execute(query)]


def written_back(connection: Connection, project_id: int) -> dict[int, object]:
    """Return the data that tasks had before labels were written back, by task; {} = none stand."""
    return {task_id: row.before for task_id, row in _standing(connection, project_id).items()}


def _standing(connection: Connection, project_id: int) -> dict[int, Row[Any]]:
    """Return the first line of each task whose labels stand written back."""
    query = (
        select(writes)
        .where(writes.c.project_id == project_id, writes.c.run.in_((WRITE_BACK, UNDO_WRITE_BACK)))
        .order_by(writes.c.id)
    )
    first: dict[int, Row[Any]] = {}
    for row in connection.execute(query):
        if row.run == WRITE_BACK:
            first.setdefault(int(row.target), row)
        elif row.what == "task data":
            first.pop(int(row.target), None)
        else:  # of earlier versions: one line when all were restored
            first.clear()
    return first


def prune_writes(
    connection: Connection, project_id: int, *, before: float, kept: Collection[str], most: int
) -> int:
    """Forget lines from before a time (Unix seconds); return how many.

    Of labels written back everything stays that undoing needs.

    Args:
        connection: the store.
        project_id: the project.
        before: Unix seconds.
        kept: runs of which every line stays.
        most: lines to forget at most.

    """
    mine = writes.c.project_id == project_id
    back = (WRITE_BACK, UNDO_WRITE_BACK)
    old = select(writes.c.id).where(mine, writes.c.at < before)
    ids = list(
        connection.execute(old.where(writes.c.run.not_in((*kept, *back))).limit(most)).scalars()
    )
    # By their order and not by their time: a line that takes back never goes before what it took.
    until = connection.execute(
        select(func.max(writes.c.id)).where(mine, writes.c.at < before, writes.c.run.in_(back))
    ).scalar()
    if until is not None:
        standing = {row.id for row in _standing(connection, project_id).values()}
        lines = select(writes.c.id).where(mine, writes.c.run.in_(back), writes.c.id <= until)
        found = connection.execute(lines.order_by(writes.c.id)).scalars()
        ids += [i for i in found if i not in standing]
    connection.execute(delete(writes).where(writes.c.id.in_(ids[:most])))
    return len(ids[:most])


def count_writes(connection: Connection, project_id: int) -> dict[str, dict[str, int]]:
    """Return how many changes of each kind every run has made, runs in order of time."""
    query = (
        select(writes.c.run, writes.c.what, func.count())
        .where(writes.c.project_id == project_id)
        .group_by(writes.c.run, writes.c.what)
        .order_by(func.min(writes.c.id))
    )
    counted: dict[str, dict[str, int]] = {}
    for run, what, number in connection.execute(query):
        counted.setdefault(run, {})[what] = int(number)
    return counted
