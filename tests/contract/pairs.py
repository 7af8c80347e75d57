"""Both pairs of store and queue that a deployment may have, as throw-away servers."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from postgresql import MissingError, running_postgresql

PAIRS = ("sqlite", "postgresql")
"""SQLite with the queue in a file, or PostgreSQL with the queue in Redis."""


@contextmanager
def pair_environment(name: str) -> Iterator[dict[str, str]]:
    """Yield the settings under which a backend uses this pair; the servers end with the block.

    Raises:
        MissingError: PostgreSQL or Redis is not installed.

    """
    if name == "sqlite":
        yield {}
        return
    with running_postgresql() as address, running_redis() as queue:
        # Database and user of the same name, as the server is set up.
        yield {"RELABEL_DATABASE_URL": f"{address}/postgres", "RELABEL_QUEUE_URL": queue}


@contextmanager
def running_redis() -> Iterator[str]:
    """Yield the address of a new, empty Redis that keeps nothing."""
    program = shutil.which("redis-server")
    if program is None:
        raise MissingError("Redis is not installed: apt-get install redis-server")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    process = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL, cwd="/")
    try:
        _wait_until_listening(port)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        process.wait()


def _wait_until_listening(port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"Redis does not listen on port {port}")
