"""What the experiments of Khanal et al. 2024 are run on, trained on and scored on."""

from pathlib import Path

import numpy as np
import pytest
from relabel.simulation.data.dataset import HeldOut
from relabel.simulation.papers.khanal2024.protocol import Noise, Study, Way, trained_on
from relabel.simulation.papers.parts.entry import Job, Numbers
from rich.console import Console

NUMBERS = Numbers(seeds=1, samples=10_000, tested=10_000, batch=10, rounds=1)


@pytest.fixture
def study(monkeypatch, tmp_path):
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(10), 2000))
    pool = HeldOut(np.arange(20_000, dtype=np.float32)[:, None], labels)
    for room in ("khanal2024.protocol", "parts.data"):
        where = f"relabel.simulation.papers.{room}.cifar10_training_features"
        monkeypatch.setattr(where, lambda _: pool)
    return Study.of(Job(Path(), tmp_path, NUMBERS, 1, Console()), Noise(0.5, 0.2))


def test_a_long_tail_leaves_every_class_to_the_test_set(study):
    """A long tail takes all there is of its first class, so the test set is drawn before it."""
    assert np.bincount(study.test.labels, minlength=10).min() > 900
    sizes = np.bincount(study.data.truth)
    assert sizes[0] > 900
    assert sizes[0] == 100 * sizes[9] + sizes[0] % 100
    assert not set(study.test.features[:, 0]) & set(study.data.features[:, 0])


@pytest.mark.parametrize(
    ("start", "before", "after"),
    [
        ("kept", [True, False, False], [True, True, False]),
        ("nothing", [False, False, False], [False, True, False]),
        ("all at first", [True, True, True], [False, True, False]),
        ("all", [True, True, True], [True, True, True]),
    ],
)
def test_a_network_learns_what_is_kept_and_what_experts_said(start, before, after):
    kept = np.array([start == "kept", False, False])
    for asked, wanted in (([False] * 3, before), ([False, True, False], after)):
        rows = trained_on(Way(start, "random"), kept, np.array(asked))
        assert rows.tolist() == wanted


def test_noise_is_drawn_anew_for_each_seed_and_keeps_its_rate(study):
    first, second = study.first_labels(0), study.first_labels(1)
    assert (first != second).any()
    assert (first != study.data.truth).mean() == pytest.approx(0.5, abs=0.05)
