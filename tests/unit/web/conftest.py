"""A store in the middle of a campaign, and the application over it."""

import re
import shutil
from dataclasses import dataclass

import pytest
from flask.testing import FlaskClient
from relabel.service.context import open_context
from relabel.settings import Settings
from relabel.storage.database import connect
from relabel.web.app import create_app
from relabel.web.pages.report import write_report
from seeded_store import Campaign, seed_store
from sqlalchemy import Engine
from store_template import StoreTemplate
from wiring import store_template

__all__ = ["store_template"]

PAGE = {"Accept": "text/html"}
NOBODY = "http://127.0.0.1:1"
"""Where nothing listens: no test asks what happens to run on this machine."""


@dataclass(frozen=True, slots=True)
class Seeded:
    """A filled store. truth: (N,) right classes of project 1."""

    settings: Settings
    engine: Engine
    truth: object

    def client(self, **changes) -> FlaskClient:
        """Return a client of the application under other settings."""
        return create_app(self.settings.model_copy(update=changes)).test_client()


@pytest.fixture(scope="session")
def make(store_template: StoreTemplate):
    """Fill a store: make(folder, tasks=60, votes=12, ...)."""

    def filled(folder, **campaign) -> Seeded:
        store = store_template.copy_for(folder)
        settings = Settings(
            data_dir=folder,
            label_studio_url=NOBODY,
            label_studio_api_key="x" * 40,
            **store,
        )
        engine = connect(settings.database())
        return Seeded(settings, engine, seed_store(engine, settings, Campaign(**campaign)))

    return filled


@pytest.fixture(scope="session")
def seeded(make, tmp_path_factory):
    """One project of 200 digits after two rounds; tests only read it."""
    folder = tmp_path_factory.mktemp("seeded")
    return make(folder, tasks=200, votes=30, rounds=2, pictures=200)


@pytest.fixture
def context(seeded):
    """What commands work with, on that store."""
    context = open_context(seeded.settings)
    yield context
    context.close()


@pytest.fixture
def report(context, tmp_path):
    """The report on that project, as it is written to a file."""
    write_report(context, 1, tmp_path / "report.html")
    return (tmp_path / "report.html").read_text()


@pytest.fixture
def unaudited(make, tmp_path):
    """A small store whose policy draws no audit."""
    return make(tmp_path, tasks=60, votes=12, rounds=1, pictures=0, params="audit_share = 0.0")


@pytest.fixture(scope="session")
def small(make, tmp_path_factory):
    """What each `own` is a copy of."""
    made = make(tmp_path_factory.mktemp("small"), tasks=60, votes=12, rounds=1, pictures=5)
    made.engine.dispose()  # the file is complete once nobody has it open
    return made


@pytest.fixture
def own(small, tmp_path):
    """A small store that a test may change."""
    shutil.copytree(small.settings.data_dir, tmp_path, dirs_exist_ok=True)
    settings = small.settings.model_copy(update={"data_dir": tmp_path})
    return Seeded(settings, connect(settings.database()), small.truth)


@pytest.fixture
def busy(make, tmp_path):
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
