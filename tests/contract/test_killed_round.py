"""A killed training goes on where it was; the next round may start from its weights."""

import io
import signal
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from relabel.learning.data import TrainingData
from relabel.learning.selectors.registry import select
from relabel.service.rounds.progress import RoundProgress
from relabel.service.rounds.run import run_round
from wiring import connect_project

EPOCHS = 6
FEW = {"epochs": EPOCHS}
SELECTORS = {
    "co_teaching": FEW,
    "ensemble": {"of": ["co_teaching", "vanilla"], "options": {"co_teaching": FEW, "vanilla": FEW}},
    "cross_fit": {"of": "vanilla", "folds": 2, "options": {"vanilla": FEW}},
    "auto": {"fallback": "vanilla", "options": {"vanilla": FEW}},
}


@pytest.fixture(autouse=True)
def saved_at_once(monkeypatch):
    monkeypatch.setattr("relabel.learning.training.checkpoints.SAVE_EVERY_SECONDS", 0.0)


@pytest.fixture
def project(context, fake):
    """Connect 16 labelled pictures under a policy."""

    def make(selector, options, extra=""):
        number = fake.add_project(["cat", "dog"] * 8)
        for place, task in enumerate(sorted(fake.tasks)):
            levels = np.random.default_rng(place).integers(0, 90, (16, 16)) + 120 * (place % 2)
            buffer = io.BytesIO()
            Image.fromarray(levels.astype(np.uint8)).save(buffer, "PNG")
            fake.files[fake.tasks[task]["data"]["image"]] = buffer.getvalue()
        told = ", ".join(f"{key} = {written(value)}" for key, value in options.items())
        lines = f'encoder = "tiny"\nselector = "{selector}"\nselector_options = {{{told}}}\n{extra}'
        connect_project(context, number, lines)
        return number

    return make


def written(value):
    """Return a value in TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {written(v)}" for k, v in value.items()) + "}"
    return repr(value)


@pytest.fixture
def epochs(monkeypatch):
    """What rounds tell of their trainings, as (epoch, of how many); `dies_at` ends them."""
    told = []

    def tell(_progress, stage, done, total):
        if stage == "train":
            told.append((done, total))
            if len(told) == tell.dies_at:
                raise SystemExit(143)

    tell.dies_at = 0
    monkeypatch.setattr(RoundProgress, "__call__", tell)
    return told, tell


@pytest.mark.slow
@pytest.mark.parametrize("selector", SELECTORS)
def test_a_killed_round_goes_on_with_its_training(context, project, epochs, selector):
    told, tell = epochs
    number = project(selector, SELECTORS[selector])
    tell.dies_at = 4
    with pytest.raises(SystemExit):
        run_round(context, number)
    tell.dies_at = 0
    before = list(told)
    told.clear()
    run_round(context, number)
    assert before == [(1, EPOCHS), (2, EPOCHS), (3, EPOCHS), (4, EPOCHS)]
    # The last epoch was told before it was kept.
    assert told[:3] == [(4, EPOCHS), (5, EPOCHS), (6, EPOCHS)]
    # What is left of it belongs to that round alone.
    assert not (context.folder(number) / "training").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("epochs")
@pytest.mark.parametrize("warm", [False, True])
def test_a_round_starts_from_the_last_ones_weights_where_the_policy_says_so(context, project, warm):
    number = project("vanilla", FEW, f"warm_start = {str(warm).lower()}\n")
    first, second = (run_round(context, number).record for _ in range(2))
    assert (first["warm_start"], second["warm_start"]) == (0, int(warm))
    assert second["epochs"] == (EPOCHS // 2 if warm else EPOCHS)
    assert (context.folder(number) / "weights").exists() == warm
    assert not (context.folder(number) / "training").exists()


KILLED = """
import os, signal, sys
from pathlib import Path
import numpy as np
import relabel.learning.training.checkpoints as checkpoints
from relabel.learning.data import TrainingData
from relabel.learning.selectors.registry import select
checkpoints.SAVE_EVERY_SECONDS = 0.0
with np.load(sys.argv[2]) as kept:
    data = TrainingData(kept["ids"], kept["counts"], kept["vectors"])
def dies(stage, done, total):
    if (stage, done) == ("train", 4):
        os.kill(os.getpid(), signal.SIGKILL)
options = {"of": ["co_teaching"], "options": {"co_teaching": {"epochs": 6}}}
select("ensemble", data, options, seed=1, checkpoint=Path(sys.argv[1]), progress=dies)
"""


@pytest.mark.slow
def test_a_process_that_was_ended_from_outside_loses_an_epoch_at_most(tmp_path):
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 2
    vectors = (rng.normal(size=(40, 8)) + 2 * labels[:, None]).astype(np.float32)
    data = TrainingData(np.arange(40), np.eye(2, dtype=np.int64)[labels], vectors)
    np.savez(tmp_path / "data", ids=data.task_ids, counts=data.counts, vectors=data.vectors)
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(tmp_path / "data.npz")]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    told = []
    options = {"of": ["co_teaching"], "options": {"co_teaching": FEW}}
    again = select(
        "ensemble",
        data,
        options,
        seed=1,
        checkpoint=tmp_path,
        progress=lambda stage, done, _: told.append(done) if stage == "train" else None,
    )
    assert told == [4, 5, 6]
    whole = select("ensemble", data, options, seed=1)
    np.testing.assert_array_equal(again.members, whole.members)
