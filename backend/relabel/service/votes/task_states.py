"""What the votes of each task say, kept in the store so that one vote costs what its task costs.

A row is counted from its task's annotations and the evidence on it alone, by the same `count_state`
as everything else, and never added to. Whoever changes what it stands on marks it stale in the same
transaction. It counts on the basis on which it was counted: classes, rules and the handling of
skips. A row that is stale or of another basis is as good as missing: whoever reads counts that task
in memory.
"""

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, Engine

from relabel.service.connected import Connected
from relabel.service.votes.eligibility import Presence, serving_of
from relabel.service.votes.evidence import take_down, weigh_in
from relabel.service.votes.state import (
    AnsweredState,
    Believed,
    Part,
    ProjectState,
    QueueState,
    count_state,
)
from relabel.storage.annotations import list_annotations
from relabel.storage.answers import read_sayings
from relabel.storage.database import CHUNK, reading
from relabel.storage.task_states import (
    COUNTED,
    DECIDING,
    list_counted,
    list_turns,
    revisions,
    save_counted,
)
from relabel.storage.tasks import Places, list_places, list_tasks, list_unusable
from relabel.types import Consensus, LabelCounts

log = logging.getLogger("relabel.counting")

BATCH = 2000
"""Tasks counted per transaction: webhooks wait no longer than one of these takes."""
RULES = ("cannot_tell", "classes", "initial", "overwritten", "max_votes", "tie_rule", "solo")
"""Policy keys by which votes are counted."""
FIELDS = ("initial", "new", "abstains", "silent", "voters", "given")
"""Columns that are fields of `QueueState` by the same name."""
NUMBERS = (*FIELDS, "task_id", "state", "label", "occupied")
"""Columns of whole numbers."""
COUNT = np.dtype("<i4")
"""How votes per class stand in the store."""


def basis_of(connected: Connected) -> str:
    """Return letters that are others as soon as the same annotations may say something else."""
    policy = connected.policy.model_dump(mode="json")
    known = [
        # What an earlier version counted lacks what this one keeps.
        COUNTED,
        connected.schema.classes,
        [policy[key] for key in RULES],
        connected.project.skip_queue,
    ]
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()[:8]


def read_queue_state(connection: Connection, connected: Connected) -> QueueState:
    """Read what a project's votes say: of counted tasks from their rows, else by counting."""
    kept = list_turns(connection, connected.project.id)
    decided = _decided(connected, *_read(connection, connected, DECIDING))
    return QueueState(**decided, kept_turns=kept)


def read_answered_state(connection: Connection, connected: Connected) -> AnsweredState:
    """Read what a project's votes say, as `read_queue_state`, and what was said of each task."""
    places, columns = _read(connection, connected, COUNTED)
    asked_at = np.array(columns["asked_at"], dtype=np.float64)
    return AnsweredState(
        **_decided(connected, places, columns),
        kept_turns=list_turns(connection, connected.project.id),
        said=read_sayings(columns["said"]),
        asked_at=np.where(np.isnan(asked_at), np.inf, asked_at),
        overwritten=np.array(columns["overwritten"], dtype=np.int64),
        unusable=list_unusable(connection, connected.project.id),
    )


def read_state(connection: Connection, connected: Connected) -> ProjectState:
    """Read a project's tasks and annotations, and count."""
    number = connected.project.id
    tasks, found = list_tasks(connection, number), list_annotations(connection, number)
    state = weigh_in(connection, count_state(connected, tasks, found))
    return replace(state, kept_turns=list_turns(connection, number))


def _read(
    connection: Connection, connected: Connected, names: Sequence[str]
) -> tuple[Places, dict[str, Sequence[Any]]]:
    """Return how all tasks stand, and these columns of each; stale tasks are counted in memory."""
    number, policy = connected.project.id, connected.policy
    places = list_places(connection, number, policy.evaluation if policy.split else ())
    known = set(places.task_ids.tolist())
    rows = [
        r for r in list_counted(connection, number, basis_of(connected), names) if r[0] in known
    ]
    missing = sorted(known.difference(row[0] for row in rows))
    if missing:
        tasks = list_tasks(connection, number, missing)
        some = missing if len(missing) <= CHUNK else None
        found = list_annotations(connection, number, some)
        rows += _rows(weigh_in(connection, count_state(connected, tasks, found)), names)
        rows.sort(key=lambda row: int(row[0]))
    if len(rows) < len(known):
        # On PostgreSQL a task may be deleted between two statements.
        return _read(connection, connected, names)
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    return places, dict(zip(names, columns, strict=True))


def count_tasks(
    connection: Connection, connected: Connected, task_ids: Sequence[int], folder: Path
) -> None:
    """Count what the votes of these tasks say, and keep it unless they change meanwhile.

    What the model says of a task is taken down with its vote; folder: of the project's rounds.
    """
    number = connected.project.id
    was = revisions(connection, number, task_ids)
    tasks = list_tasks(connection, number, task_ids)
    state = count_state(connected, tasks, list_annotations(connection, number, list(tasks)))
    take_down(connection, state, folder)
    counted = (
        dict(zip(COUNTED, row, strict=True)) | {"revision": was.get(row[0], 0)}
        for row in _rows(weigh_in(connection, state))
    )
    save_counted(connection, number, basis_of(connected), counted)


