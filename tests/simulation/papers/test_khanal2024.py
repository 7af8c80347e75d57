"""What the experiments of Khanal et al. 2024 are run and scored on."""

from pathlib import Path

import numpy as np
from relabel.simulation.data.dataset import HeldOut
from relabel.simulation.papers.khanal2024 import figure3
from relabel.simulation.papers.parts.entry import Job, Numbers
from rich.console import Console

NUMBERS = Numbers(seeds=1, samples=10_000, tested=10_000, batch=10, rounds=1)


def test_a_long_tail_leaves_every_class_to_the_test_set(monkeypatch, tmp_path):
    """A long tail takes all there is of its first class, so the test set is drawn before it."""
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(10), 2000))
    pool = HeldOut(np.arange(20_000, dtype=np.float32)[:, None], labels)
    seen = []
    papers = "relabel.simulation.papers"
    monkeypatch.setattr(f"{papers}.khanal2024.figure3.cifar10_training_features", lambda _: pool)
    monkeypatch.setattr(f"{papers}.parts.data.cifar10_training_features", lambda _: pool)
    monkeypatch.setattr(f"{papers}.khanal2024.figure3.campaigns", lambda *_: ())
    monkeypatch.setattr(
        f"{papers}.khanal2024.figure3.f1_curve",
        lambda data, _runs, test, _budget: str(seen.append((data, test))),
    )
    figure3.figure3(Job(Path(), tmp_path, NUMBERS, 1, Console()))
    data, test = seen[0]
    assert np.bincount(test.labels, minlength=10).min() > 900
    sizes = np.bincount(data.truth)
    assert sizes[0] > 900
    assert sizes[0] == 100 * sizes[9] + sizes[0] % 100
    assert not set(test.features[:, 0]) & set(data.features[:, 0])
