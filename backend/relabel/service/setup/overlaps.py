"""The overlap and state of every task once the project is itself again."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from relabel.service.votes.eligibility import IGNORE
from relabel.storage.annotations import Annotation, Kind
from relabel.storage.tasks import Task

Before = dict[int, tuple[int, bool]]
"""Overlap and is_labeled, by task."""


def states_before(
    tasks: dict[int, Task], found: Sequence[Annotation], settings: dict[str, Any]
) -> Before:
    """Return what every task had before, or would have had if it had come without this backend.

    A task that new annotations gave as many people as were asked for is labelled: Label Studio
    would have closed it by itself, and must not ask for the same label again.

    Args:
        tasks: all of the project.
        found: their live annotations.
        settings: of the project, as they are given back.

    """
    ignores = settings.get("skip_queue") == IGNORE
    counted = [a for a in found if ignores or a.kind is not Kind.CANCELLED]
    people: dict[int, set[str]] = defaultdict(set)
    for annotation in counted:
        # Label Studio takes all whose authors are gone for one person.
        people[annotation.task_id].add(annotation.annotator)
    relabelled = {a.task_id for a in counted if not a.initial}
    overlaps = _overlaps(tasks, found, settings)
    states: Before = {}
    for task_id, task in tasks.items():
        full = len(people[task_id]) >= overlaps[task_id]
        judged_anew = task.came_later or task_id in relabelled
        states[task_id] = (overlaps[task_id], task.is_labeled_before or (judged_anew and full))
    return states


def _overlaps(
    tasks: dict[int, Task], found: Sequence[Annotation], settings: dict[str, Any]
) -> dict[int, int]:
    """Give tasks that came later the project's overlap, or their part of the share that has it.

    With a share, Label Studio deals the overlap out anew whenever tasks come, to those with the
    most annotations first. Earlier tasks keep theirs here, and what is missing goes to the later.
    """
    overlap = int(settings.get("maximum_annotations") or 1)
    share = int(settings.get("overlap_cohort_percentage") or 100)
    overlaps = {i: task.overlap_before for i, task in tasks.items() if not task.came_later}
    annotations = Counter(a.task_id for a in found)
    later = sorted((i for i in tasks if i not in overlaps), key=lambda i: (-annotations[i], i))
    wanted = len(later)
    if share < 100:
        # As Label Studio rounds it.
        wanted = int(len(tasks) * share / 100 + 0.5) - sum(n > 1 for n in overlaps.values())
    wanted = max(wanted, 0)
    return overlaps | dict.fromkeys(later[:wanted], overlap) | dict.fromkeys(later[wanted:], 1)