def count_missing(engine: Engine, connected: Connected, folder: Path) -> int:
    """Count all tasks of which no row is valid; return how many; see `count_tasks`.

    For a store of an earlier version, another policy, other classes, and whatever a killed process
    left stale.
    """
    number = connected.project.id
    with reading(engine) as connection:
        missing = uncounted_tasks(connection, connected)
    for start in range(0, len(missing), BATCH):
        if len(missing) > BATCH:
            log.info("project %s: counted %s of %s tasks", number, start, len(missing))
        with engine.begin() as connection:
            count_tasks(connection, connected, missing[start : start + BATCH], folder)
    return len(missing)


def uncounted_tasks(connection: Connection, connected: Connected) -> list[int]:
    """Return the tasks of which no row is valid, ids increasing."""
    number = connected.project.id
    rows = list_counted(connection, number, basis_of(connected), ["task_id"])
    counted = {row[0] for row in rows}
    known = list_places(connection, number).task_ids.tolist()
    return [task_id for task_id in known if task_id not in counted]


def differing_tasks(connection: Connection, connected: Connected) -> dict[int, list[str]]:
    """Count everything anew; return the tasks whose row says otherwise, with the columns."""
    number = connected.project.id
    tasks = list_tasks(connection, number)
    kept = {r[0]: tuple(r) for r in list_counted(connection, number, basis_of(connected))}
    counted = count_state(connected, tasks, list_annotations(connection, number))
    everything = weigh_in(connection, counted)
    found = {
        row[0]: [name for name, a, b in zip(COUNTED, kept[row[0]], row, strict=True) if a != b]
        for row in _rows(everything)
        if row[0] in kept
    }
    return {task_id: columns for task_id, columns in found.items() if columns}


def _rows(state: AnsweredState, names: Sequence[str] = COUNTED) -> Iterator[tuple[Any, ...]]:
    """Yield these columns of each task."""
    columns: dict[str, Sequence[Any]] = {
        "task_id": state.counts.task_ids.tolist(),
        "state": state.consensus.states.tolist(),
        "label": state.consensus.labels.tolist(),
        "given": state.given.tolist(),
        "counts": [votes.tobytes() for votes in state.counts.votes.astype(COUNT)],
        "initial": state.initial.tolist(),
        "new": state.new.tolist(),
        "abstains": state.abstains.tolist(),
        "silent": state.silent.tolist(),
        "voters": state.voters.tolist(),
        "voted_at": state.voted_at.tolist(),
        "occupied": state.presence.occupied.tolist(),
        "skipped": state.presence.skipped.tolist(),
        "held": state.presence.held.tolist(),
        "people": [json.dumps(some) if some else "" for some in state.presence.people],
        "answered": [json.dumps(some) if some else "" for some in state.presence.answered],
        "believed": _texts(state.believed, len(state.counts.task_ids)),
        "said": state.said.texts(),
        "asked_at": [None if at == np.inf else at for at in state.asked_at.tolist()],
        "overwritten": state.overwritten.tolist(),
        "new_counts": [
            votes.tobytes() if votes.any() else b"" for votes in state.new_counts.astype(COUNT)
        ],
    }
    return zip(*(columns[name] for name in names), strict=True)


def _texts(believed: Believed, tasks: int) -> list[bytes]:
    """Return what is believed of each task as the store keeps it, empty = people decide alone."""
    texts = [b""] * tasks
    for row, q in zip(believed.rows.tolist(), believed.q, strict=True):
        texts[row] = q.tobytes()
    return texts


def _read_believed(texts: Sequence[bytes], classes: int) -> Believed:
    rows = np.array([row for row, text in enumerate(texts) if text], dtype=np.int64)
    return Believed(rows, np.frombuffer(b"".join(texts)).reshape(-1, classes))


def _decided(
    connected: Connected, places: Places, columns: Mapping[str, Sequence[Any]]
) -> dict[str, Any]:
    """Return the fields of `QueueState`.

    Args:
        connected: the project.
        places: how its tasks stand.
        columns: those of `DECIDING`, a value for each task in its order.

    """
    numbers = {name: np.array(columns[name], dtype=np.int64) for name in NUMBERS}
    shape = (len(places.task_ids), len(connected.schema.classes))
    votes = np.frombuffer(b"".join(columns["counts"]), COUNT).reshape(shape)
    none = bytes(shape[1] * COUNT.itemsize)
    new = np.frombuffer(b"".join(some or none for some in columns["new_counts"]), COUNT)
    texts = {*columns["people"], *columns["answered"]}  # many tasks have the same people
    names = {text: tuple(json.loads(text)) if text else () for text in texts}
    presence = Presence(
        occupied=numbers["occupied"],
        skipped=np.array(columns["skipped"], dtype=np.bool_),
        held=np.array(columns["held"], dtype=np.bool_),
        people=[names[text] for text in columns["people"]],
        answered=[names[text] for text in columns["answered"]],
    )
    return {
        "connected": connected,
        "part": Part.ALL,
        "places": places,
        "counts": LabelCounts(numbers["task_id"], votes.astype(np.int64)),
        "new_counts": new.reshape(shape).astype(np.int64),
        "voted_at": np.array(columns["voted_at"], dtype=np.float64),
        "presence": presence,
        "serving": serving_of(presence, connected.project.skip_queue),
        "consensus": Consensus(numbers["label"], numbers["state"]),
        "believed": _read_believed(columns["believed"], shape[1]),
        **{name: numbers[name] for name in FIELDS},
    }
