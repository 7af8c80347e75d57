"""Threads of a round: as the user has set them, else quiet ones and no more than processors."""

import os
import subprocess
import sys

import pytest
from relabel import machine
from relabel.service.rounds import process
from workers import until, working

NAMES = ("OMP_WAIT_POLICY", "OMP_NUM_THREADS")

SHOW = """
import os, sys
import relabel.service.rounds.due
import relabel.service.rounds.run
from relabel.cli.app import main
def show(context, number, **_):
    import torch
    print("THREADS", torch.get_num_threads(), os.environ["OMP_WAIT_POLICY"])
    sys.exit(0)
relabel.service.rounds.run.run_round = show
relabel.service.rounds.due.round_due_now = lambda *_: "asked for"
sys.argv = ["relabel", "round", "--project", "1"]
main()
"""


def shown(context, **changes):
    """Return what the command finds when torch is there, and what OpenMP says that it has read."""
    environment = {k: v for k, v in os.environ.items() if k not in NAMES} | {
        "LABEL_STUDIO_API_KEY": "f" * 40,
        "RELABEL_DATA_DIR": str(context.settings.data_dir),
        "RELABEL_DATABASE_URL": context.settings.database_url,
        "OMP_DISPLAY_ENV": "true",
    }
    done = subprocess.run(
        [sys.executable, "-c", SHOW],
        env=environment | changes,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout, done.stderr


@pytest.mark.slow
def test_the_command_sets_the_threads_before_torch_reads_them(context):
    out, err = shown(context)
    assert f"THREADS {machine.processors()} PASSIVE" in out, err
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in err


@pytest.mark.slow
def test_the_command_leaves_what_the_user_has_set(context):
    out, err = shown(context, OMP_WAIT_POLICY="ACTIVE", OMP_NUM_THREADS="1")
    assert "THREADS 1 ACTIVE" in out, err
    assert "OMP_WAIT_POLICY = 'ACTIVE'" in err


@pytest.mark.parametrize("own", [{}, {"OMP_WAIT_POLICY": "ACTIVE"}, {"OMP_NUM_THREADS": "7"}])
def test_a_worker_starts_rounds_with_quiet_threads(context, connected, monkeypatch, own):
    started = []
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(
        process.subprocess, "run", lambda _, **options: started.append(options["env"])
    )
    connected(["cat", "dog"])
    with working(context):
        assert until(lambda: started)
    wanted = {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": str(machine.processors())} | own
    environment = started[0]
    assert {name: environment[name] for name in NAMES} == wanted
    assert environment["PATH"] == os.environ["PATH"]


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ({}, None),
        ({"cpu.max": "max 100000"}, None),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({"cpu/cpu.cfs_quota_us": "100000", "cpu/cpu.cfs_period_us": "100000"}, 1),
    ],
)
def test_a_container_has_the_processors_that_it_may_use(tmp_path, files, wanted):
    write(tmp_path, files)
    assert machine.processors(tmp_path) == (wanted or len(os.sched_getaffinity(0)))


@pytest.mark.parametrize("name", ["memory.max", "memory/memory.limit_in_bytes"])
@pytest.mark.parametrize(
    ("text", "limited"), [("max", False), ("1048576", True), ("9" * 18, False)]
)
def test_a_container_has_the_memory_that_it_may_use(tmp_path, name, text, limited):
    whole = machine.all_memory(tmp_path)
    assert whole > 2**28
    write(tmp_path, {name: text})
    assert machine.all_memory(tmp_path) == (2**20 if limited else whole)


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"{text}\n")
