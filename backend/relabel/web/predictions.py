"""Answers to /predict: the scores of the last round as they stand in the store."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine

from relabel.service.queue.scores import LAST
from relabel.storage.database import reading
from relabel.storage.rounds import published_round
from relabel.storage.tasks import list_tasks

UNTRAINED = "relabel-0"
"""Model version before the first round."""


def stored_predictions(
    engine: Engine, number: int | None, task_ids: Sequence[int]
) -> list[dict[str, Any]]:
    """Return one prediction without a suggestion per task, in the order asked for.

    Tasks that no round has judged yet get the last place; so does everything without a project.
    """
    version = UNTRAINED
    known = {}
    if number is not None:
        with reading(engine) as connection:
            last = published_round(connection, number)
            version = last.model_version if last else UNTRAINED
            known = list_tasks(connection, number, task_ids)
    scores = [known[i].score if i in known else None for i in task_ids]
    return [
        {"result": [], "score": LAST if score is None else score, "model_version": version}
        for score in scores
    ]
