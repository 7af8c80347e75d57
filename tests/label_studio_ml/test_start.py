"""The options with which label-studio-ml and people run `_wsgi.py`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from relabel.errors import ConfigurationError
from relabel.label_studio_ml.start import told_options
from relabel.settings import Settings

pytestmark = pytest.mark.slow  # each starts programs

BACKEND = Path(__file__).parents[2] / "backend"


def told_settings(arguments):
    return Settings.from_env(**told_options(arguments))


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("RELABEL_PORT", "9191")
    monkeypatch.setenv("PORT", "9292")
    monkeypatch.setenv("RELABEL_HOST", "127.0.0.2")
    monkeypatch.setenv("RELABEL_LOG_LEVEL", "ERROR")


def test_without_options_the_environment_decides():
    settings = told_settings([])
    assert (settings.host, settings.port) == ("127.0.0.2", 9191)
    assert settings.log_level == "ERROR"
    assert settings.basic_auth() is None


def test_options_go_before_the_environment(monkeypatch):
    monkeypatch.setenv("BASIC_AUTH_USER", "somebody")
    monkeypatch.setenv("BASIC_AUTH_PASS", "else")
    password = ["--basic-auth-user", "u", "--basic-auth-pass", "p"]
    settings = told_settings(["-p", "9000", "--host", "::1", "--log-level", "INFO", *password])
    assert (settings.host, settings.port, settings.log_level) == ("::1", 9000, "INFO")
    assert settings.basic_auth() == ("u", "p")


@pytest.mark.parametrize("name", ["--basic-auth-user", "--basic-auth-pass"])
def test_half_a_password_is_refused(name):
    with pytest.raises(ConfigurationError, match="set both BASIC_AUTH_USER and BASIC_AUTH_PASS"):
        told_settings([name, "x"])


@pytest.mark.parametrize(
    "option",
    [
        ["--model-dir", "/m"],
        ["--check"],
        ["-d"],
        ["--debug"],
        ["--with", "a=1"],
        ["--kwargs", "a=1"],
    ],
)
def test_options_of_other_backends_are_refused_by_name(option, capsys):
    with pytest.raises(SystemExit):
        told_settings(option)
    assert option[0] in capsys.readouterr().err


@pytest.mark.parametrize("folder", ["", "relabel/label_studio_ml"])
def test_both_folders_can_be_started(folder, tmp_path):
    command = [sys.executable, str(BACKEND / folder / "_wsgi.py"), "--port", "0"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "PORT = '0'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("folder", ["", "relabel/label_studio_ml"])
def test_other_servers_find_the_application_in_both(folder, tmp_path):
    program = "import _wsgi; print(_wsgi.app.test_client().get('/health').get_json()['status'])"
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(BACKEND / folder), str(BACKEND)]),
        "RELABEL_DATA_DIR": str(tmp_path),
    }
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "UP", done.stderr
