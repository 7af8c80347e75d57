"""Overviews kept between pages, so that looking costs little while votes arrive."""

import threading
import time
from dataclasses import dataclass, field

from sqlalchemy import Engine

from relabel.service.overview import Overview, RoundNoise, read_overview
from relabel.settings import Settings
from relabel.storage.changes import Fingerprint, fingerprint
from relabel.storage.database import reading
from relabel.storage.projects import get_project

OLDEST_SECONDS = 3.0
"""Figures may lag behind a changing project by so much; an unchanged one is never read twice."""


@dataclass(slots=True)
class _Kept:
    overview: Overview
    seen: Fingerprint
    checked_at: float


@dataclass(slots=True)
class _Project:
    guard: threading.Lock = field(default_factory=threading.Lock)
    kept: _Kept | None = None


class Overviews:
    """The newest overview of each project of this process. Safe in several threads."""

    def __init__(
        self, engine: Engine, settings: Settings, *, oldest_seconds: float = OLDEST_SECONDS
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._oldest_seconds = oldest_seconds
        self._guard = threading.Lock()
        self._projects: dict[int, _Project] = {}
        self._noise: RoundNoise = {}

    def get(self, number: int) -> Overview:
        """Return the project's overview, at most `oldest_seconds` behind the store.

        Raises:
            NotReadyError: the project is not connected.

        """
        with reading(self._engine) as connection:
            get_project(connection, number)
        with self._guard:
            project = self._projects.setdefault(number, _Project())
        with project.guard:
            kept = project.kept
            if kept is not None and time.monotonic() - kept.checked_at < self._oldest_seconds:
                return kept.overview
            # Taken before reading: what changes meanwhile is found by the next look.
            at, seen = time.monotonic(), self._look(number)
            if kept is None or kept.seen != seen:
                overview = read_overview(self._engine, self._settings, number, self._noise)
                kept = project.kept = _Kept(overview, seen, at)
            kept.checked_at = at
            return kept.overview

    def forget(self, number: int) -> None:
        """Read the project anew the next time: something was just changed from here."""
        with self._guard:
            self._projects.pop(number, None)

    def _look(self, number: int) -> Fingerprint:
        with reading(self._engine) as connection:
            return fingerprint(connection, number)
