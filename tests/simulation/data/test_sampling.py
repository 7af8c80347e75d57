"""Which samples an experiment uses, and which labels they start with."""

from pathlib import Path

import numpy as np
import pytest
from relabel.errors import ConfigurationError
from relabel.simulation.data.dataset import Dataset, certain, normalised_entropy
from relabel.simulation.data.noise_models import heat
from relabel.simulation.data.sampling import (
    ambiguous,
    keep_ambiguous,
    long_tailed,
    long_tailed_sizes,
    reference_labels,
)
from relabel.simulation.data.sources import load_dataset

REAL = Path(__file__).resolve().parents[4] / "shared" / "data"
needs_cifar10h = pytest.mark.skipif(
    not (REAL / "cifar10h_test.npz").exists(), reason="needs CIFAR-10H in ../shared/data"
)


@pytest.fixture(scope="module")
def cifar10h():
    return load_dataset("cifar10h", REAL)


@needs_cifar10h
def test_cifar10h_has_the_published_numbers_of_hard_unanimous_and_tied_images(cifar10h):
    d = cifar10h.distributions
    assert ambiguous(cifar10h).sum() == 454
    assert (d.max(1) == 1).sum() == 4393
    assert np.flatnonzero((d == d.max(1, keepdims=True)).sum(1) > 1).tolist() == [7493, 9246, 9386]
    assert normalised_entropy(d).mean() == pytest.approx(0.0671, abs=5e-5)


@needs_cifar10h
@pytest.mark.parametrize(
    ("temperature", "everything", "hard"),
    [(1, 0.0456, 0.3604), (2, 0.1312, 0.5519), (10, 0.2841, 0.7269), (50, 0.3199, 0.7585)],
)
def test_expected_noise_grows_with_the_temperature_as_published(
    cifar10h, temperature, everything, hard
):
    kept = heat(cifar10h.distributions, temperature)[np.arange(10_000), cifar10h.truth]
    assert 1 - kept.mean() == pytest.approx(everything, abs=5e-5)
    assert 1 - kept[ambiguous(cifar10h)].mean() == pytest.approx(hard, abs=5e-5)


@needs_cifar10h
@pytest.mark.parametrize(
    ("temperature", "noise", "clear", "hard"), [(2, 0.1538, 520, 249), (10, 0.2970, 1152, 333)]
)
def test_subset_and_first_labels_are_the_published_ones(cifar10h, temperature, noise, clear, hard):
    data = keep_ambiguous(cifar10h, 5000)
    labels = reference_labels(data, temperature)
    wrong = labels != data.truth
    assert wrong.mean() == pytest.approx(noise)
    assert (wrong & ~ambiguous(data)).sum() == clear
    assert (wrong & ambiguous(data)).sum() == hard
    if temperature == 2:
        assert labels[:10].tolist() == [8, 9, 0, 5, 5, 1, 9, 1, 7, 7]


def test_subset_keeps_every_ambiguous_sample():
    rows = np.concatenate([np.full((30, 2), 0.5), certain(np.zeros(70, dtype=np.int64), 2)])
    kept = keep_ambiguous(Dataset("made", ("a", "b"), rows), 40)
    assert len(kept) == 40
    assert ambiguous(kept).sum() == 30


def test_subset_that_cannot_hold_the_ambiguous_samples_is_refused():
    data = Dataset("made", ("a", "b"), np.full((30, 2), 0.5))
    with pytest.raises(ConfigurationError, match="30 ambiguous"):
        keep_ambiguous(data, 10)


def test_long_tail_of_nct_crc_has_the_published_sizes():
    sizes = long_tailed_sizes(8763, 9, 100)
    assert sizes.tolist() == [8763, 4927, 2771, 1558, 876, 492, 277, 155, 87]
    assert sizes.sum() == 19_906


def test_long_tailed_sample_has_those_sizes_and_no_repeats():
    truth = np.repeat(np.arange(3), [500, 400, 450])
    rows = long_tailed(truth, 100, np.random.default_rng(0))
    assert np.bincount(truth[rows]).tolist() == [400, 40, 4]
    assert len(set(rows)) == len(rows)
