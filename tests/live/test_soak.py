"""The soak of benchmarks/soak.py with tiny numbers: what must hold there holds here too."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.live, pytest.mark.slow]

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "soak.py"
NUMBERS = {
    "tasks": 200,
    "images": 100,
    "votes": 50,
    "annotators": 4,
    "kill-every": 15,
    "restart-label-studio": 1,
    "drop": 0.1,
    "duplicate": 0.1,
    "retrain-after": 25,
    "window": 15,
}


@pytest.mark.usefixtures("label_studio")  # which skips where Label Studio is not installed
def test_a_small_soak_breaks_no_promise():
    numbers = [text for key, value in NUMBERS.items() for text in (f"--{key}", str(value))]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *numbers], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert done.stdout.rstrip().endswith("everything held")
