"""The soak of benchmarks/soak.py with tiny numbers: what must hold there holds here too."""

import os
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


ONE_MACHINE = pytest.mark.skipif(
    "RELABEL_TEST_SOAK" not in os.environ,
    reason="takes three minutes more: make test-soak",
)
SEVERAL = {"store": "postgresql", "workers": 3, "webs": 2}


@pytest.mark.parametrize(
    "more",
    [pytest.param({}, marks=ONE_MACHINE, id="one machine"), pytest.param(SEVERAL, id="several")],
)
@pytest.mark.usefixtures("label_studio")  # which skips where Label Studio is not installed
def test_a_small_soak_breaks_no_promise(more):
    try:
        with store_environment(more.get("store", "sqlite")):
            pass  # the soak starts servers of its own
    except MissingError as missing:
        pytest.skip(str(missing))
    options = NUMBERS | more
    numbers = [text for key, value in options.items() for text in (f"--{key}", str(value))]
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *numbers], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert done.stdout.rstrip().endswith("everything held")
