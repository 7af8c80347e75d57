"""Exporting what the votes say: cleaned labels, soft labels and where each comes from."""

import csv
import io
import json
import math
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from relabel.errors import NotFoundError
from relabel.files import write_file
from relabel.labelstudio.reimport import lost_by_importing
from relabel.service.audit.turns import audited
from relabel.service.connected import open_connected
from relabel.service.context import Context
from relabel.service.export.record import log_export
from relabel.service.export.reimport import Found, as_text, labelled_tasks
from relabel.service.queue.counters import write_task
from relabel.service.queue.parts import parts_of
from relabel.service.votes.settled import EVERY, By, explained, settled_by
from relabel.service.votes.state import AnsweredState, QueueState
from relabel.service.votes.task_states import read_answered_state
from relabel.storage.answers import Saying
from relabel.storage.database import reading
from relabel.storage.locks import BREATH_SECONDS, queue_lock
from relabel.storage.projects import get_project, get_whole_project
from relabel.storage.tasks import list_images, list_splits
from relabel.storage.writes import WRITE_BACK, log_write
from relabel.types import State

CHUNK = 10
"""Tasks written back at a time: votes wait no longer for the queue's lock."""


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One task. label: the consensus, or the initial label where none was found yet.

    soft_label: share of votes of each class; votes: who said what; second_opinion: whether at least
    two people or sources agree on the label; initial_value: what the task came with, word for word,
    also where that is no class: of several different ones all, the oldest first; not_counted: who
    said what that is no vote, and why; settled_by: how it was settled, in words; certainty: of the
    label where the model's evidence counted, in (0, 1), None = people alone; split: value of the
    field that the policy's `split` names.
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
    initial_value: str
    not_counted: dict[str, str]
    settled_by: str
    certainty: float | None
    split: str = ""


def export_rows(
    context: Context, number: int, kept: Collection[By] = EVERY
) -> tuple[AnsweredState, list[ExportRow]]:
    """Return one row per task that was settled so, ids increasing."""
    with reading(context.engine) as connection:
        project = get_project(connection, number)
        state = read_answered_state(connection, open_connected(context.settings, project))
        images, splits = list_images(connection, number), list_splits(connection, number)
    columns = rows_of(state, images), settled_by(state)
    return state, [
        replace(row, split=splits[row.task_id])
        for row, by in zip(*columns, strict=True)
        if by in kept
    ]


def rows_of(state: AnsweredState, images: Mapping[int, str]) -> list[ExportRow]:
    """Return one row per task, ids increasing, with these images by task."""
    classes = state.schema.classes
    # Most tasks have the same said of them as many others: each kind is put into words once.
    told = [
        _Told(_votes(said, classes), _initial_value(said), _not_counted(said))
        for said in state.said.kinds
    ]
    columns = state.counts.task_ids.tolist(), state.said.rows.tolist()
    settled, certainty = explained(state), state.believed.certainty(len(state.new)).tolist()
    audit = {row for part in parts_of(state) for row in audited(part).tolist()}
    return [
        _row(
            state,
            row,
            images[task_id],
            told[kind],
            settled_by=settled[row],
            certainty=certainty[row],
            audit=row in audit,
        )
        for row, (task_id, kind) in enumerate(zip(*columns, strict=True))
    ]


@dataclass(frozen=True, slots=True)
class _Told:
    """What was said of a task, see `ExportRow`."""

    votes: dict[str, str]
    initial_value: str
    not_counted: dict[str, str]


def _row(
    state: AnsweredState,
    row: int,
    image: str,
    told: _Told,
    *,
    settled_by: str,
    certainty: float,
    audit: bool,
) -> ExportRow:
    classes = state.schema.classes
    counts = state.counts.votes[row].tolist()
    given, found = int(state.given[row]), int(state.consensus.labels[row])
    settled = bool(state.consensus.states[row] == State.SETTLED)
    total = sum(counts)
    return ExportRow(
        task_id=int(state.counts.task_ids[row]),
        image=image,
        initial_label=classes[given] if given >= 0 else "",
        label=classes[found] if found >= 0 else "",
        state=State(int(state.consensus.states[row])).name.lower(),
        changed=settled and given >= 0 and found != given,
        second_opinion=settled and counts[found] > 1,
        soft_label={c: round(n / total, 6) for c, n in zip(classes, counts, strict=True) if n},
        votes=told.votes,
        audit=audit,
        initial_value=told.initial_value,
        not_counted=told.not_counted,
        settled_by=settled_by,
        certainty=None if math.isnan(certainty) else round(certainty, 4),
    )


def _initial_value(said: Sequence[Saying]) -> str:
    return "; ".join(dict.fromkeys(one.choice for one in said if one.initial and one.choice))


def _votes(said: Sequence[Saying], classes: tuple[str, ...]) -> dict[str, str]:
    """Return who said what; an old label of somebody who voted since goes by another name."""
    since = {answer.source for answer in said if answer.counts and not answer.initial}
    return {
        f"{a.source} before" if a.initial and a.source in since else a.source: (
            "cannot tell" if a.label is None else classes[a.label]
        )
        for a in said
        if a.counts
    }


