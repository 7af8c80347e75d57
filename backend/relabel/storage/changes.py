"""What tells that a project has changed since somebody looked, cheaper than reading it again."""

from typing import Any

from sqlalchemy import Boolean, Connection, case, func, select
from sqlalchemy.sql.schema import Column

from relabel.storage.tables import annotations, events, projects, rounds, tasks

Fingerprint = tuple[tuple[Any, ...], ...]

UNTOLD = {projects.c.before, projects.c.swept_at, projects.c.read_at}
"""What of a project is no news: it changes without anything that people see."""


def fingerprint(connection: Connection, project_id: int) -> Fingerprint:
    """Return values that differ after a change of the project's votes, tasks, rounds or settings.

    Sums over columns, so two changes that cancel out to the last digit would be missed.
    """
    queries = (
        select(*(c for c in projects.c if c not in UNTOLD)).where(projects.c.id == project_id),
        select(
            func.count(), _trues(annotations.c.deleted), func.max(annotations.c.received_at)
        ).where(annotations.c.project_id == project_id),
        select(
            func.count(),
            _trues(tasks.c.is_labeled),
            _trues(tasks.c.touched),
            func.sum(tasks.c.overlap),
            func.sum(tasks.c.score * tasks.c.task_id),
            func.sum(func.length(tasks.c.problem)),
            func.sum(func.length(tasks.c.given)),
            func.max(tasks.c.updated_at),
        ).where(tasks.c.project_id == project_id),
        select(func.count(), func.max(rounds.c.heartbeat_at), func.max(rounds.c.finished_at)).where(
            rounds.c.project_id == project_id
        ),
        select(func.max(events.c.id), func.count(events.c.handled_at)).where(
            events.c.project_id == project_id
        ),
    )
    return tuple(tuple(row) for query in queries for row in connection.execute(query))


def newest_annotations(connection: Connection, project_id: int) -> dict[int, str]:
    """Return when each task's annotations changed last, in Label Studio's time."""
    query = (
        select(annotations.c.task_id, func.max(annotations.c.updated_at))
        .where(annotations.c.project_id == project_id, annotations.c.task_id > 0)
        .group_by(annotations.c.task_id)
    )
    return {int(task): str(newest) for task, newest in connection.execute(query)}


def _trues(column: Column[Boolean]) -> Any:
    """PostgreSQL does not add up truth values."""
    return func.sum(case((column, 1), else_=0))
