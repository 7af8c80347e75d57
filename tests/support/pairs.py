"""Both pairs of store and queue that a deployment may have, as throw-away servers."""

from collections.abc import Iterator
from contextlib import contextmanager

from postgresql import running_postgresql
from redis_server import running_redis

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
