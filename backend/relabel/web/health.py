"""The list of what everything stands on, as this process last saw it."""

import math
import threading
import time

from sqlalchemy import Engine

from relabel.service.doctor.findings import Finding
from relabel.service.doctor.health import seen_from

SECONDS = 5.0
"""So old may the list be that is shown: health checks may come as often as they like."""


class Health:
    """Looks at most every few seconds, and nobody waits for another's look at a slow store."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._found: list[Finding] = []
        self._at = -math.inf
        self._looking = threading.Lock()

    def findings(self) -> list[Finding]:
        """Return what was found last; only the very first request may find an empty list."""
        if time.monotonic() - self._at > SECONDS and self._looking.acquire(blocking=False):
            try:
                self._found = seen_from(self._engine)
                self._at = time.monotonic()
            finally:
                self._looking.release()
        return self._found
