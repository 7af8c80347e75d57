"""What the votes of a project say now: counts, consensus, and which tasks are begun."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

import numpy as np

from relabel.labelstudio.labels import LabelSchema
from relabel.numerics.consensus.majority import majority
from relabel.numerics.labels import labels_so_far, leading
from relabel.policy import Policy
from relabel.service.connected import Connected
from relabel.service.votes.eligibility import Presence, Serving, presence_of, serving_of
from relabel.storage.annotations import Annotation, Kind
from relabel.storage.answers import (
    BEGINNING,
    SILENT,
    Answer,
    Outcome,
    Sayings,
    answers_of,
    meanings,
    outcome_of,
    sayings_of,
)
from relabel.storage.projects import Project
from relabel.storage.task_states import AuditTurn
from relabel.storage.tasks import Places, Task, places_of
from relabel.types import BoolArray, Consensus, FloatArray, IntArray, LabelCounts, State

MIN_PER_CLASS = 2
"""Labelled tasks that each of at least two classes needs before anything can be learnt."""


@dataclass(frozen=True, slots=True)
class Believed:
    """What is believed of the tasks that the model's evidence decides beside people's votes.

    rows: (m,) of the state, increasing; q: (m, K) probabilities of the true class; of all other
    tasks people decide alone.
    """

    rows: IntArray
    q: FloatArray

    def certainty(self, tasks: int) -> FloatArray:
        """Return (N,) how certainly the likeliest class is right, not a number = people alone."""
        certainty = np.full(tasks, np.nan)
        certainty[self.rows] = self.q.max(1, initial=0)
        return certainty


def nothing_believed(classes: int) -> Believed:
    """Return what is believed where the model's evidence decides no task."""
    return Believed(np.zeros(0, dtype=np.int64), np.zeros((0, classes)))


class Part(StrEnum):
    """What of a project is cleaned by itself: one after the other, the evaluation split first."""

    ALL = ""  # there is no split
    EVALUATION = "evaluation"
    REST = "rest"


@dataclass(frozen=True, slots=True)
class QueueState:
    """One consistent view of a project, as far as decisions need it.

    All arrays have one row per task, task ids increasing. places: how each stands in Label
    Studio; counts: of all votes; initial: (N,) votes given before relabelling began; new: (N,)
    votes and abstentions since; new_counts: (N, K) votes since; abstains: (N,) votes that could
    not tell; silent: (N,) people who have answered since without any vote; voters: (N,) votes of
    different people, those of unknown authors together one; given: (N,) initial label, -1 = none,
    of several the one given first; voted_at: (N,) when the newest vote was given, Unix seconds, 0 =
    there is none; presence: who has been at each task; serving: whom Label Studio can still give
    which task; believed: what the model's evidence decides; kept_turns: what was known at each turn
    of the audit, by task; part: whose tasks are asked about.
    """

    connected: Connected
    places: Places
    counts: LabelCounts
    initial: IntArray
    new: IntArray
    new_counts: IntArray
    abstains: IntArray
    silent: IntArray
    voters: IntArray
    given: IntArray
    voted_at: FloatArray
    presence: Presence
    serving: Serving
    consensus: Consensus
    believed: Believed
    kept_turns: dict[int, AuditTurn]
    part: Part

    def of(self, part: Part) -> Self:
        """Return the same view, of which only the tasks of a part are asked about."""
        return replace(self, part=part)

    def mine(self) -> BoolArray:
        """(N,) tasks of this part."""
        if self.part is Part.ALL:
            return np.ones(len(self.new), dtype=np.bool_)
        evaluation = self.places.evaluation
        return evaluation if self.part is Part.EVALUATION else ~evaluation

    @property
    def budget(self) -> int | None:
        """Votes that this part may have in all, None = no limit."""
        whole = self.policy.budget
        limits = [] if whole is None else [whole - int(self.new[~self.mine()].sum())]
        if self.part is Part.EVALUATION and self.policy.evaluation_budget is not None:
            limits.append(self.policy.evaluation_budget)
        return min(limits, default=None)

    @property
    def project(self) -> Project:
        """Return the project that this is a view of."""
        return self.connected.project

    @property
    def policy(self) -> Policy:
        """Return the policy by which it was counted."""
        return self.connected.policy

    @property
    def schema(self) -> LabelSchema:
        """Return the classes that count."""
        return self.connected.schema

    @property
    def spent(self) -> int:
        """Votes spent on this part so far."""
        return int(self.new[self.mine()].sum())

    @property
    def occupied(self) -> IntArray:
        """(N,) annotations that Label Studio counts towards each task's overlap."""
        return self.serving.occupied

    def begun(self) -> BoolArray:
        """(N,) tasks with new votes and no end yet."""
        begun: BoolArray = self.touched() & self.unsettled()
        return begun

    def touched(self) -> BoolArray:
        """(N,) tasks with new votes."""
        touched: BoolArray = self.new > 0
        return touched

    def unsettled(self) -> BoolArray:
        """(N,) tasks whose consensus is still open."""
        states = self.consensus.states
        unsettled: BoolArray = (states == State.OPEN) | (states == State.TIED)
        return unsettled

    def unanswered(self) -> BoolArray:
        """(N,) tasks left out since so many people answered and none of them gave a vote."""
        ambiguous = self.consensus.states == State.AMBIGUOUS
        unanswered: BoolArray = ambiguous & ~self.touched() & (self.silent > 0)
        return unanswered

    def skipped(self) -> BoolArray:
        """(N,) tasks without an end that skips keep from everybody who is at work now.

        Where the project ignores skipped tasks, one skip does so for good. Otherwise a task counts
        that somebody skipped and all others at work skipped or answered without a vote: a person
        who is new to the project is still given it.
        """
        kept: BoolArray = self.serving.ended | (self.serving.refused & ~self.touched())
        skipped: BoolArray = kept & self.unsettled()
        return skipped

    def waiting(self) -> BoolArray:
        """(N,) labelled tasks of this part that may still be given to somebody."""
        may_be: BoolArray = self.unsettled() & self.counts.votes.any(1) & ~self.serving.ended
        waiting: BoolArray = may_be & self.mine()
        return waiting


