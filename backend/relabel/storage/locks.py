"""One process at a time changes a project's queue; a killed holder frees its lock at once.

Commands and rounds, which are processes of their own, wait for it. Threads of a worker do so for
`PATIENCE_SECONDS` only, since other projects need them, and come back; whoever holds it for long
gives it away for `BREATH_SECONDS` every few writes.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Engine, text

from relabel.errors import QueueBusyError

PATIENCE_SECONDS = 0.3
"""How long a worker's thread waits for a project that somebody else holds."""
BREATH_SECONDS = 0.05
"""Pause in which whoever waits for a lock gets it."""
POLL_SECONDS = 0.01
"""Time between two tries: several fall into one breath."""


@contextmanager
def queue_lock(
    engine: Engine, folder: Path, project_id: int, *, patience: float = math.inf
) -> Iterator[None]:
    """Hold the project's queue: a PostgreSQL advisory lock, else a lock file of the data folder.

    Both are released by the system when the process dies, however it dies.

    Args:
        engine: the store.
        folder: the data folder.
        project_id: id of the project.
        patience: seconds to wait for whoever holds it now.

    Raises:
        QueueBusyError: somebody held it for longer than that.

    """
    file = folder / "locks" / f"project-{project_id}.lock"
    with _lock(engine, file, 72_354_010_000 + project_id, patience) as held:
        if not held:
            raise QueueBusyError(
                f"Somebody else is changing the queue of project {project_id} just now."
            )
        yield


@contextmanager
def tidy_lock(engine: Engine, folder: Path, project_id: int) -> Iterator[bool]:
    """Yield whether this process alone may tidy up the project now; waits for nobody."""
    file = folder / "locks" / f"tidy-{project_id}.lock"
    with _lock(engine, file, 72_355_010_000_000 + project_id, 0.0) as held:
        yield held


@contextmanager
def round_lock(engine: Engine, folder: Path, project_id: int) -> Iterator[bool]:
    """Yield whether this worker alone may start the project's round now; waits for nobody."""
    file = folder / "locks" / f"round-{project_id}.lock"
    with _lock(engine, file, 72_356_010_000_000 + project_id, 0.0) as held:
        yield held


@contextmanager
def _lock(engine: Engine, file: Path, key: int, patience: float) -> Iterator[bool]:
    """Yield whether it could be had; another thread of this process counts as somebody else."""
    tries = _advisory(engine, key) if engine.dialect.name == "postgresql" else _of_file(file)
    deadline = time.monotonic() + patience
    with tries as have:
        while not (held := have()) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        yield held


@contextmanager
def _of_file(path: Path) -> Iterator[Callable[[], bool]]:
    # Whoever only reads or journals, as the web process does, never takes a lock.
    from filelock import FileLock, Timeout  # noqa: PLC0415

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path, blocking=False, thread_local=False)

    def have() -> bool:
        with suppress(Timeout):
            lock.acquire()
        return lock.is_locked

    try:
        yield have
    finally:
        lock.release()


@contextmanager
def _advisory(engine: Engine, key: int) -> Iterator[Callable[[], bool]]:
    # Without a transaction: an idle one would be ended by the server, and the lock with it.
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        held = False

        def have() -> bool:
            nonlocal held
            query = text("SELECT pg_try_advisory_lock(:key)")
            held = bool(connection.execute(query, {"key": key}).scalar_one())
            return held

        try:
            yield have
        finally:
            if held:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": key})
