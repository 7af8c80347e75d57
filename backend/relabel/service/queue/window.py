"""Which tasks stand open in Label Studio's queue, and the changes that bring it there. Pure.

Label Studio serves a task while fewer people have annotated it than its overlap asks for. A task is
opened by asking for one person more than there are; it closes by itself with the next annotation.

A window counts only tasks that somebody can be given. It stands open for a person who is new to
the project, and for each who has annotated anything: what they have skipped, or labelled long ago,
is no place in theirs. As all go by the same order, the windows are mostly the same tasks; where
nobody has skipped anything and old labels stand under a name of their own, exactly the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from relabel.storage.tasks import Place, Task
from relabel.types import BoolArray, FloatArray, IntArray

SURPLUS = 2
"""Tasks that fell out of the window are closed only beyond this many times its size: closing costs
a request each, and an open task of low priority does no harm."""


@dataclass(frozen=True, slots=True)
class Change:
    """One task whose overlap or is_labeled must change."""

    task_id: int
    overlap: int
    is_labeled: bool


def choose_open(
    task_ids: IntArray,
    priority: FloatArray,
    *,
    candidates: BoolArray,
    begun: BoolArray,
    is_open: BoolArray,
    window: int,
    taken: IntArray,
    held: BoolArray,
) -> IntArray:
    """Return the ids of the tasks that should stand open, most urgent first.

    Args:
        task_ids: (N,) increasing.
        priority: (N,), higher = relabel sooner.
        candidates: (N,) tasks that may be relabelled at all.
        begun: (N,) tasks with new votes and no majority, and audited ones: always open, in addition
            to the window.
        is_open: (N,) tasks that stand open now.
        window: number of untouched tasks to keep open for each person.
        taken: (M, 2) pairs of a row and the number of a person who cannot be given its task.
        held: (N,) tasks that come back to whoever skipped them, after all others: as begun ones,
            and in nobody's window.

    """
    order = np.argsort(-priority, kind="stable")
    order = order[candidates[order]]
    kept = (begun | held)[order]
    untouched = order[~kept]
    wanted = np.zeros(len(task_ids), dtype=np.bool_)
    wanted[order[kept]] = True
    wanted[untouched[:window]] = True
    wanted[untouched[_windows(untouched, window, taken, len(task_ids))]] = True
    still_open = untouched[is_open[untouched] & ~wanted[untouched]]
    wanted[still_open[: (SURPLUS - 1) * window]] = True
    return task_ids[order[wanted[order]]]


def _windows(untouched: IntArray, window: int, taken: IntArray, tasks: int) -> IntArray:
    """Return the places among the untouched tasks that stand open for people who are not new."""
    place = np.full(tasks, -1, dtype=np.int64)
    place[untouched] = np.arange(len(untouched))
    places_taken = place[taken[:, 0]]
    counts = places_taken >= 0
    # One number for each pair: to sort numbers is several times faster than to sort pairs.
    pairs = np.unique(taken[counts, 1] * (tasks + 1) + places_taken[counts])
    people, first = np.unique(pairs // (tasks + 1), return_index=True)
    wanted = np.zeros(len(untouched), dtype=np.bool_)
    for mine in np.split(pairs % (tasks + 1), first[1:]) if len(people) else ():
        # A window ends before the first place that has as many free ones before it.
        passed = int(np.searchsorted(mine - np.arange(len(mine)), window))
        places = np.arange(min(window + passed, len(untouched)))
        wanted[np.delete(places, mine[:passed])] = True
    return np.flatnonzero(wanted)


def plan_changes(
    tasks: Mapping[int, Task] | Mapping[int, Place], occupied: Mapping[int, int], open_ids: IntArray
) -> list[Change]:
    """Return what must change so that exactly `open_ids` are open, the most urgent first.

    Tasks that this backend never touched are only ever opened, never closed.
    """
    changes: list[Change] = []
    wanted = set(open_ids.tolist())
    for task_id in open_ids.tolist():
        task, overlap = tasks[task_id], occupied[task_id] + 1
        if task.overlap != overlap or task.is_labeled:
            changes.append(Change(task_id, overlap, is_labeled=False))
    for task_id, task in tasks.items():
        if task.touched and not task.is_labeled and task_id not in wanted:
            changes.append(Change(task_id, max(occupied[task_id], 1), is_labeled=True))
    return changes
