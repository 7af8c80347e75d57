"""Writing to a task of Label Studio without undoing what it has counted meanwhile.

Label Studio answers a PATCH of a task by saving its whole row as it was read a moment before. A
submission in between is counted by Label Studio, and then its count is overwritten, with the mark
that the task is done. Nothing in Label Studio counts again until somebody annotates the task once
more; its own answer, though, brings the annotations along, which are read after the saving.
"""

import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from relabel.errors import NotFoundError
from relabel.labelstudio.client import LabelStudio
from relabel.labelstudio.payloads import TaskReading, counters_to_change, person, read_counters

log = logging.getLogger("relabel.counters")

ATTEMPTS = 5
"""Writes of one task, each of which may be crossed by another submission."""


def write_task(server: LabelStudio, task_id: int, **values: Any) -> Mapping[str, Any]:
    """Change a task, and set right what it does not count any more; return it as it is then.

    Raises:
        NotFoundError: the task is gone.

    """
    body = server.update_task(task_id, **values)
    for _ in range(1, ATTEMPTS):
        wrong = _to_change(body)
        if not wrong:
            break
        body = server.update_task(task_id, **wrong)
    return body


def repair_counters(server: LabelStudio, readings: Iterable[TaskReading]) -> int:
    """Set the counters of these tasks right where they do not fit their annotations; how many.

    Label Studio reads a task and its annotations one after the other, so what seems wrong is read
    again first.
    """
    repaired = 0
    for reading in readings:
        if not counters_to_change(reading.counters, reading.annotations):
            continue
        try:
            wrong = _to_change(server.task(reading.task_id))
            if wrong:
                write_task(server, reading.task_id, **wrong)
                repaired += 1
        except NotFoundError:
            continue  # gone meanwhile
    if repaired:
        log.info("set the counters of %s tasks right", repaired)
    return repaired


def repair_prediction_counts(server: LabelStudio, project_id: int) -> int:
    """Set right how many predictions the tasks of a project are said to have; of how many.

    Deleting any project leaves Label Studio (1.23.2) deaf to deletions until it is started anew: it
    takes its listeners away for that time, and Django remembers that there were none. Predictions
    that are deleted afterwards stay counted. An import of no predictions makes it count all tasks
    of the project again, annotations too: a submission meanwhile may be overwritten, as by a PATCH.
    """
    wrong = server.miscounted_predictions(project_id)
    if not wrong:
        return 0
    server.import_predictions(project_id, [])
    for task_id, count in server.miscounted_predictions(project_id).items():
        with suppress(NotFoundError):
            write_task(server, task_id, total_predictions=count)
    return len(wrong)


def is_full(body: Mapping[str, Any]) -> bool:
    """Return whether as many people have annotated a task as its overlap asks for."""
    people = {
        person(one.get("completed_by")) for one in _annotations(body) if not one["was_cancelled"]
    }
    return len(people) >= int(body.get("overlap") or 1)


def _to_change(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the counters that are behind, and is_labeled where that was lost with them."""
    wrong: dict[str, Any] = {**counters_to_change(read_counters(body), _annotations(body))}
    if wrong and is_full(body):
        wrong["is_labeled"] = True
    return wrong


def _annotations(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = [one for one in body.get("annotations") or () if isinstance(one, Mapping)]
    return [{**one, "was_cancelled": bool(one.get("was_cancelled"))} for one in found]
