"""The soak of benchmarks/soak.py with tiny numbers: what must hold there holds here too."""

import subprocess
import sys
from pathlib import Path

import pytest
from postgresql import MissingError
from stores import store_environment

pytestmark = [pytest.mark.live, pytest.mark.slow]

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "soak.py"
NUMBERS = {
    "tasks": 200,
    "images": 100,
    "votes": 36,
    "annotators": 4,
    "pause": 1,
    "kill-every": 15,
    "restart-label-studio": 1,
    "drop": 0.1,
    "duplicate": 0.1,
    "retrain-after": 18,
    "window": 15,
    "dashboards": 2,
}
SEVERAL = NUMBERS | {"store": "postgresql", "workers": 3, "webs": 2}
SHORT = SEVERAL | {
    "tasks": 60,
    "images": 30,
    "votes": 16,
    "pause": 0.5,
    "kill-every": 8,
    "restart-label-studio": 0,
    "retrain-after": 8,
    "window": 8,
    "workers": 2,
    "dashboards": 1,
}
"""For every change: fewer of everything, and Label Studio stays up."""


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(SHORT, id="short"),
        pytest.param(NUMBERS, marks=pytest.mark.long, id="one machine"),
        pytest.param(SEVERAL, marks=pytest.mark.long, id="several"),
    ],
)
@pytest.mark.usefixtures("label_studio")  # which skips where Label Studio is not installed
def test_a_small_soak_breaks_no_promise(options):
    try:
        with store_environment(options.get("store", "sqlite")):
            pass  # the soak starts servers of its own
    except MissingError as missing:
        pytest.skip(str(missing))
    numbers = [text for key, value in options.items() for text in (f"--{key}", str(value))]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *numbers], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert done.stdout.rstrip().endswith("everything held")
