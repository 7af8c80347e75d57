"""Commands that change a project in Label Studio: they say what they do, and how it ended."""

import logging
import sys
from types import SimpleNamespace

import pytest
import stamina
from relabel import __version__
from relabel.cli import main
from served import BACKEND, over_http, served

TOKEN = "f" * 40


@pytest.fixture(autouse=True)
def own_logging():
    """Take back what a command does to the logging of its process."""
    loggers = [logging.getLogger(name) for name in ("", "relabel")]
    before = [(logger.handlers[:], logger.level) for logger in loggers]
    yield
    for logger, (handlers, level) in zip(loggers, before, strict=True):
        logger.handlers[:] = handlers
        logger.setLevel(level)
    stamina.instrumentation.set_on_retry_hooks(None)


@pytest.fixture
def typed(tmp_path, fake, monkeypatch, capsys):
    """Run a command against the imitated Label Studio, beside a backend that answers.

    Within this process: a new one needs longer to start than all that is tested here.
    """
    policy = tmp_path / "policy.toml"
    policy.write_text('encoder = "tiny"\n')  # whose weights nobody has to fetch
    with served(over_http(fake)) as label_studio, served(BACKEND) as backend:
        own = {
            "LABEL_STUDIO_URL": label_studio,
            "LABEL_STUDIO_API_KEY": TOKEN,
            "RELABEL_URL": backend,
            "RELABEL_DATA_DIR": str(tmp_path / "data"),
            "RELABEL_POLICY_FILE": str(policy),
        }

        def run(*arguments, **variables):
            for name, value in (own | variables).items():
                monkeypatch.setenv(name, value)
            monkeypatch.setattr(sys, "argv", ["relabel", *arguments])
            with pytest.raises(SystemExit) as ended:
                main()
            shown = capsys.readouterr()
            return SimpleNamespace(returncode=ended.value.code, stdout=shown.out, stderr=shown.err)

        yield run


def words(done):
    """Return what was printed as one line: terminals break it anywhere."""
    return " ".join((done.stdout + done.stderr).split())


def test_a_project_from_connecting_to_detaching(typed, fake):
    number = str(fake.add_project(["cat", "cat", "dog", "dog", "bird"]))
    before = fake.picture(int(number))
    told = words(typed("connect", "-p", number, "--yes"))
    assert "Connected." in told
    assert "Warning" not in told
    told = words(typed("pause", "-p", number))
    assert "Paused: relabelling rests until the project is resumed; the project's" in told
    assert fake.projects[int(number)]["description"].startswith("[Relabel] Paused")
    told = words(typed("resume", "-p", number))
    assert "The project goes on; the first round opens its tasks." in told
    assert fake.projects[int(number)]["description"] == ""
    refused = typed("forget", "-p", number, "--yes")
    assert refused.returncode == 1
    assert f"relabel detach --project {number}" in words(refused)
    done = typed("detach", "-p", number, "--yes")
    assert f"Project {number} is as it was before relabelling" in words(done)
    assert "reading the last votes" in done.stderr, "how far it is goes to standard error"
    assert fake.picture(int(number)) == before


def test_more_of_the_audit_is_told_first_then_asked_for_and_taken_back(typed, fake):
    number = str(fake.add_project(["cat", "cat", "dog", "dog", "bird"]))
    typed("connect", "-p", number, "--yes")
    told = words(typed("audit", "-p", number, "--tasks", "2"))
    assert "2 tasks of the audit of the whole project are asked about before all others" in told
    assert "about 4 votes" in told
    assert f"To do it: relabel audit --project {number} --tasks 2 --apply" in told
    nothing = "Nothing to ask for or to take back"
    assert nothing in words(typed("audit", "-p", number, "--tasks", "0"))
    told = words(typed("audit", "-p", number, "--tasks", "2", "--apply"))
    assert "The project goes on" in told
    assert nothing in words(typed("audit", "-p", number, "--tasks", "2", "--apply"))
    # As many as are needed, and never taken back because no more are.
    assert "5 tasks of the audit" in words(typed("audit", "-p", number, "--apply"))
    assert nothing in words(typed("audit", "-p", number, "--apply"))
    told = words(typed("audit", "-p", number, "--tasks", "0", "--apply"))
    assert "5 audited tasks that were asked for and wait for people are let go" in told
    assert nothing in words(typed("audit", "-p", number, "--tasks", "0"))


def test_forgetting_says_what_is_forgotten(typed, fake):
    number = str(fake.add_project(["cat", "cat", "dog", "dog"]))
    typed("connect", "-p", number, "--yes")
    fake.delete_project(int(number))
    done = typed("forget", "-p", number, "--yes")
    assert done.returncode == 0
    assert "forgot 4 tasks, 4 annotations and 0 rounds" in words(done)
    assert "does not exist in Label Studio any more" in words(done)


def test_a_backend_that_does_not_run_is_told_before_anything_is_asked(typed, fake):
    number = str(fake.add_project(["cat", "cat", "dog", "dog"]))
    fake.requests.clear()
    nowhere = "http://127.0.0.1:1"
    done = typed("connect", "-p", number, "--dry-run", RELABEL_URL=nowhere)
    assert done.returncode == 0
    assert f"Warning: {nowhere}: the connection is refused" in words(done)
    assert "relabel serve" in words(done)
    done = typed("connect", "-p", number, RELABEL_URL=nowhere)
    assert done.returncode == 1
    assert f"Nothing was written: {nowhere}: the connection is refused" in words(done)
    assert "Go on?" not in words(done)
    assert fake.writes() == []


def test_another_program_at_the_address_is_told_as_such(typed, fake):
    number = str(fake.add_project(["cat", "cat", "dog", "dog"]))
    with served(over_http(fake)) as stranger:
        done = typed("connect", "-p", number, "--dry-run", RELABEL_URL=stranger)
    assert "another program answers at" in words(done)


def test_the_version_is_said(typed):
    assert typed("--version").stdout == f"relabel {__version__}\n"
