"""Rounds: at most one runs per project; a dead one is recognised and may be replaced.

Whoever changes a round says which state it believes it to be in, and is refused if it is another
one: a process that was given up for dead, and wakes, must not go on.
"""

import os
import socket
import time
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from relabel.errors import RoundInProgressError, RoundLostError
from relabel.storage.tables import projects, rounds

KEPT_ROUNDS = 20
"""Of the last rounds every one is kept: how they ended decides when the next one starts."""
PART = "part"
"""Key of a round's record: the part of the project that it judged, "" = all of it."""
STALE_SECONDS = 120.0
"""A running round without a heartbeat for this long is taken for dead."""


class RoundState(StrEnum):
    """How far a round came."""

    RUNNING = "running"
    PUBLISHED = "published"
    FAILED = "failed"
    NOT_READY = "not ready"
    KILLED = "killed"
    CANCELLED = "cancelled"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Round:
    """One round. Own times are Unix seconds; `votes` = votes that it was trained on.

    peak_memory: most bytes that its process ever held; machine_memory: bytes that its machine, or
    its container, has; both 0 = not known.
    """

    id: int
    project_id: int
    number: int
    state: RoundState
    model_version: str
    policy: dict[str, Any]
    votes: int
    started_at: float
    heartbeat_at: float
    finished_at: float | None
    host: str
    pid: int
    stage: str
    stage_started_at: float
    done: int
    total: int
    artifact: str
    record: dict[str, Any]
    error: str
    peak_memory: int
    machine_memory: int

    @property
    def run(self) -> str:
        """Its name in the log of what was written, and for undoing it."""
        return f"round-{self.number}"

    def works(self) -> bool:
        """Return whether some process works on it."""
        return self.state is RoundState.RUNNING and self.alive()

    def alive(self) -> bool:
        """Return whether a running round's process still seems to work.

        A process id on this machine tells at once that the process is gone, but not that it is
        there: a restarted container gives the same ids to other processes.
        """
        if time.time() - self.heartbeat_at >= STALE_SECONDS:
            return False
        return self.host != socket.gethostname() or _process_exists(self.pid)

    def seconds_left(self) -> float | None:
        """Time left in the current stage by its pace so far; None if it cannot be told."""
        elapsed = self.heartbeat_at - self.stage_started_at
        if not 0 < self.done <= self.total or elapsed <= 0:
            return None
        return float(elapsed * (self.total - self.done) / self.done)


def start_round(
    connection: Connection, project_id: int, policy: dict[str, Any], digest: str
) -> Round:
    """Claim the project's next round for this process.

    Raises:
        RoundInProgressError: another process works on one.

    """
    # SQLite lets one writer in at a time anyway; PostgreSQL would let two claim the same round.
    connection.execute(select(projects.c.id).where(projects.c.id == project_id).with_for_update())
    past = list_rounds(connection, project_id)
    for running in (r for r in past if r.state is RoundState.RUNNING):
        if running.alive():
            raise RoundInProgressError(
                f"Round {running.number} of project {project_id} is already running "
                f"(process {running.pid} on {running.host}, stage {running.stage!r})."
            )
        finish_round(connection, running.id, RoundState.KILLED, error="its process disappeared")
    number = 1 + max((r.number for r in past), default=0)
    now = time.time()
    values: dict[str, Any] = {
        "project_id": project_id,
        "number": number,
        "state": str(RoundState.RUNNING),
        "model_version": f"relabel-{number}-{digest}",
        "policy": policy,
        "votes": 0,
        "started_at": now,
        "heartbeat_at": now,
        "finished_at": None,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "stage": "starting",
        "stage_started_at": now,
        "done": 0,
        "total": 0,
        "artifact": "",
        "record": {},
        "error": "",
        "peak_memory": 0,
        "machine_memory": 0,
    }
    key = connection.execute(insert(rounds).values(**values).returning(rounds.c.id)).scalar_one()
    return Round(id=int(key), **{**values, "state": RoundState.RUNNING})


def set_round(connection: Connection, round_id: int, **values: Any) -> None:
    """Change some columns of a running round; every change is a heartbeat.

    Raises:
        RoundLostError: it does not run any more.

    """
    _change(connection, round_id, RoundState.RUNNING, heartbeat_at=time.time(), **values)