@dataclass(frozen=True, slots=True)
class AnsweredState(QueueState):
    """One consistent view of a project, as people look at it: with what was said of each task.

    said: what was said, with what became of it; asked_at: (N,) when the first vote came since
    relabelling began, Unix seconds, inf = none yet; overwritten: (N,) annotations of which somebody
    else than their author changed what they say; unusable: the tasks whose image cannot be used, by
    id.
    """

    said: Sayings
    asked_at: FloatArray
    overwritten: IntArray
    unusable: dict[int, Task]

    @property
    def unknown_choices(self) -> tuple[str, ...]:
        """Choices and labels of data or predictions that are no class, by name."""
        unknown = Outcome.UNKNOWN_CLASS
        return tuple(
            sorted({s.choice for some in self.said.kinds for s in some if s.outcome is unknown})
        )


@dataclass(frozen=True, slots=True)
class ProjectState(AnsweredState):
    """One consistent view of a project that was counted anew, with all that it was counted from.

    tasks: by id; answers: what was said, with what became of it; votes: those of it that count,
    abstentions included.
    """

    tasks: dict[int, Task]
    answers: list[Answer]
    votes: list[Answer]


def count_state(
    connected: Connected, tasks: dict[int, Task], annotations: Iterable[Annotation]
) -> ProjectState:
    """Return what these tasks, ids increasing, and these live annotations say."""
    project, policy, schema = connected.project, connected.policy, connected.schema
    found = [a for a in annotations if a.task_id in tasks]
    means = meanings(schema.classes, cannot_tell=policy.cannot_tell, renamed=policy.classes)
    answers = given_answers(tasks, means, policy.initial) + answers_of(
        found, means, overwritten=policy.overwritten
    )
    votes = [answer for answer in answers if answer.counts]
    tally = _count(tasks, votes, len(schema.classes))
    new = tally.counts.sum(1) - tally.before.sum(1) + tally.new_abstains
    silent = _silent(tally.task_ids, answers)
    voters = _voters(tally, votes)
    consensus = majority(
        tally.counts,
        abstains=tally.abstains,
        silent=silent,
        voters=voters,
        max_votes=policy.max_votes,
        tie_rule=policy.tie_rule,
        current=tally.so_far,
    )
    if policy.solo:
        consensus = one_opinion(consensus, tally.counts - tally.before)
    presence = presence_of(tally.task_ids, found, answers, project.skip_queue)
    return ProjectState(
        connected=connected,
        places=places_of(tasks, policy.evaluation if policy.split else ()),
        tasks=tasks,
        answers=answers,
        votes=votes,
        said=sayings_of(tasks, answers),
        asked_at=tally.asked_at,
        overwritten=_per_task(tally.task_ids, [a.task_id for a in found if a.editor]),
        unusable={task_id: task for task_id, task in tasks.items() if task.problem},
        counts=LabelCounts(tally.task_ids, tally.counts),
        initial=tally.before.sum(1),
        new=new,
        new_counts=tally.counts - tally.before,
        abstains=tally.abstains,
        silent=silent,
        voters=voters,
        given=tally.given,
        voted_at=tally.voted_at,
        presence=presence,
        serving=serving_of(presence, project.skip_queue),
        consensus=consensus,
        believed=nothing_believed(len(schema.classes)),
        kept_turns={},
        part=Part.ALL,
    )


