"""Whether the backend's store and Label Studio say the same, and the queue is as it should be."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import httpx
from relabel.demo import api
from relabel.demo.queue_state import QueueState, chosen, majority
from relabel.storage.annotations import Kind, list_annotations
from relabel.storage.database import connect, reading

Said = dict[int, tuple[int, int, str]]
"""What each live annotation says, by its id: task, annotator, label ("" = no vote)."""


def said_in_store(address: str, project: int) -> Said:
    """Read the backend's store, see `Backend.database`."""
    engine = connect(address)
    with reading(engine) as connection:
        found = list_annotations(connection, project)
    engine.dispose()
    return {
        a.annotation_id: (
            a.task_id,
            int(a.annotator),
            a.choice if a.kind is Kind.LABEL else "",
        )
        for a in found
    }


def said_in_label_studio(admin: httpx.Client, project: int) -> Said:
    """Read Label Studio's export."""
    path = f"/api/projects/{project}/export"
    tasks = api.get(admin, path, exportType="JSON", download_all_tasks="true")
    return {
        int(a["id"]): (int(task["id"]), int(a["completed_by"]), _label(a))
        for task in tasks
        for a in task["annotations"]
    }


def differences(store: Said, truth: Said) -> list[str]:
    """Return in words what the store has wrong, nothing if it says what Label Studio says."""
    return [
        f"annotation {number}: the store says {store.get(number)}, Label Studio {truth.get(number)}"
        for number in sorted(store.keys() | truth.keys())
        if store.get(number) != truth.get(number)
    ]


def doubled(said: Said) -> list[tuple[int, int]]:
    """Return the (task, annotator) pairs with several annotations."""
    pairs = Counter((task, annotator) for task, annotator, _ in said.values())
    return sorted(pair for pair, number in pairs.items() if number > 1)


def settled_but_open(queue: QueueState) -> list[int]:
    """Return the tasks that have a majority and stand open all the same."""
    return [
        number
        for number, task in queue.tasks.items()
        if task.is_open and majority(task.votes.values()) is not None
    ]


def votes_of(said: Said) -> dict[int, dict[int, str]]:
    """Return label by annotator for each task."""
    votes: dict[int, dict[int, str]] = {}
    for _, (task, annotator, label) in sorted(said.items()):
        if label:
            votes.setdefault(task, {})[annotator] = label
    return votes


def settings_wrong(settings: Mapping[str, Any], model_version: str) -> dict[str, Any]:
    """Return the project's settings under which Label Studio would not serve the best task."""
    wanted = {
        "sampling": "Uncertainty sampling",
        "maximum_annotations": 1,
        "show_collab_predictions": True,
        "model_version": model_version,
    }
    return {key: settings.get(key) for key, value in wanted.items() if settings.get(key) != value}


def _label(annotation: Mapping[str, Any]) -> str:
    if annotation["was_cancelled"]:
        return ""
    return chosen(annotation["result"]) or ""
