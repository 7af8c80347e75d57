"""Both stores that a deployment may have, as throw-away servers."""

from collections.abc import Iterator
from contextlib import contextmanager

from postgresql import running_postgresql

STORES = ("sqlite", "postgresql")
"""On one machine, or on several."""


@contextmanager
def store_environment(name: str) -> Iterator[dict[str, str]]:
    """Yield the settings under which a backend uses this store; its server ends with the block.

    Raises:
        MissingError: PostgreSQL is not installed.

    """
    if name == "sqlite":
        yield {}
        return
    with running_postgresql() as address:
        # Database and user of the same name, as the server is set up.
        yield {"RELABEL_DATABASE_URL": f"{address}/postgres"}
