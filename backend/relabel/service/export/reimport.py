"""A project's tasks as Label Studio has them, in a form that it imports, with better labels."""

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from relabel.labelstudio.reimport import Label, hidden_tags, importable, with_label
from relabel.service.context import Context
from relabel.service.traces import VERSION_PREFIX
from relabel.service.votes.state import QueueState


@dataclass(frozen=True, slots=True)
class Found:
    """What the votes on one task say. label: a class; settled: whether they agree on it."""

    label: str
    settled: bool


def labelled_tasks(
    context: Context, state: QueueState, found: Mapping[int, Found]
) -> Iterator[dict[str, Any]]:
    """Yield every task of a project, ids increasing, with its label put in where one was found.

    Args:
        context: Label Studio is asked for the tasks as they are now.
        state: the project.
        found: what was found, by task; all other tasks stay as they are.

    """
    wanted = {name: _wanted(state, name) for name in state.schema.classes}
    tasks = importable_tasks(context, state.project.id)
    known = (annotation["id"] for task in tasks for annotation in task["annotations"])
    new_ids = itertools.count(1 + max(known, default=0))
    for task in tasks:
        one = found.get(task["id"])
        if one is None:
            yield task
        else:
            label, new_id = wanted[one.label], next(new_ids)
            yield with_label(task, state.schema, label, settled=one.settled, new_id=new_id)


def _wanted(state: QueueState, name: str) -> Label:
    schema = state.schema
    renamed = {value for value, meant in state.policy.classes.items() if meant == name}
    # Where several choices end alike, a class is called by its whole path, and the form is not.
    choice = next(path[-1] for path, called in schema.names.items() if called == name)
    hidden = hidden_tags(state.project.label_config, schema.from_name, choice)
    return Label(name, frozenset({name, *renamed}), hidden)


def importable_tasks(context: Context, number: int) -> list[dict[str, Any]]:
    """Return a project's tasks as Label Studio has them now, ids increasing, ready to import."""
    server = context.label_studio
    emails = server.emails()
    foreign = [v for v in server.model_versions(number) if not v.startswith(VERSION_PREFIX)]
    # Reading them takes longer than the whole export, which holds nothing but their ids.
    predictions = server.predictions_by_task(number) if foreign else {}
    return [
        importable(task, predictions.get(task["id"], []), emails, own_versions=VERSION_PREFIX)
        for task in sorted(server.export(number), key=lambda task: int(task["id"]))
    ]


def as_text(tasks: Iterable[Mapping[str, Any]]) -> str:
    """Return tasks as a JSON list with one of them in each line."""
    return "[\n" + ",\n".join(json.dumps(task) for task in tasks) + "\n]\n"
