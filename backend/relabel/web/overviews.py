"""Overviews kept between looks, so that looking costs little while votes arrive.

Pages, the status and the metrics of a process share one reading of each project per change of it.
"""

import logging
import threading
import time
from dataclasses import dataclass, field

from sqlalchemy import Engine

from relabel.errors import RelabelError
from relabel.service.insight.overview import Overview, read_overview
from relabel.settings import Settings
from relabel.storage.changes import Fingerprint, fingerprint
from relabel.storage.database import reading
from relabel.storage.projects import get_project
from relabel.storage.rounds import running_round

log = logging.getLogger("relabel.web")

FRESH_SECONDS = 3.0
"""Age at which a look asks whether the project changed; an unchanged one is never read again."""

UNCHANGED_SECONDS = 30.0
"""Age at which a project is read anew though nothing has changed: the time of a failed round's next
try comes, too."""

USABLE_SECONDS = 30.0
"""Age up to which a look need not wait: it gets what is there, and a newer one is read behind it.
Somebody who comes back later waits for the reading and sees the newest figures."""


@dataclass(slots=True)
class _Kept:
    overview: Overview
    seen: tuple[Fingerprint, bool]
    read_at: float
    checked_at: float


@dataclass(slots=True)
class _Project:
    guard: threading.Lock = field(default_factory=threading.Lock)
    kept: _Kept | None = None


class Overviews:
    """The newest overview of each project of this process. Safe in several threads."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        *,
        fresh_seconds: float = FRESH_SECONDS,
        usable_seconds: float = USABLE_SECONDS,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._fresh_seconds = fresh_seconds
        self._usable_seconds = usable_seconds
        self._guard = threading.Lock()
        self._projects: dict[int, _Project] = {}

    def get(self, number: int) -> Overview:
        """Return the project's overview, at most `usable_seconds` and a reading behind the store.

        Raises:
            NotReadyError: the project is not connected.

        """
        project = self._project(number)
        kept = project.kept
        age = float("inf") if kept is None else time.monotonic() - kept.checked_at
        if kept is not None and age < max(self._usable_seconds, self._fresh_seconds):
            if age >= self._fresh_seconds:
                self._read_behind(number, project)
            return kept.overview
        with project.guard:
            return self._read(number, project)

    def newest(self, number: int) -> Overview:
        """Return the project's overview as the store is now, for programs that wait for a change.

        Raises:
            NotReadyError: the project is not connected.

        """
        project = self._project(number)
        with project.guard:
            return self._read(number, project)

    def forget(self, number: int) -> None:
        """Read the project anew the next time: something was just changed from here."""
        with self._guard:
            self._projects.pop(number, None)

    def _project(self, number: int) -> _Project:
        with reading(self._engine) as connection:
            get_project(connection, number)
        with self._guard:
            return self._projects.setdefault(number, _Project())

    def _read_behind(self, number: int, project: _Project) -> None:
        if not project.guard.acquire(blocking=False):
            return  # somebody is at it

        def work() -> None:
            try:
                self._read(number, project)
            except RelabelError as error:
                log.warning("project %s: %s", number, error)
            finally:
                project.guard.release()

        threading.Thread(target=work, name=f"overview-{number}", daemon=True).start()

    def _read(self, number: int, project: _Project) -> Overview:
        # What is seen is noted before reading: what changes meanwhile is found by the next look.
        at = time.monotonic()
        with reading(self._engine) as connection:
            # A round whose process is gone writes nothing any more.
            seen = (fingerprint(connection, number), running_round(connection, number) is not None)
        kept = project.kept
        if kept is None or kept.seen != seen or at - kept.read_at >= UNCHANGED_SECONDS:
            overview = read_overview(self._engine, self._settings, number)
            kept = project.kept = _Kept(overview, seen, at, at)
        kept.checked_at = at
        return kept.overview
