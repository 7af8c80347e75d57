"""The doctor's check of images: a sample over all tasks, and what the last round left out."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait

from relabel.media.registry import MEDIUM
from relabel.service.books.problems import told_problems
from relabel.service.context import Context
from relabel.service.doctor.findings import Finding
from relabel.storage.database import reading
from relabel.storage.projects import Project
from relabel.storage.tasks import Task, list_tasks

SAMPLE = 20
"""Images that are tried: the first, the last, and others evenly between them."""
CONCURRENT = 8
SECONDS = 30.0
"""Longest wait for all of them."""


def check_images(context: Context, project: Project) -> Finding:
    """Fetch and decode a sample; name tasks and reasons of all that cannot be used."""
    with reading(context.engine) as connection:
        tasks = list(list_tasks(connection, project.id).values())
    if not tasks:
        return Finding("images", ok=False, text="the project has no tasks yet")
    chosen = [tasks[place] for place in sample(len(tasks))]
    failed = _try(context, chosen)
    text = f"{len(chosen)} of {len(tasks):,} tried, {len(chosen) - len(failed)} can be used"
    if failed:
        text += f"; not {told_problems(failed)}"
    left_out = {task.task_id: task.problem for task in tasks if task.problem}
    if left_out:
        text += f"; the last round left out {told_problems(left_out)}"
    return Finding("images", ok=not failed and not left_out, text=text)


def sample(count: int, size: int = SAMPLE) -> list[int]:
    """Return up to `size` of the places 0 to count - 1: both ends, and others evenly between."""
    if count <= size:
        return list(range(count))
    step = (count - 1) / (size - 1)
    return [round(place * step) for place in range(size)]


def _try(context: Context, tasks: Sequence[Task]) -> dict[int, str]:
    """Return the reason of each image that cannot be used, by task."""
    one = MEDIUM.examine(context.settings, context.label_studio)
    pool = ThreadPoolExecutor(CONCURRENT, thread_name_prefix="images")
    asked = {pool.submit(one, task.task_id, task.image): task.task_id for task in tasks}
    done, late = wait(asked, timeout=SECONDS)
    pool.shutdown(wait=False, cancel_futures=True)
    found = {asked[future]: future.result() for future in done}
    found |= {asked[future]: f"not read within {SECONDS:.0f} s" for future in late}
    return {task_id: reason for task_id, reason in found.items() if reason}
