"""Whether a project is what it was before the backend came, people's annotations aside."""

import json
from collections.abc import Collection
from typing import Any

import httpx
from relabel.demo import api

TRACES = {
    "updated_at": "moves with every write, also with the one that takes another one back",
    "updated_by": "names whoever wrote the task last, and cannot be written",
}
"""Fields of a task in an export that nobody can restore, and why."""


def export_bytes(admin: httpx.Client, project: int, aside: Collection[int] = ()) -> bytes:
    """Return Label Studio's own export as it would be without some annotations.

    Args:
        admin: Client of somebody in the organization.
        project: Its id.
        aside: Ids of the annotations to leave out; the tasks' counters do without them, too.
    """
    path = f"/api/projects/{project}/export"
    tasks = api.get(admin, path, exportType="JSON", download_all_tasks="true")
    kept = [_task(task, set(aside)) for task in sorted(tasks, key=lambda task: task["id"])]
    return "\n".join(json.dumps(task) for task in kept).encode()


def difference(before: bytes, after: bytes) -> str:
    """Return in words where two exports differ first; "" = they are the same bytes."""
    if before == after:
        return ""
    old, new = before.splitlines(), after.splitlines()
    if len(old) != len(new):
        return f"{len(old)} tasks before, {len(new)} after"
    line = next(n for n, pair in enumerate(zip(old, new, strict=True)) if pair[0] != pair[1])
    was, now = json.loads(old[line]), json.loads(new[line])
    changed = {key: (was.get(key), now.get(key)) for key in was if was.get(key) != now.get(key)}
    return f"task {was['id']}: {changed or 'order of the fields'}"


def _task(task: dict[str, Any], aside: set[int]) -> dict[str, Any]:
    removed = [a for a in task["annotations"] if a["id"] in aside]
    skips = sum(bool(a["was_cancelled"]) for a in removed)
    kept = {key: value for key, value in task.items() if key not in TRACES}
    return kept | {
        "annotations": [a for a in task["annotations"] if a["id"] not in aside],
        "total_annotations": task["total_annotations"] - len(removed) + skips,
        "cancelled_annotations": task["cancelled_annotations"] - skips,
    }
