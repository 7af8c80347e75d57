"""Taking every trace away again: the project as it was, people's annotations aside."""

import logging
import shutil
from typing import Any

from relabel.errors import ConfigurationError, LabelConfigError
from relabel.labelstudio.client import LabelStudio
from relabel.labelstudio.contract import (
    RESTORED,
    required_settings,
)
from relabel.service.connect import is_own_tab
from relabel.service.context import Context
from relabel.service.old_predictions import remove_versions_at_last
from relabel.service.overlaps import states_before
from relabel.service.reconcile import reconcile_recent
from relabel.service.webhooks import own_webhooks
from relabel.storage.annotations import Annotation, list_annotations
from relabel.storage.database import reading
from relabel.storage.locks import queue_lock
from relabel.storage.projects import (
    Project,
    forget_project,
    get_project,
)
from relabel.storage.tasks import Task, list_tasks

log = logging.getLogger("relabel.detach")


def detach(context: Context, number: int) -> tuple[str, ...]:
    """Give the project back as it was, people's annotations aside; return what was done."""
    server, settings = context.label_studio, context.settings
    with queue_lock(context.engine, settings.data_dir, number):
        with reading(context.engine) as connection:
            project = get_project(connection, number)
        hooks = own_webhooks(context, project)
        for hook in hooks:
            server.delete_webhook(hook["id"])
        for backend in server.backends(number):
            if backend.get("url") == settings.public_url():
                server.delete_backend(backend["id"])
        views = [v["id"] for v in server.views(number) if is_own_tab(v, project)]
        for view_id in views:
            server.delete_view(view_id)
        server.update_project(number, **_settings_before(server, project))
        _read_last_votes(context, project)
        with reading(context.engine) as connection:
            tasks = list_tasks(connection, number)
            found = list_annotations(connection, number)
        restored = _restore_tasks(server, number, tasks, found)
        # Last, since it takes longest: nobody is served by these any more.
        versions = [v for v in server.model_versions(number) if v.startswith("relabel-")]
        remove_versions_at_last(context, number, versions)
        with context.engine.begin() as connection:
            forget_project(connection, number)
        shutil.rmtree(context.folder(number), ignore_errors=True)
    return (
        f"deleted {len(hooks)} webhooks, the ML backend and {len(views)} tabs",
        f"deleted the predictions of {len(versions)} rounds",
        f"restored {', '.join(RESTORED)}",
        f"restored overlap and is_labeled of {restored} tasks",
    )


def _read_last_votes(context: Context, project: Project) -> None:
    """Take over what no worker has read yet: it decides which tasks are done."""
    try:
        reconcile_recent(context, project)
    except (ConfigurationError, LabelConfigError) as error:
        log.warning("project %s: its last votes cannot be read: %s", project.id, error)


def _settings_before(server: LabelStudio, project: Project) -> dict[str, Any]:
    before = {key: project.before.get(key, required_settings("").get(key)) for key in RESTORED}
    version = before["model_version"] or ""
    # The name of another live backend stands for its predictions, too.
    live = {backend.get("title") for backend in server.backends(project.id)}
    exists = version in live or version in server.model_versions(project.id)
    return before | {"model_version": version if exists else ""}


def _restore_tasks(
    server: LabelStudio, number: int, tasks: dict[int, Task], found: list[Annotation]
) -> int:
    before = states_before(tasks, found, server.project(number))
    restored = 0
    for body in server.task_states(number):
        now, wanted = (body["overlap"], body["is_labeled"]), before.get(int(body["id"]))
        if wanted is not None and now != wanted:
            server.update_task(int(body["id"]), overlap=wanted[0], is_labeled=wanted[1])
            restored += 1
    return restored