def finish_round(
    connection: Connection, round_id: int, state: RoundState, *, error: str = "", **values: Any
) -> None:
    """Close a running round.

    Raises:
        RoundLostError: it does not run any more.

    """
    set_round(
        connection,
        round_id,
        state=str(state),
        error=error,
        finished_at=time.time(),
        **values,
    )


def mark_undone(connection: Connection, round_id: int) -> None:
    """Take a published round out of force.

    Raises:
        RoundLostError: it is not published (any more).

    """
    _change(connection, round_id, RoundState.PUBLISHED, state=str(RoundState.UNDONE))


def _change(connection: Connection, round_id: int, was: RoundState, **values: Any) -> None:
    """Change a round that is in the state `was`, in one statement."""
    claimed = (rounds.c.id == round_id) & (rounds.c.state == str(was))
    if connection.execute(update(rounds).where(claimed).values(**values)).rowcount:
        return
    found = find_round(connection, round_id)
    if found is None:
        raise RoundLostError("The round was forgotten together with its project.")
    raise lost_round(found, was)


def lost_round(found: Round, was: RoundState) -> RoundLostError:
    """Return the error of whoever believed that a round was in another state."""
    return RoundLostError(
        f"Round {found.number} of project {found.project_id} is {found.state} and not {was} any "
        f"more: it was given up, or another one has taken its place. Nothing more is written."
    )


def find_round(connection: Connection, round_id: int) -> Round | None:
    """Return one round, None if it was forgotten."""
    row = connection.execute(select(rounds).where(rounds.c.id == round_id)).first()
    return None if row is None else _round(row)


def list_rounds(connection: Connection, project_id: int) -> list[Round]:
    """Return all rounds of a project, oldest first."""
    query = select(rounds).where(rounds.c.project_id == project_id)
    return [_round(row) for row in connection.execute(query.order_by(rounds.c.number))]


def _round(row: Row[Any]) -> Round:
    values = row._mapping  # noqa: SLF001  the public name of a row's mapping
    return Round(**{**values, "state": RoundState(values["state"])})


def published_round(connection: Connection, project_id: int) -> Round | None:
    """Return the round whose scores order the queue now, if any."""
    found = _in_state(connection, project_id, RoundState.PUBLISHED, most=1)
    return found[0] if found else None


def rounds_in_force(connection: Connection, project_id: int) -> list[Round]:
    """Return the newest published round, and that of the other part where it judged one alone."""
    found = _in_state(connection, project_id, RoundState.PUBLISHED)
    last = {str(one.record.get(PART, "")): one for one in reversed(found)}
    if not found or not found[0].record.get(PART):
        return found[:1]
    others = [one for part, one in last.items() if part and one is not found[0]]
    return [found[0], *(one for one in others if one.record[PART] != found[0].record[PART])]


def running_round(connection: Connection, project_id: int) -> Round | None:
    """Return the round that some process works on, if any."""
    running = _in_state(connection, project_id, RoundState.RUNNING)
    return next((r for r in running if r.alive()), None)


def _in_state(
    connection: Connection, project_id: int, state: RoundState, most: int | None = None
) -> list[Round]:
    """Return the rounds in one state, newest first, without reading all others."""
    query = select(rounds).where(rounds.c.project_id == project_id, rounds.c.state == str(state))
    found = connection.execute(query.order_by(rounds.c.number.desc()).limit(most))
    return [_round(row) for row in found]


def prune_rounds(
    connection: Connection, project_id: int, *, before: float, present: Collection[str]
) -> list[Round]:
    """Forget rounds that came to nothing or were undone, and return them.

    Args:
        connection: the store.
        project_id: the project.
        before: only rounds that ended before it, Unix seconds.
        present: model versions that Label Studio still has predictions of: these rounds stay,
            as do the last `KEPT_ROUNDS`, whose numbers nobody may be given again.

    """
    found = list_rounds(connection, project_id)
    in_force = (RoundState.PUBLISHED, RoundState.RUNNING)
    gone = [
        r
        for r in found[:-KEPT_ROUNDS]
        if r.state not in in_force and (r.finished_at or r.started_at) < before
        if r.model_version not in present
    ]
    for start in range(0, len(gone), 500):
        ids = [r.id for r in gone[start : start + 500]]
        connection.execute(delete(rounds).where(rounds.c.id.in_(ids)))
    return gone


def _process_exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
