"""Initial labels are wrong as often, and where, the noise model says."""

import numpy as np
import pytest
from relabel.errors import ConfigurationError
from relabel.simulation.data.dataset import Dataset, certain
from relabel.simulation.data.noise_models import (
    NOISE_MODELS,
    heat,
    instance_rows,
    make_noise,
    symmetric_matrix,
    temperature,
)

N, K = 20_000, 10
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer")
CIFAR10 += ("dog", "frog", "horse", "ship", "truck")


@pytest.fixture(scope="module")
def certain_data():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, K, N)
    features = rng.standard_normal((N, 8)).astype(np.float32)
    return Dataset("made", CIFAR10, certain(truth, K), features=features, given=truth)


def wrong(data, name, rate, seed=1):
    labels = make_noise(name, data, np.random.default_rng(seed), rate=rate)
    return labels, (labels != data.truth).mean()


def margin(rate):
    return 4 * np.sqrt(rate * (1 - rate) / N)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("symmetric", 0.4),
        ("symmetric_inclusive", 0.36),
        ("pair_flip", 0.4),
        ("class_symmetry", 0.4),
        ("instance", 0.4),
        ("clusters", 0.4),
    ],
)
def test_realised_rate_is_the_expected_one(certain_data, name, expected):
    assert abs(wrong(certain_data, name, 0.4)[1] - expected) < margin(expected)


def test_class_dependent_noise_keeps_to_the_pairs_that_people_confuse(certain_data):
    labels, rate = wrong(certain_data, "class_dependent", 0.4)
    assert abs(rate - 0.2) < margin(0.2)
    moved = labels != certain_data.truth
    ends = zip(certain_data.truth[moved], labels[moved], strict=True)
    pairs = {(CIFAR10[a], CIFAR10[b]) for a, b in ends}
    assert pairs == {
        ("truck", "automobile"),
        ("bird", "airplane"),
        ("deer", "horse"),
        ("cat", "dog"),
        ("dog", "cat"),
    }


def test_pair_flip_moves_to_the_next_class_only(certain_data):
    labels, _ = wrong(certain_data, "pair_flip", 0.3)
    assert set((labels - certain_data.truth) % K) == {0, 1}


def test_class_symmetry_with_its_diagonal_is_weaker_by_one_class(certain_data):
    labels = NOISE_MODELS["class_symmetry"](
        certain_data, np.random.default_rng(3), rate=0.8, keep_diagonal=True
    )
    assert abs((labels != certain_data.truth).mean() - 0.72) < 0.03


@pytest.mark.slow
def test_every_model_is_repeatable_and_seeds_differ(certain_data):
    for name in set(NOISE_MODELS) - {"given", "temperature"}:
        first, again, other = (wrong(certain_data, name, 0.3, seed)[0] for seed in (1, 1, 2))
        assert (first == again).all()
        assert (first != other).any()


def test_rows_of_the_symmetric_matrix_sum_to_one():
    matrix = symmetric_matrix(4, 0.3)
    assert matrix.sum(1) == pytest.approx(np.ones(4))
    assert matrix.diagonal() == pytest.approx(np.full(4, 0.7))


def test_heated_distribution_of_a_crowd_equals_the_worked_example():
    d = np.array([[0.8, 0.16, 0.04, 0.0]])
    assert heat(d, 2)[0] == pytest.approx([0.598508, 0.267661, 0.133831, 0], abs=1e-6)
    assert 1 - heat(d, 10)[0, 0] == pytest.approx(0.614268, abs=1e-6)
    assert 1 - heat(d, 1e6)[0, 0] == pytest.approx(2 / 3, abs=1e-4)


def test_temperature_noise_reaches_the_wanted_rate_and_spares_unanimous_samples():
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.full(4, 0.4), size=N)
    rows[: N // 2] = certain(rng.integers(0, 4, N // 2), 4)
    data = Dataset("crowd", ("a", "b", "c", "d"), rows)
    labels = temperature(data, rng, rate=0.2)
    assert abs((labels != data.truth).mean() - 0.2) < margin(0.2)
    assert (labels[: N // 2] == data.truth[: N // 2]).all()


def test_instance_rows_equal_the_worked_example():
    projections = np.zeros((3, 2, 3))
    projections[1] = [[0, 0.1, 0.2], [0.3, 0.4, 0.5]]
    row = instance_rows(np.array([[1, -0.5]]), np.array([1]), np.array([0.4]), projections)
    assert row[0] == pytest.approx([0.190008, 0.6, 0.209992], abs=1e-6)


def test_instance_noise_repeats_on_equal_features():
    truth = np.zeros(2000, dtype=np.int64)
    features = np.ones((2000, 4), dtype=np.float32)
    data = Dataset("same", ("a", "b", "c", "d"), certain(truth, 4), features=features)
    sharp = NOISE_MODELS["instance"](data, np.random.default_rng(0), rate=0.5, sharpness=1e3)
    assert len(set(sharp[sharp != 0])) == 1


def test_noise_by_cluster_swaps_what_looks_alike_to_one_class_with_a_rate_of_its_own():
    rng = np.random.default_rng(0)
    spots = rng.standard_normal((10, 5)) * 50
    where = rng.integers(0, 10, N)
    truth = where % 4
    features = (spots[where] + rng.standard_normal((N, 5))).astype(np.float32)
    data = Dataset("spots", ("a", "b", "c", "d"), certain(truth, 4), features=features)
    labels = NOISE_MODELS["clusters"](data, np.random.default_rng(1), rate=0.3, groups=10)
    wrong = labels != truth
    assert abs(wrong.mean() - 0.3) < margin(0.3)
    rates = [wrong[where == spot].mean() for spot in range(10)]
    assert max(rates) > 2 * min(rates)
    assert all(len(set(labels[wrong & (where == spot)])) == 1 for spot in range(10))


@pytest.mark.parametrize(
    ("name", "rate", "message"),
    [
        ("nonsense", 0.2, "known: given"),
        ("symmetric", None, "noise_rate=None"),
        ("symmetric", 1.5, r"noise_rate=1.5"),
        ("temperature", 0.2, "cannot be reached"),
        ("temperature", None, "either noise_rate or temperature"),
        ("given", 0.2, "leave noise_rate out"),
        ("clusters", None, "noise_rate=None"),
    ],
)
def test_unsuitable_noise_is_refused_with_the_remedy(certain_data, name, rate, message):
    with pytest.raises(ConfigurationError, match=message):
        make_noise(name, certain_data, np.random.default_rng(0), rate=rate)
