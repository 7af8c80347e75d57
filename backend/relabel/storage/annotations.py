"""The mirror of Label Studio's annotations, and the votes that follow from it.

One vote per (task, annotator): the newest annotation that holds a label. Rows are keyed by
annotation id; a deleted annotation stays as a tombstone, so that an event that arrives late cannot
bring it back, while a new annotation that got the same id (SQLite reuses them) can be told apart by
its later creation time.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, Connection, and_, func, select, update

from relabel.storage.database import clock, upsert
from relabel.storage.tables import annotations
from relabel.types import Vote

CHUNK = 10_000
"""Ids per statement; databases limit the number of bound parameters."""
FAR_FUTURE = "9999"
"""Creation time of a tombstone whose annotation was never seen: no event is newer."""


class Kind(StrEnum):
    """What an annotation says."""

    LABEL = "label"  # exactly one choice
    EMPTY = "empty"  # nothing chosen: no vote
    CANCELLED = "cancelled"  # a skip: no vote
    UNREADABLE = "unreadable"  # several choices, or another tag's result: no vote


@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotation as Label Studio reports it. Times are ISO strings in UTC."""

    annotation_id: int
    task_id: int
    annotator: str
    kind: Kind
    choice: str
    created_at: str
    updated_at: str
    updated_by: str = ""
    initial: bool = False

    @property
    def overwritten(self) -> bool:
        """Whether somebody else than its author changed it last."""
        return bool(self.updated_by) and self.updated_by != self.annotator


_UPDATED = (
    "task_id",
    "annotator",
    "kind",
    "choice",
    "created_at",
    "updated_at",
    "updated_by",
    "initial",
    "deleted",
    "received_at",
)


def record(connection: Connection, project_id: int, seen: Iterable[Annotation]) -> None:
    """Take annotations from events: older news than what is stored changes nothing."""
    now = clock(connection)
    rows = [_row(project_id, annotation, now) for annotation in seen]
    upsert(connection, annotations, rows, update=_UPDATED, newer_by="updated_at")


def record_deleted(connection: Connection, project_id: int, ids: Iterable[int]) -> list[int]:
    """Mark annotations deleted; return the ids of the tasks concerned, as far as known."""
    wanted = list(ids)
    tasks: set[int] = set()
    for start in range(0, len(wanted), CHUNK):
        tasks |= _mark_deleted(connection, project_id, wanted[start : start + CHUNK])
    return sorted(tasks - {0})


def _mark_deleted(connection: Connection, project_id: int, wanted: list[int]) -> set[int]:
    mine = and_(annotations.c.project_id == project_id, annotations.c.annotation_id.in_(wanted))
    known = {
        r.annotation_id: r.task_id for r in connection.execute(select(annotations).where(mine))
    }
    now = clock(connection)
    connection.execute(update(annotations).where(mine).values(deleted=True, received_at=now))
    ghosts = [
        _row(project_id, Annotation(i, 0, "", Kind.EMPTY, "", FAR_FUTURE, ""), now)
        | {"deleted": True}
        for i in wanted
        if i not in known
    ]
    upsert(connection, annotations, ghosts, update=("deleted", "received_at"))
    return set(known.values())


def record_truth(
    connection: Connection,
    project_id: int,
    task_ids: Sequence[int],
    seen: Iterable[Annotation],
    *,
    read_at: float,
) -> None:
    """Make the annotations of these tasks what Label Studio said at `read_at`, by `clock`.

    Rows that arrived after `read_at` are left alone: their events are newer than the reading.
    """
    now = clock(connection)
    stored = {
        row.annotation_id: row
        for row in connection.execute(
            select(annotations.c.annotation_id, annotations.c.received_at, annotations.c.deleted)
            .where(annotations.c.project_id == project_id)
            .where(_among(task_ids))
        )
    }
    true = {annotation.annotation_id: annotation for annotation in seen}
    ghosts = select(annotations.c.annotation_id, annotations.c.received_at).where(
        annotations.c.project_id == project_id, annotations.c.task_id == 0
    )
    arrived = [*stored.values(), *connection.execute(ghosts)]
    # What seems to come from the future arrived before the clock was set back.
    newer = {row.annotation_id for row in arrived if read_at < row.received_at <= now}
    rows = [_row(project_id, a, read_at) for i, a in true.items() if i not in newer]
    upsert(connection, annotations, rows, update=_UPDATED)
    gone = [i for i, row in stored.items() if i not in true and i not in newer and not row.deleted]
    if gone:
        record_deleted(connection, project_id, gone)


def list_annotations(
    connection: Connection, project_id: int, task_ids: Sequence[int] | None = None
) -> list[Annotation]:
    """Return the live annotations, by task, annotator and time."""
    query = (
        select(*(annotations.c[n] for n in Annotation.__dataclass_fields__))
        .where(annotations.c.project_id == project_id, annotations.c.deleted.is_(False))
        .order_by(
            annotations.c.task_id,
            annotations.c.annotator,
            annotations.c.updated_at,
            annotations.c.annotation_id,
        )
    )
    if task_ids is not None:
        query = query.where(_among(task_ids))
    return [Annotation(r[0], r[1], r[2], Kind(r[3]), *r[4:]) for r in connection.execute(query)]


def votes_of(
    found: Iterable[Annotation],
    classes: Sequence[str],
    *,
    cannot_tell: str = "",
    overwritten: str = "editor",
) -> list[Vote]:
    """Return one vote per (task, person), the newest; choices that are no class are no votes.

    Args:
        found: live annotations, each person's in order of time.
        classes: (K,) names.
        cannot_tell: choice that is an abstention.
        overwritten: whose vote an annotation is that another person changed: "editor", "author",
            or nobody's ("ignore").

    """
    index: dict[str, int | None] = {name: number for number, name in enumerate(classes)}
    if cannot_tell:
        index[cannot_tell] = None
    latest: dict[tuple[int, str], Annotation] = {}
    for a in sorted(found, key=lambda a: (a.task_id, a.updated_at, a.annotation_id)):
        person = a.updated_by if a.overwritten and overwritten == "editor" else a.annotator
        if a.kind is not Kind.LABEL or a.choice not in index:
            continue
        if not (a.overwritten and overwritten == "ignore"):
            latest[a.task_id, person] = a
    return [
        Vote(task_id, person, index[a.choice], _time(a.created_at), a.annotation_id)
        for (task_id, person), a in latest.items()
    ]


def count_new_votes(connection: Connection, project_id: int) -> int:
    """Return how many people's votes came after the project was connected: the spent budget."""
    pairs = (
        select(annotations.c.task_id, annotations.c.annotator)
        .where(
            annotations.c.project_id == project_id,
            annotations.c.deleted.is_(False),
            annotations.c.initial.is_(False),
            annotations.c.kind == Kind.LABEL,
        )
        .distinct()
        .subquery()
    )
    return int(connection.execute(select(func.count()).select_from(pairs)).scalar_one())


def _among(task_ids: Sequence[int]) -> ColumnElement[bool]:
    return annotations.c.task_id.in_(sorted(task_ids))


def _row(project_id: int, annotation: Annotation, received_at: float) -> dict[str, object]:
    values = {name: getattr(annotation, name) for name in Annotation.__dataclass_fields__}
    return {
        "project_id": project_id,
        **values,
        "kind": str(annotation.kind),
        "deleted": False,
        "received_at": received_at,
    }


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text) if text else datetime.fromtimestamp(0, UTC)
