"""What people see who type a command: figures in tables, mistakes in one line with the remedy."""

import json
import os
import socket
import subprocess
import sys

import pytest
from relabel.service.insight.status import project_status
from relabel.settings import Settings
from relabel.storage.database import open_database
from seeded_store import Campaign, seed_store

pytestmark = pytest.mark.slow  # each starts programs


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Two connected projects without a round."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("cli"), label_studio_api_key="x" * 40)
    engine = open_database(settings.database())
    for number, title in ((1, "Digits"), (2, "More digits")):
        seed_store(engine, settings, Campaign(number, title, tasks=12, rounds=0, pictures=0))
    figures = {n: project_status(engine, settings, n) for n in (1, 2)}
    engine.dispose()
    return settings.data_dir, figures


@pytest.fixture
def relabel(tmp_path):
    """Run the command as in a terminal of 80 columns: relabel("status", NAME="value")."""

    def run(*arguments, **variables):
        names = ("PATH", "HOME", "LANG", "TMPDIR")
        environment = {key: os.environ[key] for key in names if key in os.environ}
        defaults = {"COLUMNS": "80", "RELABEL_DATA_DIR": str(tmp_path / "data")}
        done = subprocess.run(
            [sys.executable, "-m", "relabel", *arguments],
            env=environment | defaults | variables,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done

    return run


def test_status_without_a_number_lists_every_project(relabel, store):
    folder, figures = store
    shown = relabel("status", RELABEL_DATA_DIR=str(folder)).stdout
    for number, title in ((1, "Digits"), (2, "More digits")):
        assert f"Project {number}: {title}" in shown
    found = json.loads(relabel("status", "--json", RELABEL_DATA_DIR=str(folder)).stdout)
    assert found == [json.loads(json.dumps(figures[n])) for n in (1, 2)]
    one = json.loads(relabel("status", "-p", "2", "--json", RELABEL_DATA_DIR=str(folder)).stdout)
    assert one == found[1]


def test_what_could_be_undone_or_cancelled_is_told_before_it_is_done(relabel, tmp_path):
    """Without a run nothing is undone; there is nothing to cancel where no round runs."""
    settings = Settings(data_dir=tmp_path / "data", label_studio_api_key="x" * 40)
    engine = open_database(settings.database())
    seed_store(engine, settings, Campaign(tasks=40, votes=6, rounds=1, pictures=0))
    engine.dispose()
    shown = relabel("undo", "-p", "1", LABEL_STUDIO_API_KEY="x" * 40).stdout
    assert "--run round-1" in shown
    assert "No vote is lost: all 6 count as before." in shown
    for name in ("cancel", "stop"):  # as it was called before
        done = relabel(name, "-p", "1", LABEL_STUDIO_API_KEY="x" * 40)
        assert (done.returncode, "not running" in done.stderr) == (1, True)


def test_status_of_nothing_says_how_to_connect(relabel):
    done = relabel("status")
    assert done.returncode == 1
    assert "relabel connect --project 1" in " ".join(done.stderr.split())


def test_the_server_refuses_a_wrong_policy_file_before_it_listens(relabel, tmp_path):
    (tmp_path / "policy.toml").write_text("windw = 3\n")
    done = relabel("serve", RELABEL_POLICY_FILE="policy.toml", LABEL_STUDIO_API_KEY="x" * 40)
    assert done.returncode == 1
    assert "windw" in done.stderr


def test_a_port_that_is_taken_is_named(relabel):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = relabel(
            "serve",
            "--no-worker",
            RELABEL_HOST="127.0.0.1",
            RELABEL_PORT=port,
            LABEL_STUDIO_API_KEY="x" * 40,
        )
    assert done.returncode == 1
    assert f"RELABEL_PORT = {port}" in " ".join(done.stderr.split())


def test_doctor_keeps_long_lines_beside_their_check(relabel):
    """Every line fits the terminal; what goes on stands under its own text, not at the margin."""
    done = relabel("doctor", LABEL_STUDIO_API_KEY="x" * 40, LABEL_STUDIO_URL="http://127.0.0.1:1")
    lines = done.stdout.splitlines()
    assert all(len(line) <= 80 for line in lines)
    start = next(line for line in lines if "label studio:" in line).index("Label Studio at")
    follows = lines[1 + next(i for i, line in enumerate(lines) if "label studio:" in line)]
    assert follows.startswith(" " * start)
    assert done.returncode == 1


def test_commands_are_listed_under_headings(relabel):
    shown = relabel("--help").stdout
    for heading in ("Set up", "Watch and steer", "Take out what was found"):
        assert heading in shown
    assert "completion" not in shown
    assert " cancel " in shown
    assert " stop " not in shown  # the name that it had before