def _not_counted(said: Sequence[Saying]) -> dict[str, str]:
    """Return who said what that is no vote, and why."""
    reasons: dict[str, list[str]] = defaultdict(list)
    for answer in said:
        if not answer.counts:
            what = f": {answer.choice}" if answer.choice else ""
            reasons[answer.source].append(f"{answer.outcome}{what}")
    return {source: "; ".join(several) for source, several in reasons.items()}


def _values(row: ExportRow) -> dict[str, Any]:
    """Return the columns of a row by name; `asdict` would copy each of them deeply."""
    return {name: getattr(row, name) for name in ExportRow.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class Written:
    """What an export says. told: what whoever reads the file will miss, a sentence each."""

    text: str
    told: tuple[str, ...] = ()


def to_csv(_context: Context, _state: QueueState, rows: list[ExportRow]) -> Written:
    """One line per task; what has several parts as JSON."""
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(ExportRow.__dataclass_fields__))
    writer.writeheader()
    for row in rows:
        values = _values(row)
        for key in ("soft_label", "votes", "not_counted"):
            values[key] = json.dumps(values[key], sort_keys=True)
        writer.writerow(values)
    return Written(text.getvalue())


def to_json(_context: Context, state: QueueState, rows: list[ExportRow]) -> Written:
    """Classes and one object per task."""
    body = {"classes": state.schema.classes, "tasks": [_values(row) for row in rows]}
    return Written(json.dumps(body, indent=1))


def to_label_studio(context: Context, state: QueueState, rows: list[ExportRow]) -> Written:
    """Label Studio's own tasks, whole, with the labels that people's votes have found."""
    touched = set(state.counts.task_ids[state.touched()].tolist())
    found = {
        row.task_id: Found(row.label, settled=row.state == "settled")
        for row in rows
        if row.task_id in touched and row.label
    }
    tasks = list(labelled_tasks(context, state, found))
    if len(rows) < len(state.new):  # a part was chosen, of the tasks that are known
        chosen = {row.task_id for row in rows}
        tasks = [task for task in tasks if task["id"] in chosen]
    return Written(as_text(tasks), lost_by_importing(tasks))


FORMATS: dict[str, Callable[[Context, QueueState, list[ExportRow]], Written]] = {
    "csv": to_csv,
    "json": to_json,
    "label-studio": to_label_studio,
}


@dataclass(frozen=True, slots=True)
class Export:
    """What was written to a file. corrected: of the tasks; told: see `Written`."""

    tasks: int
    corrected: int
    told: tuple[str, ...]


def write_export(
    context: Context, number: int, form: str, out: Path, kept: Collection[By] = EVERY
) -> Export:
    """Write a project's labels to a file, and say what it holds.

    Args:
        context: settings, store and Label Studio.
        number: id of the project.
        form: a key of `FORMATS`.
        out: the file; an existing one is replaced.
        kept: tasks that were settled otherwise are left out.

    Raises:
        NotReadyError: the project is not connected.
        ConfigurationError: the file cannot be written.

    """
    state, rows = export_rows(context, number, kept)
    written = FORMATS[form](context, state, rows)
    write_file(out, written.text, "--out")
    corrected = sum(row.changed for row in rows)
    held = {"tasks": len(rows), "corrected": corrected}
    log_export(context, number, form, out, held, kept)
    return Export(len(rows), corrected, written.told)


def write_back(context: Context, number: int, kept: Collection[By] = EVERY) -> int:
    """Write label and soft label of every task that was settled so into its task.data.

    People's annotations are not touched. `relabel undo --run write-back` takes it back. Returned is
    how many tasks it was.
    """
    _, rows = export_rows(context, number, kept)
    settled = [row for row in rows if row.state == "settled"]
    written = 0
    for start in range(0, len(settled), CHUNK):
        with queue_lock(context.engine, context.settings.data_dir, number):
            with reading(context.engine) as connection:
                get_whole_project(connection, number)
            written += sum(_write_into(context, number, r) for r in settled[start : start + CHUNK])
        time.sleep(BREATH_SECONDS)
    return written


def _write_into(context: Context, number: int, row: ExportRow) -> bool:
    """Write one task's labels into its data; return whether it is still there."""
    new = {"relabel_label": row.label, "relabel_soft_label": row.soft_label}
    try:
        data = dict(context.label_studio.task(row.task_id).get("data", {}))
        before = {key: data[key] for key in new if key in data}
        # Noted first: killed in between, undoing finds nothing to restore; the other way round
        # it would take what is written now for somebody's own.
        with context.engine.begin() as connection:
            log_write(connection, number, WRITE_BACK, "data", row.task_id, before=before, after=new)
        write_task(context.label_studio, row.task_id, data=data | new)
    except NotFoundError:
        return False
    return True
