"""What the votes of a project say now: counts, consensus, and which tasks are begun."""

from dataclasses import dataclass
from datetime import UTC, datetime

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
    relabelling began; abstains: (N,) votes that could not tell; given: (N,) initial label,
    -1 = none; occupied: (N,) people whose annotation Label Studio counts towards the task's
    overlap; overwritten: annotations that somebody else than their author changed last.
    """

    project: Project
    policy: Policy
    schema: LabelSchema
    tasks: dict[int, Task]
    votes: list[Vote]
    counts: LabelCounts
    initial: IntArray
    abstains: IntArray
    given: IntArray
    occupied: IntArray
    consensus: Consensus
    unknown_choices: tuple[str, ...]
    overwritten: tuple[int, ...]

    @property
    def spent(self) -> int:
        """Votes spent so far."""
        return int(self.counts.votes.sum() - self.initial.sum() + self.abstains.sum())

    def begun(self) -> BoolArray:
        """(N,) tasks with new votes and no end yet."""
        begun: BoolArray = self.touched() & self.unsettled()
        return begun

    def touched(self) -> BoolArray:
        """(N,) tasks with new votes."""
        touched: BoolArray = self.counts.votes.sum(1) + self.abstains > self.initial
        return touched

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
    votes = given_votes(tasks, schema, policy.initial) + votes_of(
        found,
        schema.classes,
        cannot_tell=policy.cannot_tell,
        overwritten=policy.overwritten,
    )
    tally = _count(tasks, votes, {a.annotation_id for a in found if a.initial}, schema)
    consensus = majority(
        tally.counts,
        abstains=tally.abstains,
        max_votes=policy.max_votes,
        tie_rule=policy.tie_rule,
        current=tally.given,
    )
    if policy.solo:
        consensus = one_opinion(consensus, tally.counts - tally.before)
    return ProjectState(
        project=project,
        policy=policy,
        schema=schema,
        tasks=tasks,
        votes=votes,
        counts=LabelCounts(tally.task_ids, tally.counts),
        initial=tally.before.sum(1),
        abstains=tally.abstains,
        given=tally.given,
        occupied=_occupied(tally.task_ids, found),
        consensus=consensus,
        unknown_choices=_unknown(found, schema, policy.cannot_tell),
        overwritten=tuple(a.annotation_id for a in found if a.overwritten),
    )


def given_votes(tasks: dict[int, Task], schema: LabelSchema, initial: str) -> list[Vote]:
    """Return the votes of a named source that is no person: predictions, or a field of the data."""
    index = {name: number for number, name in enumerate(schema.classes)}
    beginning = datetime.fromtimestamp(0, UTC)
    return [
        Vote(task.task_id, initial, index[task.given], beginning)
        for task in tasks.values()
        if task.given in index
    ]


def one_opinion(consensus: Consensus, new: IntArray) -> Consensus:
    """Settle every task that has new votes by these alone: one person works without a second.

    Args:
        consensus: of all votes.
        new: (N, K) votes given since relabelling began.

    """
    voted = new.any(1)
    return Consensus(
        labels=np.where(voted, new.argmax(1), consensus.labels),
        states=np.where(voted, int(State.SETTLED), consensus.states),
    )


@dataclass(frozen=True, slots=True)
class _Tally:
    task_ids: IntArray
    counts: IntArray
    before: IntArray
    abstains: IntArray
    given: IntArray


def _count(
    tasks: dict[int, Task], votes: list[Vote], initial_ids: set[int], schema: LabelSchema
) -> _Tally:
    task_ids = np.fromiter(tasks, dtype=np.int64, count=len(tasks))
    shape = (len(tasks), len(schema.classes))
    counts, before = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    abstains = np.zeros(len(tasks), dtype=np.int64)
    rows = np.searchsorted(task_ids, [v.task_id for v in votes])
    for row, vote in zip(rows, votes, strict=True):
        if vote.label is None:
            abstains[row] += 1
            continue
        counts[row, vote.label] += 1
        if vote.annotation_id is None or vote.annotation_id in initial_ids:
            before[row, vote.label] += 1
    given = np.where(before.any(1), before.argmax(1), -1)
    return _Tally(task_ids, counts, before, abstains, given)


def _occupied(task_ids: IntArray, found: list[Annotation]) -> IntArray:
    """Count distinct people per task as Label Studio does: everything but skips."""
    people = {(a.task_id, a.annotator) for a in found if a.kind is not Kind.CANCELLED}
    occupied = np.zeros(len(task_ids), dtype=np.int64)
    rows = np.searchsorted(task_ids, [task_id for task_id, _ in people])
    np.add.at(occupied, rows.astype(np.int64), 1)
    return occupied


def _unknown(found: list[Annotation], schema: LabelSchema, cannot_tell: str) -> tuple[str, ...]:
    names = {a.choice for a in found if a.kind is Kind.LABEL} - {*schema.classes, cannot_tell}
    return tuple(sorted(names))
