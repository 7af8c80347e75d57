"""The demo as its users run it: headless twice, then interactively until Ctrl-C.

By default with some of its images; with all of them, as `relabel demo`, by `make test-long`.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from relabel.demo.annotators import poll
from relabel.demo.figures import MEANINGS

pytestmark = [pytest.mark.live, pytest.mark.slow]

HEADLESS_SECONDS = 900
RELABEL = (str(Path(sys.executable).with_name("relabel")),)
ALL, FEW = 1797, 200
WITH_FEW = f"""
import functools
from relabel.cli import main
from relabel.demo import digits
digits.load = functools.partial(digits.load, limit={FEW})
main()
"""
"""The command `relabel` whose demo has the first digits only."""


def command(relabel, label_studio, home, *arguments):
    folder = Path(label_studio.server.process.args[0]).parent
    return [*relabel, "demo", "--home", str(home), "--label-studio-bin", str(folder), *arguments]


def run_headless(relabel, label_studio, home, votes):
    result = home / "figures.json"
    arguments = ("--headless", "--annotators", "2", "--votes", str(votes), "--json", str(result))
    with subprocess.Popen(command(relabel, label_studio, home, *arguments)) as demo:
        try:
            assert demo.wait(HEADLESS_SECONDS) == 0
        finally:
            demo.terminate()  # it stops what it started; does nothing to one that has ended
    return json.loads(result.read_text())


@pytest.mark.parametrize(
    ("relabel", "images"),
    [
        pytest.param((sys.executable, "-c", WITH_FEW), FEW, id="few images"),
        pytest.param(RELABEL, ALL, marks=pytest.mark.long, id="all images"),
    ],
)
def test_the_demo_finds_wrong_labels_continues_and_stops(label_studio, tmp_path, relabel, images):
    home = tmp_path / "demo"
    home.mkdir()
    first = run_headless(relabel, label_studio, home, votes=10)
    assert set(first) == set(MEANINGS)
    assert first["tasks"] == images
    assert first["initial_noise_rate"] == pytest.approx(0.2, abs=1e-3)
    assert first["votes"] == first["votes_in_label_studio"] == first["votes_in_store"] == 10
    assert first["queue_order_exact"] is True
    assert first["rounds"] >= 2
    assert first["served_wrong"] > 2 * first["expected_served_wrong_random"]

    second = run_headless(relabel, label_studio, home, votes=14)
    assert second["votes"] == second["votes_in_label_studio"] == second["votes_in_store"] == 14
    assert second["queue_order_exact"] is True
    assert second["served_wrong"] >= first["served_wrong"]

    log = tmp_path / "interactive.log"
    with log.open("wb") as output:
        demo = subprocess.Popen(
            command(relabel, label_studio, home),
            stdout=output,
            stderr=output,
            preexec_fn=mind_ctrl_c,  # noqa: PLW1509  no other thread runs here
        )
    try:
        assert poll(lambda: "Label All Tasks" in log.read_text(), seconds=120)
        servers = [int(path.read_text()) for path in home.glob("*/server.pid")]
        assert len(servers) == 2
        assert all(is_running(pid) for pid in servers)
        assert "annotator1@example.com" in log.read_text()
    finally:
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 0
    assert not any(is_running(pid) for pid in servers)


def mind_ctrl_c():
    # A shell that runs the tests in the background has them, and what they start, ignore SIGINT.
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
