"""What the store knows of each task in Label Studio: image, overlap, state, written score."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    case,
    delete,
    func,
    literal,
    select,
    update,
)

from relabel.storage.database import CHUNK, Row, chosen, upsert
from relabel.storage.tables import annotations, audit_turns, evidence, task_states, tasks
from relabel.storage.task_states import mark_stale
from relabel.types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Task:
    """One task as Label Studio last reported it.

    overlap_before: 0 = it came after connecting, and was never without this backend; touched: this
    backend changed its overlap; given: initial label that is no annotation, "" = none; problem: why
    its image cannot be used; split: value of the field that the policy's `split` names.
    """

    task_id: int
    image: str
    overlap: int
    is_labeled: bool
    updated_at: str
    overlap_before: int
    is_labeled_before: bool
    touched: bool = False
    given: str = ""
    score: float | None = None
    problem: str = ""
    split: str = ""

    @property
    def came_later(self) -> bool:
        """Whether it came after connecting: its overlap at first sight was this backend's doing."""
        return self.overlap_before == 0


@dataclass(frozen=True, slots=True)
class Place:
    """How one task stands in Label Studio's queue; see `Task`."""

    overlap: int
    is_labeled: bool
    touched: bool


@dataclass(frozen=True, slots=True)
class Places:
    """How tasks stand in Label Studio's queue, a row each: what decisions need of all tasks.

    task_ids: (N,) increasing; overlap, is_labeled, touched: (N,) as of `Task`; usable: (N,)
    whether the image can be used; score: (N,) the score shown, not a number = none; evaluation:
    (N,) whether it belongs to the evaluation split.
    """

    task_ids: IntArray
    overlap: IntArray
    is_labeled: BoolArray
    touched: BoolArray
    usable: BoolArray
    score: FloatArray
    evaluation: BoolArray

    def at(self, task_id: int) -> Place:
        """Return how one task stands."""
        row = int(np.searchsorted(self.task_ids, task_id))
        flags = bool(self.is_labeled[row]), bool(self.touched[row])
        return Place(int(self.overlap[row]), *flags)

    def of_rows(self, rows: IntArray) -> dict[int, Place]:
        """Return by id how the tasks of some rows stand."""
        columns = (self.task_ids, self.overlap, self.is_labeled, self.touched)
        found = zip(*(column[rows].tolist() for column in columns), strict=True)
        return {task_id: Place(*flags) for task_id, *flags in found}


_COLUMNS = tuple(Task.__dataclass_fields__)


def save_tasks(connection: Connection, project_id: int, seen: Iterable[Task]) -> None:
    """Insert new tasks; of known ones, update what Label Studio reports.

    The state before this backend's first touch is only taken from the first sight of a task.
    """
    seen = list(seen)
    rows = [{"project_id": project_id} | {n: getattr(t, n) for n in _COLUMNS} for t in seen]
    upsert(
        connection,
        tasks,
        rows,
        update=("image", "overlap", "is_labeled", "updated_at", "given", "split"),
        kept=_kept,
    )
    mark_stale(connection, project_id, [task.task_id for task in seen])


def _kept(stored: Row, seen: Row) -> dict[str, ColumnElement[str]]:
    """Keep what a round found; that there is no image to look at is known without one."""
    return {"problem": case((seen.problem != "", seen.problem), else_=stored.problem)}


def list_tasks(
    connection: Connection, project_id: int, task_ids: Sequence[int] | None = None
) -> dict[int, Task]:
    """Return tasks by id (all, or those asked for that exist), ids increasing."""
    query = select(*(tasks.c[n] for n in _COLUMNS)).where(tasks.c.project_id == project_id)
    if task_ids is None:
        found = connection.execute(query.order_by(tasks.c.task_id)).all()
        return {row[0]: Task(*row) for row in found}
    result: dict[int, Task] = {}
    for start in range(0, len(task_ids), CHUNK):
        part = list(task_ids[start : start + CHUNK])
        for row in connection.execute(query.where(tasks.c.task_id.in_(part))):
            result[row.task_id] = Task(*row)
    return dict(sorted(result.items()))


def list_images(connection: Connection, project_id: int) -> dict[int, str]:
    """Return the image of every task by its id, ids increasing."""
    query = select(tasks.c.task_id, tasks.c.image).where(tasks.c.project_id == project_id)
    return {row[0]: row[1] for row in connection.execute(query.order_by(tasks.c.task_id))}


def list_unusable(connection: Connection, project_id: int) -> dict[int, Task]:
    """Return the tasks whose image cannot be used by id, ids increasing."""
    mine = and_(tasks.c.project_id == project_id, tasks.c.problem != "")
    query = select(*(tasks.c[n] for n in _COLUMNS)).where(mine).order_by(tasks.c.task_id)
    return {row[0]: Task(*row) for row in connection.execute(query)}


