"""Opening the store: SQLite with write-ahead log, or PostgreSQL, brought to the newest schema."""

import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ColumnCollection,
    ColumnElement,
    Connection,
    Engine,
    Table,
    and_,
    create_engine,
    event,
    inspect,
    make_url,
    text,
)

from relabel.errors import ConfigurationError
from relabel.files import reason, told

Row = ColumnCollection[str, ColumnElement[Any]]
"""The columns of one row within a statement."""

MIGRATIONS = Path(__file__).parent / "migrations"
"""One file a step of the schema, below `versions/`."""

LOCK_WAIT_SECONDS = 30.0
"""How long a writer waits for another one before SQLite gives up."""

CHUNK = 10_000
"""Ids per statement; SQLite limits the number of bound parameters."""


def open_database(url: str) -> Engine:
    """Connect to the store, creating folder and schema when missing.

    Raises:
        ConfigurationError: the address cannot be used; names RELABEL_DATABASE_URL.

    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and parsed.database:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = connect(url)
        migrate(engine)
    except Exception as error:
        raise ConfigurationError(
            f"The store cannot be opened ({_said(error)}). Check "
            f"RELABEL_DATABASE_URL, RELABEL_DATA_DIR and the free space of that disk."
        ) from error
    return engine


def _said(error: Exception) -> str:
    """Return what is wrong in one line, without what SQLAlchemy adds."""
    if isinstance(error, OSError):
        return f"{told(error.filename or '')}: {reason(error)}"
    return " ".join(str(getattr(error, "orig", None) or error).split())


def connect(url: str) -> Engine:
    """Make the engine without touching the schema."""
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": LOCK_WAIT_SECONDS})
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin)
    return engine


def reading(engine: Engine) -> Connection:
    """Open a connection that takes no write lock; anything written through it is rolled back.

    All that it reads is the store as it was at the first statement.
    """
    options = {"isolation_level": "REPEATABLE READ"} if engine.name == "postgresql" else {}
    return engine.connect().execution_options(only_reads=True, **options)


def clock(connection: Connection) -> float:
    """Return the store's own time in Unix seconds: one clock for all machines that share it."""
    if connection.dialect.name == "sqlite":
        return time.time()
    now = connection.execute(text("SELECT extract(epoch FROM clock_timestamp())"))
    return float(now.scalar_one())


def migrate(engine: Engine, version: str = "head") -> None:
    """Bring the schema to the newest or another later version; a second process waits."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7235401)")
        if version != "head" or schema_version(connection) != newest_version():
            _upgrade(connection, version)


def schema_version(connection: Connection) -> str | None:
    """Return the name of the last step that this store's schema has made, None = it has none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version"))
    return found.scalar_one_or_none()


def newest_version() -> str:
    """Return the name of the newest step of the schema: the number that its file begins with."""
    return max(path.stem.partition("_")[0] for path in MIGRATIONS.glob("versions/[0-9]*.py"))


def _upgrade(connection: Connection, version: str) -> None:
    # Alembic costs a start as much as SQLAlchemy does, and hardly any start has a step to make.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, version)


def insert_into(dialect: str, table: Table) -> Any:
    """Return an INSERT that knows ON CONFLICT, as a store of this dialect has it."""
    # The one that the engine has loaded; the other one costs every start its import.
    return import_module(f"sqlalchemy.dialects.{dialect}").insert(table)


def chosen(table: Table, project_id: int, task_ids: Iterable[int]) -> list[ColumnElement[bool]]:
    """Return conditions that choose all rows of these tasks, `CHUNK` tasks each."""
    ids = list(task_ids)
    return [
        and_(table.c.project_id == project_id, table.c.task_id.in_(ids[start : start + CHUNK]))
        for start in range(0, len(ids), CHUNK)
    ]


def upsert(
    connection: Connection,
    table: Table,
    rows: list[dict[str, Any]],
    *,
    update: tuple[str, ...],
    newer_by: str | None = None,
    unchanged: str | None = None,
    kept: Callable[[Row, Row], dict[str, ColumnElement[Any]]] | None = None,
) -> None:
    """Insert rows, or update the columns `update` of those that exist.

    With `newer_by`, an existing row is only overwritten by one whose value there is not smaller
    and only while it is not marked deleted: late and repeated events change nothing. `kept(stored,
    seen)` gives columns that become something else than what was seen. With `unchanged`, only a row
    is overwritten whose value there is still the one that was seen.
    """
    if rows:
        dialect = connection.dialect.name
        connection.execute(_upsert(dialect, table, update, newer_by, unchanged, kept), rows)


@lru_cache(maxsize=64)
def _upsert(
    dialect: str,
    table: Table,
    update: tuple[str, ...],
    newer_by: str | None,
    unchanged: str | None,
    kept: Callable[[Row, Row], dict[str, ColumnElement[Any]]] | None,
) -> Any:
    """Return the statement of `upsert`: to put it together takes as long as to carry it out."""
    statement = insert_into(dialect, table)
    condition: ColumnElement[bool] | None = None
    if newer_by is not None:
        condition = (statement.excluded[newer_by] >= table.c[newer_by]) & (
            table.c.deleted.is_(False) | (statement.excluded.created_at > table.c.created_at)
        )
    if unchanged is not None:
        condition = table.c[unchanged] == statement.excluded[unchanged]
    values: dict[str, Any] = {name: statement.excluded[name] for name in update}
    values |= kept(table.c, statement.excluded) if kept else {}
    return statement.on_conflict_do_update(
        index_elements=[column.name for column in table.primary_key],
        set_=values,
        where=condition,
    )


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver must not begin transactions by itself: _begin does, so that a reader
    # that becomes a writer never fails half-way with "database is locked".
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin(connection: Connection) -> None:
    only_reads = connection.get_execution_options().get("only_reads", False)
    connection.exec_driver_sql("BEGIN DEFERRED" if only_reads else "BEGIN IMMEDIATE")
