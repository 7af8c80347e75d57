"""Hearing at once that something was journalled, whoever did it and wherever.

PostgreSQL tells it (LISTEN, NOTIFY). With SQLite it is looked for: asking whether any other
connection has changed the file costs some microseconds and reads no table.
"""

import logging
import threading
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine

from relabel.storage.journal.events import CHANNEL

log = logging.getLogger("relabel.worker")

POLL_SECONDS = 0.02
"""Between two looks at a SQLite file: part of the time until a vote is in effect."""
HEARING_SECONDS = 1.0
"""How often somebody who listens looks whether to stop."""
DEAF_SECONDS = 5.0
"""Pause before it is tried again to hear of a store that was away."""


def listen(engine: Engine, ring: Callable[[], None], stop: threading.Event) -> None:
    """Call `ring` whenever something may have been journalled, until `stop` is set.

    While the store is away nothing is heard; whoever relies on this looks by himself now and then.
    """
    hear = _hear_postgresql if engine.dialect.name == "postgresql" else _hear_sqlite
    while not stop.is_set():
        try:
            hear(engine, ring, stop)
        except Exception as error:  # noqa: BLE001  every driver has its own errors
            log.warning("the store does not tell what is new just now, it is looked for: %s", error)
            stop.wait(DEAF_SECONDS)


def _hear_postgresql(engine: Engine, ring: Callable[[], None], stop: threading.Event) -> None:
    borrowed = engine.raw_connection()
    connection: Any = borrowed.driver_connection
    borrowed.detach()  # it never returns to the pool
    try:
        connection.autocommit = True
        connection.execute(f"LISTEN {CHANNEL}")
        ring()  # nobody has heard what came before
        while not stop.is_set():
            for _ in connection.notifies(timeout=HEARING_SECONDS, stop_after=1):
                ring()
    finally:
        borrowed.close()


def _hear_sqlite(engine: Engine, ring: Callable[[], None], stop: threading.Event) -> None:
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        seen = None
        while not stop.wait(POLL_SECONDS):
            (version,) = cursor.execute("PRAGMA data_version").fetchone()
            if version != seen:
                seen = version
                ring()
    finally:
        connection.close()
