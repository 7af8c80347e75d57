import shutil
from pathlib import Path

import pytest
from relabel.storage.database import connect, open_database


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("store") / "empty.sqlite3"
    open_database(f"sqlite:///{path}").dispose()
    return path


@pytest.fixture
def engine(empty_store, tmp_path):
    path = tmp_path / "store.sqlite3"
    shutil.copy(empty_store, path)
    opened = connect(f"sqlite:///{path}")
    yield opened
    opened.dispose()
