"""One process at a time changes a project's queue; a killed holder frees its lock at once."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, text

_in_process: dict[tuple[str, int], threading.Lock] = {}
_in_process_guard = threading.Lock()


@contextmanager
def queue_lock(engine: Engine, folder: Path, project_id: int) -> Iterator[None]:
    """Hold the project's queue: a PostgreSQL advisory lock, else a lock file of the data folder.

    Both are released by the system when the process dies, however it dies.
    """
    with _in_process_guard:
        mutex = _in_process.setdefault((str(folder), project_id), threading.Lock())
    with mutex:
        if engine.dialect.name == "postgresql":
            # Without a transaction: an idle one would be ended by the server, and the lock with it.
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                key = {"key": 72_354_010_000 + project_id}
                connection.execute(text("SELECT pg_advisory_lock(:key)"), key)
                try:
                    yield
                finally:
                    connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)
        else:
            with _file_lock(folder / "locks" / f"project-{project_id}.lock"):
                yield


@contextmanager
def tidy_lock(engine: Engine, folder: Path, project_id: int) -> Iterator[bool]:
    """Yield whether this process alone may tidy up the project now; waits for nobody."""
    if engine.dialect.name != "postgresql":
        with _file_lock(folder / "locks" / f"tidy-{project_id}.lock", wait=False) as held:
            yield held
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        key = {"key": 72_355_010_000_000 + project_id}
        query = text("SELECT pg_try_advisory_lock(:key)")
        held = bool(connection.execute(query, key).scalar_one())
        try:
            yield held
        finally:
            if held:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)


@contextmanager
def _file_lock(path: Path, *, wait: bool = True) -> Iterator[bool]:
    import fcntl  # noqa: PLC0415  POSIX only; everything else imports on Windows too

    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True
