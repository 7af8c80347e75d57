"""The audit log: what was written into a user's project, by run, and what was there before."""

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select

from relabel.storage.tables import writes

LIVE = "live"
"""Run of what single votes cause; rounds are "round-N", the set-up is "connect"."""


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


def list_writes(connection: Connection, project_id: int, run: str | None = None) -> list[Write]:
    """Return the changes of a project, or of one of its runs, oldest first."""
    query = (
        select(*(writes.c[name] for name in Write.__dataclass_fields__))
        .where(writes.c.project_id == project_id)
        .order_by(writes.c.id)
    )
    if run is not None:
        query = query.where(writes.c.run == run)
    return [Write(*row) for row in connection.execute(query)]


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
