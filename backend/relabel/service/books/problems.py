"""Why images cannot be used, told for many of them at once."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from relabel.media.registry import MEDIUM

SHOWN_TASKS = 5
SHOWN_REASONS = 5


def told_problems(problems: Mapping[int, str]) -> str:
    """Return how many tasks have which problem, the most frequent first, with their numbers.

    Args:
        problems: reason by task id.

    """
    tasks: dict[str, list[int]] = defaultdict(list)
    for task_id, reason in sorted(problems.items()):
        tasks[MEDIUM.kind_of(reason)].append(task_id)
    ordered = sorted(tasks.items(), key=lambda item: (-len(item[1]), item[0]))
    told = [f"{len(ids):,} ({_numbers(ids)}): {reason}" for reason, ids in ordered]
    more = len(told) - SHOWN_REASONS
    return "; ".join(told[:SHOWN_REASONS]) + (f"; and {more:,} other reasons" if more > 0 else "")


def _numbers(ids: Sequence[int]) -> str:
    shown = ", ".join(map(str, ids[:SHOWN_TASKS]))
    what = "task" if len(ids) == 1 else "tasks"
    return f"{what} {shown}" + (", ..." if len(ids) > SHOWN_TASKS else "")