def given_answers(
    tasks: dict[int, Task], means: dict[str, int | None], initial: str
) -> list[Answer]:
    """Return what a named source says that is no person: predictions, or a field of the data."""
    answers = []
    for task in tasks.values():
        if not task.given:
            continue
        outcome, label = outcome_of(task.given, means)
        answers.append(
            Answer(
                task.task_id,
                initial,
                Kind.LABEL,
                task.given,
                BEGINNING,
                outcome,
                label,
                initial=True,
            )
        )
    return answers


def one_opinion(consensus: Consensus, new: IntArray) -> Consensus:
    """Settle tasks by their new votes alone: one person works without a second.

    Where several people vote after all and no class is ahead, all votes decide as always.

    Args:
        consensus: of all votes.
        new: (N, K) votes given since relabelling began.

    """
    said = leading(new)
    return Consensus(
        labels=np.where(said >= 0, said, consensus.labels),
        states=np.where(said >= 0, int(State.SETTLED), consensus.states),
    )


@dataclass(frozen=True, slots=True)
class _Tally:
    task_ids: IntArray
    counts: IntArray
    before: IntArray
    abstains: IntArray
    new_abstains: IntArray
    given: IntArray
    so_far: IntArray
    voted_at: FloatArray
    asked_at: FloatArray


def _count(tasks: dict[int, Task], votes: list[Answer], classes: int) -> _Tally:
    task_ids = np.fromiter(tasks, dtype=np.int64, count=len(tasks))
    shape = (len(tasks), classes)
    counts, before = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    abstains, new_abstains = (np.zeros(len(tasks), dtype=np.int64) for _ in range(2))
    rows = np.searchsorted(task_ids, [v.task_id for v in votes]).astype(np.int64)
    labels = np.array([-1 if v.label is None else v.label for v in votes], dtype=np.int64)
    said = labels >= 0
    first = np.array([v.initial for v in votes], dtype=np.bool_)
    np.add.at(abstains, rows[~said], 1)
    np.add.at(new_abstains, rows[~said & ~first], 1)
    np.add.at(counts, (rows[said], labels[said]), 1)
    np.add.at(before, (rows[said & first], labels[said & first]), 1)

    def in_order(tied: BoolArray) -> list[tuple[int, int]]:
        """Initial votes first: by the time that new ones follow, they have decided `given`."""
        places = np.flatnonzero(tied[rows] & said).tolist()
        places.sort(key=lambda i: (not first[i], votes[i].at, votes[i].annotation_id or 0))
        return list(zip(rows[places].tolist(), labels[places].tolist(), strict=True))

    given, so_far = labels_so_far(before, in_order), labels_so_far(counts, in_order)
    voted_at, asked_at = np.zeros(len(tasks)), np.full(len(tasks), np.inf)
    times = np.array([vote.at.timestamp() for vote in votes], dtype=np.float64)
    np.maximum.at(voted_at, rows, times)
    np.minimum.at(asked_at, rows[~first], times[~first])
    return _Tally(
        task_ids, counts, before, abstains, new_abstains, given, so_far, voted_at, asked_at
    )


def _silent(task_ids: IntArray, answers: list[Answer]) -> IntArray:
    """(N,) people whose new answers hold no vote."""
    new = [a for a in answers if not a.initial]
    voted = {(a.task_id, a.source) for a in new if a.counts}
    silent = {(a.task_id, a.source) for a in new if a.outcome in SILENT} - voted
    return _per_task(task_ids, [task_id for task_id, _ in silent])


def _voters(tally: _Tally, votes: list[Answer]) -> IntArray:
    """(N,) votes, but those of unknown authors count as one: they may be one person's."""
    unknown = _per_task(
        tally.task_ids, [v.task_id for v in votes if v.authorless and v.label is not None]
    )
    return np.asarray(tally.counts.sum(1) - np.maximum(unknown - 1, 0))


def _per_task(task_ids: IntArray, found: list[int]) -> IntArray:
    """(N,) how often each task occurs."""
    rows = np.searchsorted(task_ids, found).astype(np.int64)
    return np.bincount(rows, minlength=len(task_ids)).astype(np.int64)
