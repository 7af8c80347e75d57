"""One memory of compiled statements for all SQLite stores of a run of the tests.

SQLAlchemy keeps it per engine and dialect, and each test has an engine of its own: compiling the
same statements for each of them took a fifth of the tests of the service. A process of the product
has one engine.
"""

from typing import Any

from sqlalchemy import Engine, create_engine

COMPILED: dict[Any, Any] = {}
SQLITE = create_engine("sqlite://")


def create_engine_once(url: Any, **options: Any) -> Engine:
    """Make an engine as SQLAlchemy does, with the dialect and the memory of all others."""
    engine = create_engine(url, **options)
    if engine.name == "sqlite":
        engine.dialect = _dialect()
        engine.update_execution_options(compiled_cache=COMPILED)
    return engine


def _dialect() -> Any:
    """Return the dialect of all; its first connection tells it what this SQLite can."""
    SQLITE.connect().close()
    return SQLITE.dialect
