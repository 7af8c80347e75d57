"""A Label Studio project's own history as a data set: would another order have been better?"""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from relabel.errors import ConfigurationError
from relabel.files import read_json, told
from relabel.simulation.dataset import Dataset
from relabel.simulation.datasets.files import data_dir


def label_studio(folder: Path) -> Dataset:
    """Backtest on a JSON export of a single-choice project; --data-dir is the file or its folder.

    A task's initial label is its oldest annotation, its true label distribution the share of each
    class among all its annotations, and tasks with a single annotation count as right. So the truth
    is what people agreed on: a backtest says how fast another order would have got *there*.
    """
    path = folder if folder.is_file() else folder / "export.json"
    if not path.is_file():
        raise ConfigurationError(
            f"dataset='label_studio' needs export.json in {data_dir(folder)}, or its path: in "
            "Label Studio, Export, JSON."
        )
    votes = _read(path)
    voted = {task: labels for task, labels in votes.items() if labels}
    classes = tuple(sorted({label for labels in voted.values() for label in labels}))
    if len(classes) < 2:
        raise ConfigurationError(f"{path} holds annotations of {len(classes)} classes; need two.")
    number = {name: c for c, name in enumerate(classes)}
    shares = np.zeros((len(voted), len(classes)))
    given = np.empty(len(voted), dtype=np.int64)
    for row, task in enumerate(sorted(voted)):
        for label, times in Counter(voted[task]).items():
            shares[row, number[label]] = times / len(voted[task])
        given[row] = number[voted[task][0]]
    return Dataset(path.stem, classes, shares, given=given, paths=_images(path, sorted(voted)))


def _read(path: Path) -> dict[int, list[str]]:
    """Return the labels of each task, by its id."""
    tasks = read_json(path)
    if not isinstance(tasks, list):
        raise ConfigurationError(
            f"{told(path)} holds no list of tasks; in Label Studio, Export, JSON."
        )
    votes = {}
    for place, task in enumerate(tasks, start=1):
        try:
            votes[int(task["id"])] = _votes(task)
        except (ValueError, OverflowError, KeyError, TypeError, AttributeError) as error:
            raise ConfigurationError(
                f"{told(path)}, task {place} of {len(tasks)} is not as Label Studio exports it "
                f"({' '.join(str(error).split())}); in Label Studio, Export, JSON."
            ) from error
    return votes


def _votes(task: dict[str, Any]) -> list[str]:
    """Return the labels of a task's annotations, oldest first; skipped and empty ones are none."""
    done = [a for a in task.get("annotations", []) if not a.get("was_cancelled")]
    done.sort(key=lambda a: str(a.get("created_at", "")))
    choices = [_choice(a.get("result") or []) for a in done]
    return [choice for choice in choices if choice is not None]


def _choice(result: list[dict[str, Any]]) -> str | None:
    for region in result:
        chosen = region.get("value", {}).get("choices", [])
        if region.get("type") == "choices" and len(chosen) == 1:
            return str(chosen[0])
    return None


def _images(path: Path, tasks: list[int]) -> tuple[str, ...]:
    """Return image files next to the export, images/<task id>.*, if every task has one."""
    by_id = {p.stem: str(p) for p in (path.parent / "images").glob("*")}
    found = [by_id.get(str(task)) for task in tasks]
    return tuple(p for p in found if p is not None) if all(found) else ()
