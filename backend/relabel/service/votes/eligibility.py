"""Whom Label Studio can still give which task: what annotations and skips mean for its queue.

Label Studio never gives a person a task that has any annotation of theirs, a skip or an old label
included. A task is full for somebody else once as many of its annotations count as its overlap
says: each counts there, also several of one person and those whose author is gone, although the
same task is only marked as labelled once so many *different* people have annotated it, all unknown
ones together as one. What a skip is, the project's `skip_queue` says.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from relabel.storage.annotations import Annotation, Kind
from relabel.storage.answers import Answer, Outcome
from relabel.types import BoolArray, IntArray

FOR_OTHERS, FOR_ME, IGNORE = "REQUEUE_FOR_OTHERS", "REQUEUE_FOR_ME", "IGNORE_SKIPPED"
"""Values of a project's skip_queue. A skipped task is for others, and the skip is not counted (the
default); or it comes back to whoever skipped it, and is kept from others; or a skip is an
annotation like any other."""


@dataclass(frozen=True, slots=True)
class Serving:
    """What stands against giving a task to people. Letters: N tasks, M annotations.

    occupied: (N,) annotations that count towards the task's overlap; an overlap one above lets
    exactly one more person in; at_work: ids of those who have answered since relabelling began;
    taken: (M, 2) pairs of a row and the number of a person who cannot be given its task; held: (N,)
    tasks that wait for whoever skipped them and for nobody else; ended: (N,) tasks that a skip has
    finished; refused: (N,) skipped tasks that nobody at work can be given.
    """

    occupied: IntArray
    at_work: tuple[str, ...]
    taken: IntArray
    held: BoolArray
    ended: BoolArray
    refused: BoolArray


@dataclass(frozen=True, slots=True)
class Presence:
    """Who has been at each task, which follows from that task's own annotations.

    occupied: (N,) annotations that count towards the task's overlap; skipped: (N,) tasks skipped
    since relabelling began; held: (N,) tasks that wait for whoever skipped them; people: N times
    the authors of its annotations, as far as they are known; answered: N times who has answered
    since relabelling began, without those of whom nobody knows who they are.
    """

    occupied: IntArray
    skipped: BoolArray
    held: BoolArray
    people: list[tuple[str, ...]]
    answered: list[tuple[str, ...]]


def presence_of(
    task_ids: IntArray, found: Sequence[Annotation], answers: Sequence[Answer], skip_queue: str
) -> Presence:
    """Return who has been at each task.

    Args:
        task_ids: (N,) increasing.
        found: all live annotations of these tasks.
        answers: what they say.
        skip_queue: the project's, "" = Label Studio's default.

    """
    size = len(task_ids)
    rows = np.searchsorted(task_ids, [a.task_id for a in found]).astype(np.int64)
    cancelled = np.array([a.kind is Kind.CANCELLED for a in found], dtype=np.bool_)
    everything = np.bincount(rows, minlength=size)
    labelled = np.bincount(rows[~cancelled], minlength=size)
    skipped = np.isin(task_ids, [a.task_id for a in answers if _is_new_skip(a)])
    held = np.zeros(size, dtype=np.bool_)
    if skip_queue == FOR_ME:
        held = _held(task_ids, answers)
        # The skip that is to be made good leaves its place to whoever made it.
        everything -= held
    people: dict[int, list[str]] = {}
    for a in found:
        if a.annotator:
            people.setdefault(a.task_id, []).append(a.annotator)
    answered: dict[int, set[str]] = {}
    for answer in answers:
        if not answer.initial and not answer.authorless:
            answered.setdefault(answer.task_id, set()).add(answer.source)
    ids = task_ids.tolist()
    return Presence(
        occupied=everything if skip_queue in (IGNORE, FOR_ME) else labelled,
        skipped=skipped,
        held=held,
        people=[tuple(people.get(i, ())) for i in ids],
        answered=[tuple(sorted(answered.get(i, ()))) for i in ids],
    )


def serving_of(presence: Presence, skip_queue: str) -> Serving:
    """Return what stands against giving tasks to people, of whom some are at work now.

    Args:
        presence: who has been at each task.
        skip_queue: the project's, "" = Label Studio's default.

    """
    at_work = tuple(sorted({person for some in presence.answered for person in some}))
    number = {person: i for i, person in enumerate(at_work)}
    rows = np.repeat(np.arange(len(presence.people)), [len(some) for some in presence.people])
    everybody = [number.setdefault(p, len(number)) for some in presence.people for p in some]
    taken = np.column_stack([rows, np.array(everybody, dtype=np.int64)])
    nobody = np.zeros(len(presence.people), dtype=np.bool_)
    refused, ended = nobody, nobody
    if skip_queue == IGNORE:
        ended = presence.skipped
    elif skip_queue != FOR_ME:
        refused = nobody.copy()
        for row in np.flatnonzero(presence.skipped).tolist():
            refused[row] = set(at_work) <= set(presence.people[row])
    return Serving(presence.occupied, at_work, taken, presence.held, ended, refused)


def _is_new_skip(answer: Answer) -> bool:
    return answer.outcome is Outcome.SKIPPED and not answer.initial


def _held(task_ids: IntArray, answers: Sequence[Answer]) -> BoolArray:
    """(N,) tasks that somebody has skipped and not answered since."""
    new = [a for a in answers if not a.initial]
    skips = {(a.task_id, a.source) for a in new if a.outcome is Outcome.SKIPPED}
    answered = {(a.task_id, a.source) for a in new if a.outcome is not Outcome.SKIPPED}
    return np.isin(task_ids, [task_id for task_id, _ in skips - answered])
