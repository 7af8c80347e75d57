"""Taking back a connecting that failed: what it wrote, latest first, and nothing else."""

import logging
import shutil
from collections.abc import Callable

from relabel.errors import LabelStudioError
from relabel.service.context import Context
from relabel.service.setup.detach import changed_tasks, give_settings_back, restore_tasks
from relabel.service.traces import Body, Traces, find_traces, listed, remove
from relabel.storage.annotations import forget_beginnings, list_annotations
from relabel.storage.database import reading
from relabel.storage.journal.events import Action, journal
from relabel.storage.projects import (
    Project,
    forget_project,
    reads_otherwise,
    save_project,
    set_project,
)
from relabel.storage.tasks import list_tasks

log = logging.getLogger("relabel.connect")

NOTHING = Traces({}, {}, {})
BACKEND_KEYS = ("project", "url", "title", "is_interactive", "auth_method", "extra_params")
"""What `relabel connect` writes of an ML backend, its password aside."""


class Rollback:
    """What was there before, and which parts of a project have been written since.

    Args:
        context: settings, store and Label Studio.
        project: as it is being connected.
        known: as the store knew it before, None = not at all.

    """

    def __init__(self, context: Context, project: Project, known: Project | None) -> None:
        self._context = context
        self._project = project
        self._known = known
        self._fresh = known is None or known.cut_off
        is_rest = known is not None and known.cut_off
        self.earlier = NOTHING if is_rest else find_traces(context, known or project)
        self._begun: list[str] = []

    def begin(self, part: str) -> None:
        """Note that a part, one of those of `take_back`, is written from now on."""
        self._begun.append(part)

    def take_back(self) -> list[str]:
        """Restore every part that was begun; return those that Label Studio did not let restore."""
        steps: dict[str, Callable[[], None]] = {
            "the settings": self._settings,
            "the webhooks": self._webhooks,
            "the tab": self._tab,
            "the ML backend": self._backend,
        }
        left = []
        for part in reversed(self._begun):
            try:
                steps[part]()
            except LabelStudioError as error:
                log.warning("project %s: %s stays: %s", self._project.id, part, error)
                left.append(part)
        self._store(left)
        return left

    def outcome(self, left: list[str]) -> str:
        """Say what `take_back` has brought about."""
        number = self._project.id
        if left:
            return (
                f"What it wrote could not be taken back: {listed(left[::-1])}. Once Label Studio "
                f"answers, finish with relabel connect --project {number}, or take it back with "
                f"relabel detach --project {number}"
            )
        if self._fresh:
            return "Everything was taken back."
        return "Everything was taken back: the connection from before goes on."

    def _since(self) -> Traces:
        return find_traces(self._context, self._project).without(self.earlier)

    def _settings(self) -> None:
        if not self._fresh:
            return  # the connection that stands needs the same
        server, number = self._context.label_studio, self._project.id
        give_settings_back(server, self._project)
        with reading(self._context.engine) as connection:
            tasks = list_tasks(connection, number)
            annotations = list_annotations(connection, number)
        restore_tasks(server, changed_tasks(server, number, tasks, annotations))

    def _webhooks(self) -> None:
        remove(self._context.label_studio, Traces({}, self._since().webhooks, {}))

    def _tab(self) -> None:
        remove(self._context.label_studio, Traces({}, {}, self._since().tabs))

    def _backend(self) -> None:
        server = self._context.label_studio
        # With it came a webhook that Label Studio makes itself.
        remove(server, self._since())
        now = {int(b["id"]): b for b in server.backends(self._project.id)}
        for backend_id, before in self.earlier.backends.items():
            values = {key: before.get(key) for key in BACKEND_KEYS}
            if backend_id in now and any(now[backend_id].get(k) != v for k, v in values.items()):
                server.update_backend(backend_id, values | self._login(before))

    def _login(self, before: Body) -> Body:
        """Label Studio tells no password; it is asked for again whenever a backend is changed."""
        if before.get("auth_method") != "BASIC_AUTH":
            return {}
        auth = self._context.settings.basic_auth()
        password = auth[1] if auth else ""
        return {"basic_auth_user": before.get("basic_auth_user"), "basic_auth_pass": password}

    def _store(self, left: list[str]) -> None:
        forgotten = self._fresh and not left
        with self._context.engine.begin() as connection:
            if forgotten:
                forget_project(connection, self._project.id)
            elif self._known is not None:
                save_project(connection, self._known)
                # Nobody else has read the project meanwhile: that needs the lock.
                set_project(connection, self._project.id, high_water=self._known.high_water)
                if reads_otherwise(self._project, self._known):
                    # What was read meanwhile is read again as before: no answer has changed.
                    forget_beginnings(connection, self._project.id)
                    journal(connection, self._project.id, Action.RECONCILE)
        if forgotten:
            shutil.rmtree(self._context.folder(self._project.id), ignore_errors=True)
