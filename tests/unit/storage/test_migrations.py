"""A store of the newest schema is recognised without Alembic."""

from alembic.config import Config
from alembic.script import ScriptDirectory
from relabel.storage.database import MIGRATIONS, connect, migrate, newest_version, schema_version


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
