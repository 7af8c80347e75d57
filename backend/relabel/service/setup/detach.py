"""Taking every trace away again: the project as it was, people's annotations aside."""

import logging
import shutil
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import Any

from relabel.errors import ConfigurationError, LabelConfigError, NotFoundError, NotReadyError
from relabel.files import told
from relabel.labelstudio.client import LabelStudio
from relabel.labelstudio.contract import RESTORED, required_settings, with_notice
from relabel.labelstudio.payloads import counters_to_change, read_counters
from relabel.service.connected import open_connected
from relabel.service.context import Context
from relabel.service.export.archive import Archive, Writer, write_archive
from relabel.service.queue.cleanup import remove_version_at_last
from relabel.service.queue.counters import repair_prediction_counts, write_task
from relabel.service.setup.overlaps import states_before
from relabel.service.sync.mirror import reconcile_recent
from relabel.service.traces import as_connected, find_traces, own_versions, remove
from relabel.storage.annotations import Annotation, Kind, list_annotations
from relabel.storage.database import reading
from relabel.storage.locks import BREATH_SECONDS, queue_lock
from relabel.storage.projects import Project, get_project, note_detached, set_project
from relabel.storage.tasks import Task, list_tasks
from relabel.types import Progress, silent

log = logging.getLogger("relabel.detach")

CHUNK = 10
"""Tasks given back at a time: whoever wants the queue's lock waits no longer."""
PASSES = 5
"""Times that all tasks are looked through; the last of them should find nothing to restore."""
NOTHING: Mapping[str, Writer] = MappingProxyType({})


def detach(
    context: Context,
    number: int,
    *,
    also: Mapping[str, Writer] = NOTHING,
    progress: Progress = silent,
) -> tuple[str, ...]:
    """Give the project back as it was, people's annotations aside; return what was done.

    Before anything is removed, the labels are written into a folder of their own. Then the project
    counts as cut off, so that others leave it alone: those who get the queue's lock in between, and
    everybody, if this is killed before its end.

    Args:
        context: settings, store and Label Studio.
        number: id of the project.
        also: further files for that folder by name, and what writes each.
        progress: told what is being done.

    Raises:
        NotReadyError: the project is not connected, or somebody connects it again meanwhile.
        ConfigurationError: the files cannot be written; nothing was removed.

    """
    server, settings = context.label_studio, context.settings
    with queue_lock(context.engine, settings.data_dir, number):
        with reading(context.engine) as connection:
            project = get_project(connection, number)
        progress("writing the labels", 0, 1)
        archive = _write_labels(context, project, also)
        progress("deleting the ML backend, webhooks and tab", 0, 1)
        found = find_traces(as_connected(context, project), project)
        remove(server, found)
        give_settings_back(server, project)
        progress("reading the last votes", 0, 1)
        _read_last_votes(context, project)
        with context.engine.begin() as connection:
            set_project(connection, number, backend_id=None)
    restored = _restore_all_tasks(context, project, progress)
    _give_state_back(server, number)
    # Last, since it takes longest: nobody is served by these any more.
    versions = own_versions(context, number)
    for done, version in enumerate(versions):
        progress("deleting the predictions of rounds", done, len(versions))
        remove_version_at_last(context, number, version)
    if versions and repair_prediction_counts(server, number):
        restored += _restore_all_tasks(context, project, progress)
    with _cut_off(context, number):
        with context.engine.begin() as connection:
            note_detached(connection, number, archive.folder.name)
        shutil.rmtree(context.folder(number), ignore_errors=True)
    return (
        *_written(archive),
        f"deleted {len(found.webhooks)} webhooks, the ML backend and {len(found.tabs)} tabs",
        f"deleted the predictions of {len(versions)} rounds",
        f"restored {', '.join(RESTORED)}",
        f"restored overlap and is_labeled of {restored} tasks",
    )


def _restore_all_tasks(context: Context, project: Project, progress: Progress) -> int:
    """Restore tasks until none is left to restore: people may be labelling meanwhile."""
    server, number = context.label_studio, project.id
    restored: set[int] = set()
    for _ in range(PASSES):
        with _cut_off(context, number):
            _read_last_votes(context, project)
            with reading(context.engine) as connection:
                tasks = list_tasks(connection, number)
                annotations = list_annotations(connection, number)
        changed = changed_tasks(server, number, tasks, annotations)
        if not changed:
            break
        for start in range(0, len(changed), CHUNK):
            progress("restoring overlap and state of tasks", start, len(changed))
            with _cut_off(context, number):
                restore_tasks(server, changed[start : start + CHUNK])
            time.sleep(BREATH_SECONDS)
        restored |= {task_id for task_id, *_ in changed}
    return len(restored)