def list_places(
    connection: Connection, project_id: int, evaluation: Collection[str] = ()
) -> Places:
    """Return how all tasks of a project stand, without reading the whole of each.

    evaluation: values of `Task.split` that make the evaluation split.
    """
    c = tasks.c
    flags = (c.is_labeled, c.touched, c.problem == "")
    in_evaluation = c.split.in_(list(evaluation)) if evaluation else literal(value=False)
    query = (
        select(c.task_id, c.overlap, *flags, c.score, in_evaluation)
        .where(c.project_id == project_id)
        .order_by(c.task_id)
    )
    return _places(connection.execute(query).all())


def places_of(some: Mapping[int, Task], evaluation: Collection[str] = ()) -> Places:
    """Return how tasks stand that were read already, ids increasing; see `list_places`."""
    return _places(
        [
            (
                *(t.task_id, t.overlap, t.is_labeled, t.touched, not t.problem, t.score),
                t.split in evaluation,
            )
            for t in some.values()
        ]
    )


def _places(rows: Sequence[Any]) -> Places:
    columns = list(zip(*rows, strict=True)) or [()] * 7
    ids, overlap = (np.array(column, dtype=np.int64) for column in columns[:2])
    is_labeled, touched, usable = (np.array(column, dtype=np.bool_) for column in columns[2:5])
    score = np.array(columns[5], dtype=np.float64)
    evaluation = np.array(columns[6], dtype=np.bool_)
    return Places(ids, overlap, is_labeled, touched, usable, score, evaluation)


def list_splits(connection: Connection, project_id: int) -> dict[int, str]:
    """Return the split of every task by its id, "" = none, ids increasing."""
    query = select(tasks.c.task_id, tasks.c.split).where(tasks.c.project_id == project_id)
    return {row[0]: row[1] for row in connection.execute(query.order_by(tasks.c.task_id))}


def count_tasks(connection: Connection, project_id: int) -> int:
    """Return how many tasks a project has."""
    query = select(func.count()).where(tasks.c.project_id == project_id)
    return int(connection.execute(query).scalar_one())


def extent(connection: Connection, project_id: int) -> tuple[object, ...]:
    """Return how much there is to learn from: tasks, given labels, annotations, the newest."""
    of_tasks = select(func.count(), func.count(case((tasks.c.given != "", 1)))).where(
        tasks.c.project_id == project_id
    )
    of_annotations = select(func.count(), func.max(annotations.c.updated_at)).where(
        annotations.c.project_id == project_id, annotations.c.deleted.is_(False)
    )
    return (*connection.execute(of_tasks).one(), *connection.execute(of_annotations).one())


def set_task(connection: Connection, project_id: int, task_id: int, **values: Any) -> None:
    """Change some columns of one task."""
    connection.execute(
        update(tasks)
        .where(tasks.c.project_id == project_id, tasks.c.task_id == task_id)
        .values(**values)
    )


def set_scores(connection: Connection, project_id: int, scores: Mapping[int, float | None]) -> None:
    """Remember the scores that Label Studio now shows, by task id; None = it shows none."""
    if not scores:
        return
    # One statement: a webhook waits for this transaction, within an annotator's request.
    connection.execute(
        update(tasks)
        .where(tasks.c.project_id == project_id, tasks.c.task_id == bindparam("task"))
        .values(score=bindparam("new_score")),
        [{"task": task_id, "new_score": score} for task_id, score in scores.items()],
    )


def set_problems(
    connection: Connection,
    project_id: int,
    problems: dict[int, str],
    looked_at: Collection[int] | None = None,
) -> None:
    """Remember which tasks cannot be used and why; all others that were looked at are fine."""
    mine = [tasks.c.project_id == project_id]
    for some in mine if looked_at is None else chosen(tasks, project_id, looked_at):
        connection.execute(update(tasks).where(some, tasks.c.problem != "").values(problem=""))
    affected: dict[str, list[int]] = {}
    for task_id, problem in problems.items():
        affected.setdefault(problem, []).append(task_id)
    for problem, task_ids in affected.items():
        for some in chosen(tasks, project_id, task_ids):
            connection.execute(update(tasks).where(some).values(problem=problem))


def drop_tasks(connection: Connection, project_id: int, task_ids: Iterable[int]) -> None:
    """Forget tasks that no longer exist in Label Studio, with their annotations."""
    # A webhook may wait for this: a few statements, however many tasks are gone.
    ids = list(task_ids)
    for table in (annotations, tasks, task_states, evidence, audit_turns):
        for some in chosen(table, project_id, ids):
            connection.execute(delete(table).where(some))
