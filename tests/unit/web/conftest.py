"""A store in the middle of a campaign, and the application over it."""

import re
from dataclasses import dataclass

import pytest
from flask.testing import FlaskClient
from relabel.settings import Settings
from relabel.storage.database import open_database
from relabel.web.app import create_app
from seeded_store import Campaign, seed_store
from sqlalchemy import Engine

PAGE = {"Accept": "text/html"}


@dataclass(frozen=True, slots=True)
class Seeded:
    """A filled store. truth: (N,) right classes of project 1."""

    settings: Settings
    engine: Engine
    truth: object

    def client(self, **changes) -> FlaskClient:
        """Return a client of the application under other settings."""
        return create_app(self.settings.model_copy(update=changes)).test_client()


def make(folder, **campaign) -> Seeded:
    settings = Settings(data_dir=folder, label_studio_api_key="x" * 40)
    engine = open_database(settings.database())
    return Seeded(settings, engine, seed_store(engine, settings, Campaign(**campaign)))


@pytest.fixture(scope="session")
def seeded(tmp_path_factory):
    """One project of 200 digits after two rounds; tests only read it."""
    return make(tmp_path_factory.mktemp("seeded"), tasks=200, votes=30, rounds=2, pictures=200)


@pytest.fixture
def unaudited(tmp_path):
    """A small store whose policy draws no audit."""
    return make(tmp_path, tasks=60, votes=12, rounds=1, pictures=0, params="audit_share = 0.0")


@pytest.fixture
def own(tmp_path):
    """A small store that a test may change."""
    return make(tmp_path, tasks=60, votes=12, rounds=1, pictures=5)


@pytest.fixture
def busy(tmp_path):
    """A small store whose second round is running, in this process."""
    return make(tmp_path, tasks=60, votes=12, rounds=1, pictures=0, running=True)


@pytest.fixture
def page():
    """Open a page as a browser does: page(client, path) -> text without tags."""

    def open_page(client, path):
        answer = client.get(path, headers=PAGE)
        assert answer.status_code == 200, answer.get_data(as_text=True)
        text = answer.get_data(as_text=True)
        main = text[text.index("<main") :]
        return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", main))

    return open_page
