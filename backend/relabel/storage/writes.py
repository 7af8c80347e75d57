"""The audit log: what was written into a user's project, by run, and what was there before."""

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select

from relabel.storage.tables import writes

LIVE = "live"
"""Run of what single votes cause; rounds are "round-N", the set-up is "connect"."""
WRITE_BACK = "write-back"
"""Run of the labels that were written into the tasks' data, noted before each is written."""
UNDO_WRITE_BACK = f"undo-{WRITE_BACK}"


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
    first: dict[int, object] = {}
    for write in list_writes(connection, project_id, WRITE_BACK, UNDO_WRITE_BACK):
        if write.run == WRITE_BACK:
            first.setdefault(int(write.target), write.before)
        elif write.what == "task data":
            first.pop(int(write.target), None)
        else:  # of earlier versions: one line when all were restored
            first.clear()
    return first


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
