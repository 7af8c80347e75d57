"""Connected projects: what was found, what was set up, and what must be restored on detach."""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from relabel.errors import ConfigurationError, NotReadyError
from relabel.policy import parse_extra_params
from relabel.storage.database import upsert
from relabel.storage.tables import (
    annotations,
    audit_turns,
    events,
    evidence,
    projects,
    rates,
    rounds,
    task_states,
    tasks,
    writes,
)
from relabel.storage.writes import Write, list_writes, log_write

DETACH = "detach"
"""Run of the one line that the log keeps of a detached project: its target is where the files are
that were written then."""


@dataclass(frozen=True, slots=True)
class Project:
    """One connected project. Times are Label Studio's, ISO strings in UTC.

    webhook_digest: of the secret that its webhook sends, see `token_digest`; "" = sends none;
    skip_queue: what becomes of skipped tasks, "" = not read yet; swept_at and read_at: when it was
    last compared with Label Studio, and last read whole, Unix seconds of the store's own clock, 0 =
    not yet; audit_until: so many turns of the audit are to come at least, by part, whatever the
    votes give.
    """

    id: int
    created_at: str
    title: str
    label_config: str
    extra_params: str
    connected_at: str
    before: dict[str, Any]
    backend_id: int | None = None
    webhook_id: int | None = None
    view_id: int | None = None
    high_water: str = ""
    train_requested: bool = False
    paused: bool = False
    note: str = ""
    webhook_digest: str = ""
    skip_queue: str = ""
    swept_at: float = 0.0
    read_at: float = 0.0
    audit_until: dict[str, int] = field(default_factory=dict)

    @property
    def cut_off(self) -> bool:
        """Whether connecting it ended half-way: it is left alone until that is repeated."""
        return self.backend_id is None


CONNECTING = ("created_at", "title", "label_config", "extra_params", "skip_queue")
"""What connecting takes over of a project that is known already."""
MEANING = ("preset", "choices", "classes", "cannot_tell", "initial")
"""Policy keys that decide what an annotation says; all others leave what was read as it was."""
_COLUMNS = tuple(column.name for column in projects.columns)


def reads_otherwise(now: Project, before: Project) -> bool:
    """Return whether what annotations mean may be another than before."""
    return _meaning(now) != _meaning(before)


def _meaning(project: Project) -> tuple[object, ...]:
    try:
        params = parse_extra_params(project.extra_params)
    except ConfigurationError:
        return (project.label_config, project.extra_params)
    return (project.label_config, *(params.get(key) for key in MEANING))


def save_project(connection: Connection, project: Project) -> None:
    """Insert the project, or update `CONNECTING` of one that is known.

    All else of it belongs to others, who may have changed it since somebody looked.
    """
    row = {name: getattr(project, name) for name in _COLUMNS}
    upsert(connection, projects, [row], update=CONNECTING)


def find_project(connection: Connection, project_id: int) -> Project | None:
    """Return the project, or None if it is not connected."""
    row = connection.execute(select(projects).where(projects.c.id == project_id)).first()
    return None if row is None else _project(row)


def get_project(connection: Connection, project_id: int) -> Project:
    """Return the project.

    Raises:
        NotReadyError: it is not connected.

    """
    project = find_project(connection, project_id)
    if project is not None:
        return project
    detached = find_detached(connection, project_id)
    if detached is not None:
        day = datetime.fromtimestamp(detached.at, UTC).date().isoformat()
        raise NotReadyError(
            f"Project {project_id} was detached on {day}; relabel status --project {project_id} "
            f"says where its files are. To connect it again, run: "
            f"relabel connect --project {project_id}"
        )
    raise NotReadyError(
        f"Project {project_id} is not connected. Run: relabel connect --project {project_id}"
    )


def get_whole_project(connection: Connection, project_id: int) -> Project:
    """Return a project that is neither being connected nor being detached.

    Raises:
        NotReadyError: it is not connected, or half of it only.

    """
    project = get_project(connection, project_id)
    if project.cut_off:
        raise NotReadyError(
            f"Project {project_id} is being connected or detached, or that was cut off. Unless "
            f"somebody is at it, finish with relabel connect --project {project_id}, or take it "
            f"back with relabel detach --project {project_id}"
        )
    return project


def find_detached(connection: Connection, project_id: int) -> Write | None:
    """Return when a project was detached and where its files are.

    None: it never was, or it was connected again since.
    """
    if find_project(connection, project_id) is not None:
        return None
    noted = list_writes(connection, project_id, DETACH)
    return noted[-1] if noted else None


def note_detached(connection: Connection, project_id: int, folder: str) -> None:
    """Forget a project but for the day and where its files are."""
    forget_project(connection, project_id)
    log_write(connection, project_id, DETACH, "files", folder)


def list_projects(connection: Connection) -> list[Project]:
    """Return all connected projects by id."""
    return [_project(row) for row in connection.execute(select(projects).order_by(projects.c.id))]


def project_of_token(connection: Connection, token: str) -> int | None:
    """Return the project whose webhook sends this secret, None if there is no such project."""
    wanted = token_digest(token)
    rows = connection.execute(select(projects.c.id, projects.c.webhook_digest))
    # All are compared, in constant time.
    right = [row.id for row in rows if hmac.compare_digest(row.webhook_digest, wanted)]
    return int(right[0]) if right else None


def token_digest(token: str) -> str:
    """Return the SHA-256 by which a webhook's secret is known again; it is stored nowhere."""
    return hashlib.sha256(token.encode()).hexdigest()


def set_project(connection: Connection, project_id: int, **values: Any) -> None:
    """Change some columns of one project."""
    connection.execute(update(projects).where(projects.c.id == project_id).values(**values))


def forget_project(connection: Connection, project_id: int) -> None:
    """Remove the project and all that is stored about it but where files of earlier times are."""
    for table in (annotations, tasks, task_states, evidence, audit_turns, rates, events, rounds):
        connection.execute(delete(table).where(table.c.project_id == project_id))
    logged = (writes.c.project_id == project_id) & (writes.c.run != DETACH)
    connection.execute(delete(writes).where(logged))
    connection.execute(delete(projects).where(projects.c.id == project_id))


def _project(row: Row[Any]) -> Project:
    return Project(**row._mapping)  # noqa: SLF001  the public name of a row's mapping
