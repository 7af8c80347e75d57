"""The initial label of a task that is no annotation: a field of its data, or a prediction."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from relabel.labelstudio.images import MISSING, look_up
from relabel.labelstudio.labels import LabelSchema
from relabel.labelstudio.payloads import TaskReading
from relabel.labelstudio.results import read_result
from relabel.storage.annotations import Kind

NO_VERSION = "undefined"
"""What Label Studio calls the version of predictions that were imported without one."""
LONGEST = 80
"""Characters that are kept of a value which is no text."""


@dataclass(frozen=True, slots=True)
class Given:
    """An initial label. choice: as it stands there, be it a class or not, "" = none; why: none."""

    choice: str = ""
    why: str = ""


def given_label(reading: TaskReading, schema: LabelSchema, initial: str) -> Given:
    """Return the initial label of a task, and if there is none, why.

    Args:
        reading: the task.
        schema: the tags of its project.
        initial: "annotations" (there is no other label), "predictions:VERSION" or "data:FIELD".

    """
    source, _, name = initial.partition(":")
    if source == "data":
        return from_field(reading.data, name)
    if source == "predictions":
        return _from_predictions(reading.predictions or (), schema, name)
    return Given()


def from_field(data: Mapping[str, Any], name: str) -> Given:
    """Return what a field of a task's data says, and if it says nothing, why."""
    value = look_up(data, name)
    if value is MISSING:
        return Given(why=f'no field "{name}"')
    if value is None or value in ("", [], {}):
        return Given(why=f'field "{name}" is empty')
    if isinstance(value, str):
        return Given(value)
    # A number may be the name of a class; anything else is told as it stands there.
    return Given(json.dumps(value, ensure_ascii=False)[:LONGEST])


def _from_predictions(
    predictions: tuple[Mapping[str, Any], ...], schema: LabelSchema, version: str
) -> Given:
    """Return the label of the newest prediction of this version that holds one."""
    mine = [p for p in predictions if (p.get("model_version") or NO_VERSION) == version]
    if not mine:
        found = sorted({str(p.get("model_version") or NO_VERSION) for p in predictions})
        others = f" (but of {', '.join(found)})" if found else ""
        return Given(why=f'no prediction of version "{version}"{others}')
    said = [read_result(p.get("result"), schema) for p in sorted(mine, key=_age)]
    labels = [one.choice for one in said if one.kind is Kind.LABEL]
    if labels:
        return Given(labels[-1])
    return Given(why=f"its prediction holds {said[-1].why or 'no choice'}")


def _age(prediction: Mapping[str, Any]) -> tuple[str, int]:
    number = prediction.get("id")
    return str(prediction.get("created_at") or ""), number if isinstance(number, int) else 0
