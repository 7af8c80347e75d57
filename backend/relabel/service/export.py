"""Exporting what the votes say: cleaned labels, soft labels and where each comes from."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from relabel.service.context import Context, policy_of
from relabel.service.state import ProjectState, read_state
from relabel.service.undo import WRITE_BACK
from relabel.storage.database import reading
from relabel.storage.locks import queue_lock
from relabel.storage.projects import get_project
from relabel.storage.writes import log_write
from relabel.types import State


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One task. label: the consensus, or the initial label where none was found yet.

    soft_label: share of votes of each class; votes: who said what; second_opinion: whether at least
    two people or sources agree on the label.
    """

    task_id: int
    image: str
    initial_label: str
    label: str
    state: str
    changed: bool
    second_opinion: bool
    soft_label: dict[str, float]
    votes: dict[str, str]
    audit: bool


def export_rows(context: Context, number: int) -> tuple[ProjectState, list[ExportRow]]:
    """Return one row per task, ids increasing."""
    with reading(context.engine) as connection:
        project = get_project(connection, number)
        state = read_state(connection, project, policy_of(context.settings, project.extra_params))
    voters: dict[int, dict[str, str]] = defaultdict(dict)
    for vote in state.votes:
        said = "cannot tell" if vote.label is None else state.schema.classes[vote.label]
        voters[vote.task_id][vote.source] = said
    return state, [_row(state, row, voters[task_id]) for row, task_id in enumerate(state.tasks)]


def _row(state: ProjectState, row: int, voters: dict[str, str]) -> ExportRow:
    classes = state.schema.classes
    counts = state.counts.votes[row]
    task = state.tasks[int(state.counts.task_ids[row])]
    given, found = int(state.given[row]), int(state.consensus.labels[row])
    settled = state.consensus.states[row] == State.SETTLED
    total = int(counts.sum())
    return ExportRow(
        task_id=task.task_id,
        image=task.image,
        initial_label=classes[given] if given >= 0 else "",
        label=classes[found] if found >= 0 else "",
        state=State(int(state.consensus.states[row])).name.lower(),
        changed=bool(settled and given >= 0 and found != given),
        second_opinion=bool(settled and counts[found] > 1),
        soft_label={c: round(int(n) / total, 6) for c, n in zip(classes, counts, strict=True) if n},
        votes=voters,
        audit=task.audit,
    )


def to_csv(_state: ProjectState, rows: list[ExportRow]) -> str:
    """One line per task; soft label and votes as JSON."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(ExportRow.__dataclass_fields__))
    writer.writeheader()
    for row in rows:
        values = asdict(row)
        for key in ("soft_label", "votes"):
            values[key] = json.dumps(values[key], sort_keys=True)
        writer.writerow(values)
    return text.getvalue()


def to_json(state: ProjectState, rows: list[ExportRow]) -> str:
    """Classes and one object per task."""
    body = {"classes": state.schema.classes, "tasks": [asdict(row) for row in rows]}
    return json.dumps(body, indent=1)


def to_label_studio(state: ProjectState, rows: list[ExportRow]) -> str:
    """Tasks that Label Studio imports, each with its cleaned label as an annotation."""
    schema = state.schema
    tasks: list[dict[str, Any]] = []
    for row in rows:
        choice = {
            "from_name": schema.from_name,
            "to_name": schema.to_name,
            "type": "choices",
            "value": {"choices": [row.label]},
        }
        annotation = {"result": [choice], "ground_truth": row.state == "settled"}
        data = {schema.image_key: row.image, "relabel_soft_label": row.soft_label}
        tasks.append({"data": data, "annotations": [annotation] if row.label else []})
    return json.dumps(tasks, indent=1)


FORMATS: dict[str, Callable[[ProjectState, list[ExportRow]], str]] = {
    "csv": to_csv,
    "json": to_json,
    "label-studio": to_label_studio,
}


def write_back(context: Context, number: int) -> int:
    """Write label and soft label of every settled task into its task.data; return how many.

    People's annotations are not touched. `relabel undo --run write-back` takes it back.
    """
    _, rows = export_rows(context, number)
    settled = [row for row in rows if row.state == "settled"]
    with queue_lock(context.engine, context.settings.data_dir, number):
        for row in settled:
            data = dict(context.label_studio.task(row.task_id).get("data", {}))
            new = {"relabel_label": row.label, "relabel_soft_label": row.soft_label}
            before = {key: data[key] for key in new if key in data}
            context.label_studio.update_task(row.task_id, data=data | new)
            with context.engine.begin() as connection:
                log_write(
                    connection, number, WRITE_BACK, "data", row.task_id, before=before, after=new
                )
    return len(settled)
