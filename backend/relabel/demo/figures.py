"""The figures that say whether the demo did its job, counted from Label Studio's own export."""

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from rich.table import Table

from relabel.demo import api
from relabel.demo.annotators import ServedTask
from relabel.demo.queue_state import chosen, majority
from relabel.demo.upload import image_name

Figures = dict[str, int | float | bool]

MEANINGS = {
    "tasks": "images in the project",
    "initial_noise_rate": "share of the old labels that were wrong",
    "votes": "answers of the simulated annotators",
    "tasks_served": "different tasks they were given",
    "served_wrong": "of these, tasks with a wrong old label",
    "expected_served_wrong_random": "what a random order would have served",
    "corrected": "wrong labels that the majority made right",
    "broken": "right labels that the majority made wrong",
    "settled": "tasks with a majority of at least two votes",
    "ambiguous": "tasks given up after too many votes",
    "rounds": "times the model was trained",
    "queue_order_exact": "every served task was the best open one",
    "votes_in_label_studio": "votes counted in Label Studio",
    "votes_in_store": "votes counted in the backend",
    "seconds": "duration of this run",
}


def export_votes(admin: httpx.Client, project: int) -> dict[int, tuple[str, dict[int, str]]]:
    """Return the image's name and the votes (label by user id, the latest counts) of every task."""
    path = f"/api/projects/{project}/export"
    tasks = api.get(admin, path, exportType="JSON", download_all_tasks="true")
    return {task["id"]: (image_name(task["data"]["image"]), _votes(task)) for task in tasks}


def count(
    tasks: Mapping[int, tuple[str, dict[int, str]]],
    truth: Mapping[str, str],
    original: int,
    served: Sequence[ServedTask],
    status: Mapping[str, Any],
) -> Figures:
    """Count everything but the seconds.

    Args:
        tasks: Name and votes of every task, from `export_votes`.
        truth: Right class by image name.
        original: User id that the old labels stand under.
        served: Every served task, in order.
        status: What the backend says of the project.
    """
    wrong = {number for number, (name, votes) in tasks.items() if votes[original] != truth[name]}
    verdicts = {number: majority(votes.values()) for number, (_, votes) in tasks.items()}
    right = {n for n, verdict in verdicts.items() if verdict == truth[tasks[n][0]]}
    decided = {n for n, verdict in verdicts.items() if verdict is not None}
    served_tasks = {one.task for one in served}
    noise_rate = len(wrong) / len(tasks)
    return {
        "tasks": len(tasks),
        "initial_noise_rate": round(noise_rate, 4),
        "votes": len(served),
        "tasks_served": len(served_tasks),
        "served_wrong": len(served_tasks & wrong),
        # Hypergeometric mean: as many tasks, drawn without looking.
        "expected_served_wrong_random": round(len(served_tasks) * noise_rate, 2),
        "corrected": len(wrong & right),
        "broken": len((decided - right) - wrong),
        "settled": int(status["settled"]),
        "ambiguous": int(status["ambiguous"]),
        "rounds": int(status["rounds"]),
        "queue_order_exact": not any(one.problem for one in served),
        "votes_in_label_studio": sum(len(v.keys() - {original}) for _, v in tasks.values()),
        "votes_in_store": int(status["votes"]),
    }


def table(figures: Mapping[str, int | float | bool]) -> Table:
    """Return the figures with what each means, to print."""
    result = Table(title="Result", show_header=False)
    for key, meaning in MEANINGS.items():
        result.add_row(key, str(figures[key]), meaning)
    return result


def _votes(task: Mapping[str, Any]) -> dict[int, str]:
    votes: dict[int, str] = {}
    for annotation in sorted(task["annotations"], key=lambda a: str(a["updated_at"])):
        label = chosen(annotation["result"])
        if label is not None and not annotation["was_cancelled"]:
            votes[int(annotation["completed_by"])] = label
    return votes
