"""What is wrong is told in one line with the remedy, before anything is made or takes long."""

import os
import sys

import pytest
from relabel.cli import inspect
from relabel.cli.app import main

KEY = "x" * 40


@pytest.fixture
def refused(monkeypatch, tmp_path, capsys):
    """Run a command in an empty folder: refused("status", NAME="value") is what it says."""
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("RELABEL_", "LABEL_STUDIO_"))]:
        monkeypatch.delenv(name)
    # Its handler would outlive the test.
    monkeypatch.setattr("relabel.cli.logs.configure_logging", lambda _settings: None)

    def run(*arguments, **variables):
        before = sorted(tmp_path.rglob("*"))
        environment = {"COLUMNS": "2000", **variables}
        if not any(name.endswith("API_KEY_FILE") for name in variables):
            environment["LABEL_STUDIO_API_KEY"] = KEY
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["relabel", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        assert end.value.code == 1
        assert sorted(tmp_path.rglob("*")) == before, "a refused command made something"
        said = capsys.readouterr()
        (line,) = (said.err + said.out).splitlines()
        return line.removeprefix("Error: ")

    return run


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("--dataset digts", "dataset='digts' is unknown; known: digits, ... meant 'digits'?"),
        ("--selector liner", "selector='liner' is unknown; known: linear, ... meant 'linear'?"),
        ("--score ce,tiered", "score='tiered' is unknown; known: ..."),
        ("--diversity difusion", "diversity='difusion' is unknown; ... meant 'diffusion'?"),
        ("--noise symetric", "noise='symetric' is unknown; known: ... meant 'symmetric'?"),
        ("--paper kim2020 --table 1", "paper='kim2020' is unknown; known: ... meant 'kim2022'?"),
        ("--figure 3", "--figure and --table go with --paper: bernhardt2022, ..."),
        ("--paper kim2022", "--paper kim2022 takes one of --figure and --table; known: figure..."),
        (
            "--paper kim2022 --figure 1 --table 1",
            "--paper kim2022 takes one of --figure and --table; known: figure...",
        ),
        ("--paper kim2022 --figure 7", "figure 7 of kim2022 cannot be run; known: figure 1, ..."),
        (
            "--paper kim2022 --table 1 --scale large",
            "scale='large' is unknown; known: small, paper.",
        ),
        (
            "--noise given",
            "noise='given' needs labels that come with the data; digits has none....",
        ),
        ("--noise-rate 2", "noise_rate=2.0 must lie in [0, 1)..."),
        ("--annotators 0.9,x", "annotators='0.9,x': 'x' is not ACCURACY..."),
        ("--seeds 0", "seeds=0 must be at least 1."),
        ("--budget 0", "budget=0 must be at least 1."),
        ("--retrain-every 0", "retrain_every=0 must be at least 1."),
        ("--out file", "--out file is a file; name a folder."),
        ("--out file/below", "--out file/below: ... is a file, no folder."),
        ("--dataset image_folder --data-dir no", "--data-dir no: No such file or directory;..."),
        ("--dataset image_folder --data-dir file", "--data-dir file: Not a directory;..."),
        (
            "--dataset csv --data-dir no",
            "... needs labels.csv in --data-dir no (no such folder)...",
        ),
        ("--dataset csv --data-dir folder", "... needs labels.csv in --data-dir folder, with..."),
        ("--dataset csv --data-dir file", "file is empty; its first row names the columns."),
        ("--dataset label_studio --data-dir no", "... export.json in --data-dir no (no such..."),
        ("--dataset label_studio --data-dir file", "file, line 1, column 1: no JSON: ..."),
        (
            "--dataset medmnist --data-dir file",
            "... in --data-dir file (a file, no folder); found...",
        ),
        (
            "--dataset isic2019 --data-dir no",
            "...GroundTruth.csv... --data-dir no (no such folder)...",
        ),
        (
            "--paper kim2022 --figure 2 --data-dir no",
            "In --data-dir no (no such folder) there is no cifar10h_test.npz ... from https://...",
        ),
    ],
)
def test_a_simulation_is_refused(refused, options, why):
    said = refused("simulate", *options.split()).replace("Did you mean", "meant")
    for part in why.split("..."):
        assert part.strip() in said
        said = said[said.index(part.strip()) :]


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ("--home file", "--home file is a file; name a folder."),
        ("--home new --json folder", "--json folder is a folder; name a file in it."),
        ("--home new --json no/x.json", "--json no/x.json: the folder "),
        (
            "--home new --label-studio-bin no",
            "no/label-studio does not exist. `make demo` installs",
        ),
    ],
)
def test_a_demo_is_refused(refused, options, why):
    assert refused("demo", *options.split()).startswith(why)


@pytest.mark.parametrize(
    "command", ["round", "cancel", "stop", "pause", "audit", "log", "forecast", "detach"]
)
def test_a_command_about_a_project_makes_no_store(refused, command):
    assert refused(command, "-p", "1") == (
        "No project is connected: there is no store in RELABEL_DATA_DIR = relabel-data. Go to the "
        "folder that it is meant from, or connect one: relabel connect --project 1"
    )
    assert "RELABEL_DATA_DIR = relabel-data" in refused("status")


@pytest.mark.parametrize(
    ("variables", "why"),
    [
        ({"RELABEL_POLICY_FILE": "no.toml"}, "RELABEL_POLICY_FILE = no.toml: No such file"),
        (
            {"RELABEL_POLICY_FILE": "folder"},
            "RELABEL_POLICY_FILE = folder is a folder; name a file.",
        ),
        (
            {"RELABEL_LABEL_STUDIO_API_KEY_FILE": "no"},
            "RELABEL_LABEL_STUDIO_API_KEY_FILE = no: No such file",
        ),
        (
            {"RELABEL_IMAGE_HOSTS": "a.org"},
            "Settings: RELABEL_IMAGE_HOSTS = 'a.org': lists are JSON",
        ),
        ({"RELABEL_PORT": "x"}, "Settings: RELABEL_PORT = 'x': Input should be a valid integer"),
    ],
)
def test_a_server_is_refused(refused, variables, why):
    assert refused("serve", **variables).startswith(why)


def test_a_store_that_is_no_store_is_told_in_one_line(refused, tmp_path):
    (tmp_path / "folder" / "relabel.sqlite3").write_text("no database at all")
    said = refused("status", RELABEL_DATA_DIR="folder")
    assert said.startswith("The store cannot be opened (file is not a database). Check RELABEL_")
    said = refused("doctor", RELABEL_DATA_DIR="file/x")
    assert said.startswith("The store cannot be opened (")
    assert "Not a directory). Check" in said


def test_trouble_of_the_system_is_told_in_one_line(refused, monkeypatch):
    def full(_settings):
        raise OSError(28, "No space left on device", "relabel-data/x")

    monkeypatch.setattr(inspect, "refuse_missing_store", full)
    said = refused("status")
    assert said == "relabel-data/x: No space left on device; make room on the disk."
