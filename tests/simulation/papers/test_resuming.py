"""An entry that was killed goes on where it was, and ends as if it had not been."""

import json
import signal
import subprocess
import sys
import time

import pytest

WORK = """
import sys
from pathlib import Path
from relabel.simulation.data.sources import arrays
from relabel.simulation.papers.parts.entry import Job, Numbers
from relabel.simulation.papers.registry import ENTRIES
from relabel.simulation.papers.run import run_entry
from rich.console import Console

data, out, digest = sys.argv[1:]
arrays.CIFAR10H_COUNTS = digest
numbers = Numbers(seeds=1, samples=200, tested=200, batch=10, rounds=2)
job = Job(Path(data), Path(out), numbers, 1, Console(quiet=True))
run_entry(ENTRIES["bernhardt2022", "figure 3"], "small", job, {})
"""


def start(data_dir, out):
    from relabel.simulation.data.sources import arrays

    command = [sys.executable, "-c", WORK, str(data_dir), str(out), arrays.CIFAR10H_COUNTS]
    return subprocess.Popen(command)


def summary(out):
    rows = json.loads((out / "summary.json").read_text())["rows"]
    return [{k: v for k, v in row.items() if not k.startswith("seconds")} for row in rows]


@pytest.mark.slow
def test_an_entry_goes_on_after_it_was_killed(data_dir, tmp_path):
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    first = start(data_dir, killed)
    while first.poll() is None and len(list((killed / "runs").glob("*.json"))) < 2:
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.wait()
    done = {path: path.stat().st_mtime_ns for path in (killed / "runs").glob("*.json")}
    assert not (killed / "summary.json").exists()
    assert start(data_dir, killed).wait() == 0
    assert {path: path.stat().st_mtime_ns for path in done} == done, "nothing is run twice"
    assert start(data_dir, whole).wait() == 0
    assert summary(killed) == summary(whole)
