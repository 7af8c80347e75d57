"""A store of the newest schema is recognised without Alembic."""

from alembic.config import Config
from alembic.script import ScriptDirectory
from relabel.storage.database import MIGRATIONS, connect, migrate, newest_version, schema_version
from relabel.storage.projects import get_project
from relabel.storage.tables import projects
from sqlalchemy import insert


def test_the_newest_step_is_the_one_that_alembic_would_end_at():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == newest_version()


def test_a_store_says_which_step_it_has_made(tmp_path):
    engine = connect(f"sqlite:///{tmp_path}/store.sqlite3")
    with engine.begin() as connection:
        assert schema_version(connection) is None
    for version in ("0002", newest_version()):
        migrate(engine, version)
        with engine.begin() as connection:
            assert schema_version(connection) == version
    engine.dispose()


def test_in_a_store_of_before_nobody_has_asked_for_more_of_the_audit(tmp_path):
    engine = connect(f"sqlite:///{tmp_path}/store.sqlite3")
    migrate(engine, "0015")
    with engine.begin() as connection:
        connection.execute(insert(projects).values(id=7, created_at="", connected_at="", before={}))
    migrate(engine)
    with engine.begin() as connection:
        assert get_project(connection, 7).audit_until == {}
    engine.dispose()
