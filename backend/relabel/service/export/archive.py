"""What stays of a detached project: its labels in every format, and the report."""

import itertools
import json
import logging
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from relabel.errors import ConfigurationError, LabelConfigError, NotReadyError
from relabel.files import read_bytes, read_json, reason, told, write_file
from relabel.labelstudio.reimport import lost_by_importing
from relabel.service.context import Context
from relabel.service.export.export import FORMATS, export_rows
from relabel.service.export.record import not_exported
from relabel.service.export.reimport import as_text, importable_tasks
from relabel.settings import Settings
from relabel.storage.database import reading
from relabel.storage.projects import Project, find_detached

log = logging.getLogger("relabel.archive")

NAMES = {"csv": "labels.csv", "json": "labels.json", "label-studio": "label-studio.json"}
"""Files by format of export."""
REPORT = "report.html"
RECORD = "detached.json"
"""What the archive says of itself."""

Writer = Callable[[Context, int, Path], None]


@dataclass(frozen=True, slots=True)
class Archive:
    """The files of one detached project.

    at: when it was detached, Unix seconds; tasks, corrected: as the export counts them; told: what
    no export held until then; missing: why a file is not there, by its name; lost: what importing
    the tasks does not keep.
    """

    folder: Path
    project: int
    title: str
    at: float
    tasks: int = 0
    corrected: int = 0
    told: str = ""
    missing: Mapping[str, str] = field(default_factory=dict)
    lost: tuple[str, ...] = ()

    @property
    def day(self) -> str:
        """When the project was detached, as people read it."""
        return datetime.fromtimestamp(self.at, UTC).strftime("%Y-%m-%d %H:%M UTC")

    def files(self) -> list[Path]:
        """Return the files for people, by name."""
        return sorted(path for path in self.folder.iterdir() if path.name != RECORD)

    def to_json(self) -> dict[str, Any]:
        """Return what `relabel status --json` prints."""
        files = [str(path) for path in self.files()]
        return asdict(self) | {"folder": str(self.folder), "day": self.day, "files": files}


def archives(settings: Settings) -> Path:
    """Return the folder of all archives."""
    return settings.data_dir / "detached"


def write_archive(context: Context, project: Project, also: Mapping[str, Writer]) -> Archive:
    """Write everything that detaching would lose; the folder is there whole or not at all.

    A project whose policy or labelling config cannot be read has no labels: then its tasks are
    written as Label Studio has them, and the archive says why the rest is missing.

    Args:
        context: settings, store and Label Studio.
        project: still connected.
        also: further files by name, and what writes each.

    Raises:
        ConfigurationError: something cannot be written.

    """
    now = datetime.fromtimestamp(context.now(), UTC)
    folder = _new_folder(context.settings, f"project-{project.id}-{now:%Y-%m-%d-%H%M%S}")
    unfinished = folder.with_name(f"{folder.name}.part")
    archive = Archive(folder, project.id, project.title, now.timestamp())
    try:
        unfinished.mkdir(parents=True)
        archive = _write(context, archive, unfinished, also)
        record = {key: value for key, value in asdict(archive).items() if key != "folder"}
        write_file(unfinished / RECORD, json.dumps(record, indent=1))
        unfinished.replace(folder)
    except OSError as error:
        raise ConfigurationError(f"{told(folder)}: {reason(error)}.") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return archive


def _new_folder(settings: Settings, name: str) -> Path:
    """Return a folder that is not there yet, also for the second one within a second."""
    names = itertools.chain([name], (f"{name}-{n}" for n in itertools.count(2)))
    return next(path for path in map(archives(settings).joinpath, names) if not path.exists())


def _write(context: Context, archive: Archive, folder: Path, also: Mapping[str, Writer]) -> Archive:
    number = archive.project
    try:
        state, rows = export_rows(context, number)
    except (ConfigurationError, LabelConfigError) as error:
        log.warning("project %s: its labels cannot be told: %s", number, error)
        tasks = importable_tasks(context, number)
        write_file(folder / NAMES["label-studio"], as_text(tasks))
        left = [name for form, name in NAMES.items() if form != "label-studio"]
        missing = dict.fromkeys([*left, *also], str(error))
        lost = lost_by_importing(tasks)
        return replace(archive, tasks=len(tasks), missing=missing, lost=lost)
    not_kept: list[str] = []
    for form, name in NAMES.items():
        written = FORMATS[form](context, state, rows)
        write_file(folder / name, written.text)
        not_kept += written.told
    missing = {}
    for name, write in also.items():
        try:
            write(context, number, folder / name)
        except ConfigurationError:
            raise
        except Exception as error:
            # A damaged round must not keep a project connected for ever.
            log.exception("project %s: %s cannot be written", number, name)
            missing[name] = f"{type(error).__name__}: {error}"
    corrected = [row.task_id for row in rows if row.changed]
    return replace(
        archive,
        tasks=len(rows),
        corrected=len(corrected),
        told=not_exported(context, number, corrected),
        missing=missing,
        lost=tuple(not_kept),
    )


def what_was_not_exported(context: Context, number: int) -> str:
    """Say what no export holds yet, or why that cannot be told.

    Raises:
        NotReadyError: the project is not connected.

    """
    try:
        _, rows = export_rows(context, number)
    except (ConfigurationError, LabelConfigError) as error:
        return f"Its labels cannot be told: {error}"
    return not_exported(context, number, [row.task_id for row in rows if row.changed])


def find_archive(engine: Engine, settings: Settings, number: int) -> Archive | None:
    """Return what was written when a project was detached.

    None: it is connected, or never was.

    Raises:
        NotReadyError: the files are gone.

    """
    with reading(engine) as connection:
        noted = find_detached(connection, number)
    if noted is None:
        return None
    folder = archives(settings) / noted.target
    if not (folder / RECORD).exists():
        raise NotReadyError(
            f"Project {number} was detached, and the files that were written then are gone: "
            f"{told(folder)}. Bring the folder back, or connect the project again: "
            f"relabel connect --project {number}"
        )
    return Archive(folder=folder, **read_json(folder / RECORD))


def take_out(archive: Archive, name: str, out: Path) -> None:
    """Copy one of the files to where it is wanted.

    Raises:
        ConfigurationError: it was not written when the project was detached, or cannot be now.

    """
    if name in archive.missing:
        raise ConfigurationError(
            f"Project {archive.project} was detached on {archive.day} without {name}: "
            f"{archive.missing[name]}"
        )
    write_file(out, read_bytes(archive.folder / name), "--out")