@contextmanager
def _cut_off(context: Context, number: int) -> Iterator[None]:
    """Hold the queue of a project that is still being detached."""
    with queue_lock(context.engine, context.settings.data_dir, number):
        with reading(context.engine) as connection:
            project = get_project(connection, number)
        if not project.cut_off:
            raise NotReadyError(
                f"Project {number} was connected again while it was being detached, and stays so. "
                f"To detach it, run: relabel detach --project {number}"
            )
        yield


def _write_labels(context: Context, project: Project, also: Mapping[str, Writer]) -> Archive:
    _read_last_votes(context, project)
    try:
        return write_archive(context, project, also)
    except ConfigurationError as error:
        raise ConfigurationError(
            f"Project {project.id} stays connected, since what was found in it cannot be written: "
            f"{error}"
        ) from error


def _written(archive: Archive) -> tuple[str, ...]:
    names = ", ".join(path.name for path in archive.files())
    lines = [archive.told, f"wrote {names} to {told(archive.folder)}"]
    lines += [f"could not write {name}: {why}" for name, why in archive.missing.items()]
    return tuple(line for line in lines if line)


def _read_last_votes(context: Context, project: Project) -> None:
    """Take over what no worker has read yet: it decides which tasks are done."""
    try:
        reconcile_recent(context, open_connected(context.settings, project))
    except (ConfigurationError, LabelConfigError) as error:
        log.warning("project %s: its last votes cannot be read: %s", project.id, error)


def give_settings_back(server: LabelStudio, project: Project) -> None:
    """Restore the project's settings, and take the reason out of its description."""
    body = server.project(project.id)
    before = _settings_before(server, project)
    before["description"] = with_notice(body.get("description"), "", "")
    changes = {
        key: value for key, value in before.items() if (body.get(key) or "") != (value or "")
    }
    if changes.keys() & {"show_collab_predictions", "model_version"}:
        # Visibility alone would wipe the version.
        changes |= {key: before[key] for key in ("show_collab_predictions", "model_version")}
    if changes:
        server.update_project(project.id, **changes)


def _give_state_back(server: LabelStudio, number: int) -> None:
    """Let a project whose tasks are all labelled count as completed, where it has a state.

    Label Studio works the state out when somebody submits or deletes an annotation, from all tasks:
    those, too, that stood open for relabelling alone.
    """
    if server.project(number).get("state") != "IN_PROGRESS":
        return
    if all(body["is_labeled"] for body in server.task_states(number)):
        server.complete_project(number)


def _settings_before(server: LabelStudio, project: Project) -> dict[str, Any]:
    before = {key: project.before.get(key, required_settings("").get(key)) for key in RESTORED}
    version = before["model_version"] or ""
    # The name of another live backend stands for its predictions, too.
    live = {backend.get("title") for backend in server.backends(project.id)}
    exists = version in live or version in server.model_versions(project.id)
    return before | {"model_version": version if exists else ""}


def changed_tasks(
    server: LabelStudio, number: int, tasks: dict[int, Task], found: list[Annotation]
) -> list[tuple[int, int, bool]]:
    """Return (id, overlap, is_labeled) as they should be, of every task that has others.

    Nor may Label Studio have counted other annotations of it than there are.
    """
    before = states_before(tasks, found, server.project(number))
    skips: dict[int, list[dict[str, bool]]] = defaultdict(list)
    for annotation in found:
        skips[annotation.task_id].append({"was_cancelled": annotation.kind is Kind.CANCELLED})
    return [
        (task_id, *before[task_id])
        for body in server.task_states(number)
        if (task_id := int(body["id"])) in before
        and (
            (body["overlap"], body["is_labeled"]) != before[task_id]
            or counters_to_change(read_counters(body), skips[task_id])
        )
    ]


def restore_tasks(server: LabelStudio, changed: Iterable[tuple[int, int, bool]]) -> None:
    """Write overlap and is_labeled of tasks; one that is gone needs none."""
    for task_id, overlap, is_labeled in changed:
        with suppress(NotFoundError):
            write_task(server, task_id, overlap=overlap, is_labeled=is_labeled)
