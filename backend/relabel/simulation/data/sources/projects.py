"""A Label Studio project's own history as a data set: would another order have been better?"""

from collections import defaultdict
from pathlib import Path

import numpy as np

from relabel.accounts import Accounts, Book, Part, part_of
from relabel.errors import ConfigurationError, PayloadError
from relabel.files import read_json, told
from relabel.labelstudio.exports import REMEDY, Export, read_export
from relabel.simulation.data.books import keep, listed
from relabel.simulation.data.dataset import Dataset
from relabel.simulation.data.files import data_dir

LEFT_OUT = {
    "unreadable": "hold no single choice",
    "no answer": "were submitted without a choice",
    "skipped": "were skipped",
    "replaced": "were replaced by a newer one of the same person",
}
"""What became of annotations that are no votes, in the words of the service."""


def label_studio(folder: Path, choices: str = "") -> Dataset:
    """Backtest on a JSON export of a single-choice project; --data-dir is the file or its folder.

    A task's initial label is its oldest annotation, its true label distribution the share of each
    class among the votes of all people, and tasks with a single vote count as right. So the truth
    is what people agreed on: a backtest says how fast another order would have got *there*.

    Args:
        folder: the file, or the folder that holds export.json.
        choices: name of the Choices tag to read, where the export holds answers of several.

    """
    path = folder if folder.is_file() else folder / "export.json"
    if not path.is_file():
        raise ConfigurationError(
            f"dataset='label_studio' needs export.json in {data_dir(folder)}, or its path. {REMEDY}"
        )
    try:
        export = read_export(read_json(path), choices)
    except PayloadError as error:
        raise ConfigurationError(f"{told(path)}: {error}") from error
    except ConfigurationError as error:
        raise ConfigurationError(f"{error} {REMEDY}") from error
    if len(export.classes) < 2:
        raise ConfigurationError(
            f"{told(path)} holds annotations of {len(export.classes)} classes; need two."
        )
    images = _images(path)
    shares = _shares(export)
    tasks = sorted(shares)
    data = Dataset(
        path.stem,
        export.classes,
        np.array([shares[task] for task in tasks]),
        given=np.array([export.oldest[task] for task in tasks], dtype=np.int64),
        paths=tuple(images.get(task, "") for task in tasks) if images else (),
        accounts=Accounts((_tasks(export), _annotations(export))),
    )
    if not images:
        return data
    missing = [f"task {task}" for task in tasks if task not in images]
    there = np.array([task in images for task in tasks], dtype=np.bool_)
    absent = listed("missing", "have no file images/<task id>.*", missing)
    return keep(data, there, "tasks with votes", absent)


def _shares(export: Export) -> dict[int, list[float]]:
    """Return the share of each class among the votes of every task that has some."""
    votes: dict[int, list[int]] = defaultdict(list)
    for answer in export.answers:
        if answer.label is not None:
            votes[answer.task_id].append(answer.label)
    classes = range(len(export.classes))
    return {task: [of.count(c) / len(of) for c in classes] for task, of in votes.items()}


def _annotations(export: Export) -> Book:
    said: dict[str, list[str]] = defaultdict(list)
    for answer in export.answers:
        said[answer.outcome].append(answer.choice)
    left = [
        # Why they cannot be read; of the others there is nothing more to say.
        part_of("unreadable", text, said[outcome], used=False)
        if outcome == "unreadable"
        else Part(outcome.replace(" ", "_"), len(said[outcome]), text, used=False)
        for outcome, text in LEFT_OUT.items()
    ]
    votes = Part("votes", len(said["vote"]), "votes")
    return Book("annotations", len(export.answers), (votes, *left))


def _tasks(export: Export) -> Book:
    outcomes: dict[int, set[str]] = {task: set() for task in export.tasks}
    for answer in export.answers:
        outcomes[answer.task_id].add(answer.outcome)
    left: dict[str, list[int]] = defaultdict(list)
    for task, found in outcomes.items():
        if "vote" in found:
            continue
        reason = next((text for outcome, text in LEFT_OUT.items() if outcome in found), "")
        left[f"have annotations that {reason}" if reason else "have no annotation"].append(task)
    parts = [part_of("left_out", text, tasks, used=False) for text, tasks in left.items()]
    used = len(export.tasks) - sum(part.count for part in parts)
    return Book("tasks", len(export.tasks), (Part("used", used, "used"), *parts))


def _images(path: Path) -> dict[int, str]:
    """Return the image files next to the export, images/<task id>.*, by task."""
    files = sorted((path.parent / "images").glob("*"))
    return {int(file.stem): str(file) for file in files if file.stem.isdecimal()}
