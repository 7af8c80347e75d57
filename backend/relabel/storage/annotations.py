"""The mirror of Label Studio's annotations; what people said follows from it, see `answers`.

Rows are keyed by annotation id; a deleted annotation stays as a tombstone, so that an event that
arrives late cannot bring it back, while a new annotation that got the same id (SQLite reuses them)
can be told apart by its later creation time.

Some things are kept although Label Studio no longer says them: what an annotation said when
relabelling began, who made it once that user is deleted, and who changed what it says once
somebody else has saved it without a change.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select, update

from relabel.storage.database import CHUNK, Row, chosen, clock, upsert
from relabel.storage.tables import annotations
from relabel.storage.task_states import mark_all_stale, mark_stale

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
    """One annotation as Label Studio reports it. Times are ISO strings in UTC.

    annotator: its author, "" = Label Studio does not know (any more); choice: the label, be it a
    class or not; of what is unreadable, why; else ""; editor: who else changed what it says after
    it was made, "" = nobody; initial: made before relabelling began; initial_kind, initial_choice,
    initial_editor, initial_at: what it said then, who else had changed it, and when it was last
    saved; "" = not initial, or not recorded yet.
    """

    annotation_id: int
    task_id: int
    annotator: str
    kind: Kind
    choice: str
    created_at: str
    updated_at: str
    editor: str = ""
    initial: bool = False
    initial_kind: str = ""
    initial_choice: str = ""
    initial_editor: str = ""
    initial_at: str = ""

    @property
    def changed(self) -> bool:
        """Whether an initial annotation says something else now."""
        before = (self.initial_kind, self.initial_choice)
        return bool(self.initial_kind) and before != (self.kind, self.choice)


_UPDATED = (
    "task_id",
    "annotator",
    "kind",
    "choice",
    "created_at",
    "updated_at",
    "editor",
    "initial",
    "initial_kind",
    "initial_choice",
    "initial_editor",
    "initial_at",
    "deleted",
    "received_at",
)


def _kept(stored: Row, seen: Row) -> dict[str, ColumnElement[str]]:
    """Return what a stored row keeps when the same annotation is seen again."""
    same = stored.created_at == seen.created_at
    fixed = and_(same, stored.initial_kind != "")
    said = and_(same, stored.kind == seen.kind, stored.choice == seen.choice)
    beginning = {
        name: case((fixed, stored[name]), else_=seen[name])
        for name in ("initial", "initial_kind", "initial_choice", "initial_editor", "initial_at")
    }
    forgotten = and_(same, seen.annotator == "")
    return beginning | {
        "annotator": case((forgotten, stored.annotator), else_=seen.annotator),
        "editor": case((said, stored.editor), else_=seen.editor),
    }


def record(connection: Connection, project_id: int, seen: Iterable[Annotation]) -> None:
    """Take annotations from events: older news than what is stored changes nothing."""
    now = clock(connection)
    rows = [_row(project_id, annotation, now) for annotation in seen]
    concerned = _tasks_of(connection, project_id, rows)
    upsert(connection, annotations, rows, update=_UPDATED, newer_by="updated_at", kept=_kept)
    mark_stale(connection, project_id, concerned)


def record_deleted(connection: Connection, project_id: int, ids: Iterable[int]) -> list[int]:
    """Mark annotations deleted; return the ids of the tasks concerned, as far as known."""
    wanted = list(ids)
    tasks: set[int] = set()
    for start in range(0, len(wanted), CHUNK):
        tasks |= _mark_deleted(connection, project_id, wanted[start : start + CHUNK])
    mark_stale(connection, project_id, tasks - {0})
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
    concerned = _tasks_of(connection, project_id, rows) | set(task_ids)
    upsert(connection, annotations, rows, update=_UPDATED, kept=_kept)
    mark_stale(connection, project_id, concerned)
    gone = [i for i, row in stored.items() if i not in true and i not in newer and not row.deleted]
    if gone:
        record_deleted(connection, project_id, gone)


def forget_beginnings(connection: Connection, project_id: int) -> None:
    """Let the next reading say what old annotations said at the beginning.

    For a labelling config or a policy that reads annotations otherwise than before. Those that
    changed since keep what was read then, since Label Studio no longer knows it.
    """
    connection.execute(
        update(annotations)
        .where(
            annotations.c.project_id == project_id,
            annotations.c.kind == annotations.c.initial_kind,
            annotations.c.choice == annotations.c.initial_choice,
        )
        .values(initial_kind="")
    )
    mark_all_stale(connection, project_id)


def list_annotations(
    connection: Connection, project_id: int, task_ids: Sequence[int] | None = None
) -> list[Annotation]:
    """Return the live annotations, by task and number."""
    mine: Iterable[ColumnElement[bool]] = [annotations.c.project_id == project_id]
    if task_ids is not None:
        mine = chosen(annotations, project_id, sorted(task_ids))
    kinds = {str(kind): kind for kind in Kind}
    found: list[Annotation] = []
    for some in mine:
        query = (
            select(*(annotations.c[n] for n in Annotation.__dataclass_fields__))
            .where(some, annotations.c.deleted.is_(False))
            .order_by(annotations.c.task_id, annotations.c.annotation_id)
        )
        # All at once: row by row, fetching costs more than everything that is done with the rows.
        rows = connection.execute(query).all()
        found += [Annotation(r[0], r[1], r[2], kinds[r[3]], *r[4:]) for r in rows]
    return found


def count_new_votes(connection: Connection, project_id: int) -> int:
    """Return how many people's votes came after the project was connected: the spent budget."""
    changed = or_(
        annotations.c.kind != annotations.c.initial_kind,
        annotations.c.choice != annotations.c.initial_choice,
    )
    person = case((annotations.c.editor != "", annotations.c.editor), else_=annotations.c.annotator)
    # Each annotation without an author is a voter of its own.
    alone = case((person == "", annotations.c.annotation_id), else_=0)
    pairs = (
        select(annotations.c.task_id, person.label("person"), alone.label("alone"))
        .where(
            annotations.c.project_id == project_id,
            annotations.c.deleted.is_(False),
            or_(annotations.c.initial.is_(False), changed),
            annotations.c.kind == Kind.LABEL,
        )
        .distinct()
        .subquery()
    )
    return int(connection.execute(select(func.count()).select_from(pairs)).scalar_one())


def _tasks_of(
    connection: Connection, project_id: int, rows: Sequence[Mapping[str, Any]]
) -> set[int]:
    """Return the tasks that these rows belong to, and those to which they belonged so far."""
    tasks = {row["task_id"] for row in rows}
    ids = [row["annotation_id"] for row in rows]
    for start in range(0, len(ids), CHUNK):
        query = select(annotations.c.task_id).where(
            annotations.c.project_id == project_id,
            annotations.c.annotation_id.in_(ids[start : start + CHUNK]),
            annotations.c.task_id > 0,
        )
        tasks |= set(connection.execute(query.distinct()).scalars())
    return tasks


def _among(task_ids: Sequence[int]) -> ColumnElement[bool]:
    return annotations.c.task_id.in_(sorted(task_ids))


def _row(project_id: int, annotation: Annotation, received_at: float) -> dict[str, object]:
    values = {name: getattr(annotation, name) for name in Annotation.__dataclass_fields__}
    if annotation.initial and not annotation.initial_kind:
        values |= {
            "initial_kind": str(annotation.kind),
            "initial_choice": annotation.choice,
            "initial_editor": annotation.editor,
            "initial_at": annotation.updated_at,
        }
    return {
        "project_id": project_id,
        **values,
        "kind": str(annotation.kind),
        "deleted": False,
        "received_at": received_at,
    }
