"""What the votes of a project say now: counts, consensus, and which tasks are begun."""

from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from relabel.labelstudio.labels import LabelSchema
from relabel.numerics.consensus.majority import majority
from relabel.policy import Policy
from relabel.service.context import schema_of
from relabel.storage.annotations import Annotation, Kind, list_annotations, votes_of
from relabel.storage.projects import Project
from relabel.storage.tasks import Task, list_tasks
from relabel.types import BoolArray, Consensus, IntArray, LabelCounts, State, Vote


@dataclass(frozen=True, slots=True)
class ProjectState:
    """One consistent view of a project.

    All arrays have one row per task, task ids increasing. initial: (N,) votes given before
    relabelling began; given: (N,) initial label, -1 = none; occupied: (N,) people whose annotation
    Label Studio counts towards the task's overlap.
    """

    project: Project
    policy: Policy
    schema: LabelSchema
    tasks: dict[int, Task]
    votes: list[Vote]
    counts: LabelCounts
    initial: IntArray
    given: IntArray
    occupied: IntArray
    consensus: Consensus
    unknown_choices: tuple[str, ...]

    @property
    def spent(self) -> int:
        """Votes spent so far."""
        return int(self.counts.votes.sum() - self.initial.sum())

    def begun(self) -> BoolArray:
        """(N,) tasks with new votes and no end yet."""
        begun: BoolArray = (self.counts.votes.sum(1) > self.initial) & self.unsettled()
        return begun

    def unsettled(self) -> BoolArray:
        """(N,) tasks whose consensus is still open."""
        states = self.consensus.states
        unsettled: BoolArray = (states == State.OPEN) | (states == State.TIED)
        return unsettled


def read_state(connection: Connection, project: Project, policy: Policy) -> ProjectState:
    """Read a project's tasks and annotations, and count."""
    schema = schema_of(project, policy)
    tasks = list_tasks(connection, project.id)
    found = [a for a in list_annotations(connection, project.id) if a.task_id in tasks]
    votes = votes_of(found, schema.classes)
    task_ids = np.fromiter(tasks, dtype=np.int64, count=len(tasks))
    shape = (len(tasks), len(schema.classes))
    counts, before = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    initial_ids = {a.annotation_id for a in found if a.initial}
    rows = np.searchsorted(task_ids, [v.task_id for v in votes])
    for row, vote in zip(rows, votes, strict=True):
        if vote.label is not None:
            counts[row, vote.label] += 1
            if vote.annotation_id in initial_ids:
                before[row, vote.label] += 1
    given = np.where(before.any(1), before.argmax(1), -1)
    return ProjectState(
        project=project,
        policy=policy,
        schema=schema,
        tasks=tasks,
        votes=votes,
        counts=LabelCounts(task_ids, counts),
        initial=before.sum(1),
        given=given,
        occupied=_occupied(task_ids, found),
        consensus=majority(
            counts, max_votes=policy.max_votes, tie_rule=policy.tie_rule, current=given
        ),
        unknown_choices=_unknown(found, schema),
    )


def _occupied(task_ids: IntArray, found: list[Annotation]) -> IntArray:
    """Count distinct people per task as Label Studio does: everything but skips."""
    people = {(a.task_id, a.annotator) for a in found if a.kind is not Kind.CANCELLED}
    occupied = np.zeros(len(task_ids), dtype=np.int64)
    rows = np.searchsorted(task_ids, [task_id for task_id, _ in people])
    np.add.at(occupied, rows.astype(np.int64), 1)
    return occupied


def _unknown(found: list[Annotation], schema: LabelSchema) -> tuple[str, ...]:
    names = {a.choice for a in found if a.kind is Kind.LABEL} - set(schema.classes)
    return tuple(sorted(names))
