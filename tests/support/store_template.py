"""Empty stores for tests: migrating takes longer than most tests, so one is made and copied.

RELABEL_TEST_STORE=postgresql puts them into PostgreSQL; SQLite is the default.
"""

import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from postgresql import running_postgresql
from relabel.storage.database import open_database
from sqlalchemy import Engine, create_engine

SQLITE = os.environ.get("RELABEL_TEST_STORE", "sqlite") == "sqlite"


class StoreTemplate(Protocol):
    """Makes empty stores."""

    def copy_for(self, data_dir: Path) -> dict[str, str]:
        """Make a store for a backend with this data folder; return the settings that name it."""


@dataclass(frozen=True)
class SqliteTemplate:
    """A file with all tables."""

    path: Path

    def copy_for(self, data_dir: Path) -> dict[str, str]:
        """Copy the file to where a backend looks for it."""
        data_dir.mkdir(exist_ok=True)
        shutil.copy(self.path, data_dir / "relabel.sqlite3")
        return {}


@dataclass(frozen=True)
class PostgresqlTemplate:
    """A database with all tables."""

    address: str
    engine: Engine
    numbers: Iterator[int]

    def copy_for(self, data_dir: Path) -> dict[str, str]:
        """Copy the database under a new name."""
        data_dir.mkdir(exist_ok=True)
        name = f"copy{next(self.numbers)}"
        with self.engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE empty")
        return {"database_url": f"{self.address}/{name}"}


@contextmanager
def store_template_in(folder: Path) -> Iterator[StoreTemplate]:
    """Make the template; a server that was started for it ends with the block.

    Raises:
        MissingError: PostgreSQL is asked for and not installed.
    """
    if SQLITE:
        path = folder / "template.sqlite3"
        open_database(f"sqlite:///{path}").dispose()
        yield SqliteTemplate(path)
        return
    with running_postgresql() as address:
        engine = create_engine(f"{address}/postgres", isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql("CREATE DATABASE empty")
        open_database(f"{address}/empty").dispose()
        yield PostgresqlTemplate(address, engine, itertools.count())
        engine.dispose()
