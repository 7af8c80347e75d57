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


def serving_of(
    task_ids: IntArray, found: Sequence[Annotation], answers: Sequence[Answer], skip_queue: str
) -> Serving:
    """Return what stands against giving tasks to people.

    Args:
        task_ids: (N,) increasing.
        found: all live annotations of these tasks.
        answers: what they say.
        skip_queue: the project's, "" = Label Studio's default.

    """
    at_work = tuple(sorted({a.source for a in answers if not a.initial and not a.authorless}))
    number = {person: i for i, person in enumerate(at_work)}
    rows = np.searchsorted(task_ids, [a.task_id for a in found]).astype(np.int64)
    people = [number.setdefault(a.annotator, len(number)) for a in found]
    taken = np.column_stack([rows, np.array(people, dtype=np.int64)])
    taken = taken[np.array([bool(a.annotator) for a in found], dtype=np.bool_)]
    cancelled = np.array([a.kind is Kind.CANCELLED for a in found], dtype=np.bool_)
    everything = np.bincount(rows, minlength=len(task_ids))
    labelled = np.bincount(rows[~cancelled], minlength=len(task_ids))
    skipped = np.isin(task_ids, [a.task_id for a in answers if _is_new_skip(a)])
    nobody = np.zeros(len(task_ids), dtype=np.bool_)
    if skip_queue == IGNORE:
        return Serving(everything, at_work, taken, held=nobody, ended=skipped, refused=nobody)
    if skip_queue == FOR_ME:
        held = _held(task_ids, answers)
        # The skip that is to be made good leaves its place to whoever made it.
        return Serving(everything - held, at_work, taken, held, ended=nobody, refused=nobody)
    pairs = np.unique(taken[taken[:, 1] < len(at_work)], axis=0)
    everybody = np.bincount(pairs[:, 0], minlength=len(task_ids)) == len(at_work)
    refused = skipped & everybody
    return Serving(labelled, at_work, taken, held=nobody, ended=nobody, refused=refused)


def _is_new_skip(answer: Answer) -> bool:
    return answer.outcome is Outcome.SKIPPED and not answer.initial


def _held(task_ids: IntArray, answers: Sequence[Answer]) -> BoolArray:
    """(N,) tasks that somebody has skipped and not answered since."""
    new = [a for a in answers if not a.initial]
    skips = {(a.task_id, a.source) for a in new if a.outcome is Outcome.SKIPPED}
    answered = {(a.task_id, a.source) for a in new if a.outcome is not Outcome.SKIPPED}
    return np.isin(task_ids, [task_id for task_id, _ in skips - answered])
