"""Reliability."""

import numpy as np
import pytest
from relabel.numerics.estimates.calibration import reliability


def drawn(power, n=20_000, seed=0):
    """Votes drawn from honest probabilities, those to a power, and those."""
    rng = np.random.default_rng(seed)
    honest = rng.dirichlet(np.ones(4) * 0.7, n)
    labels = (rng.random((n, 1)) > np.cumsum(honest, axis=1)).sum(1).clip(max=3)
    skewed = honest**power
    return skewed / skewed.sum(1, keepdims=True), np.eye(4, dtype=int)[labels], honest


def test_unlabelled_tasks_are_left_out():
    skewed, counts, _ = drawn(2.0, n=2000)
    more = np.concatenate([counts, np.zeros((500, 4), int)])
    padded = np.concatenate([skewed, np.full((500, 4), 0.25)])
    assert reliability(padded, more).error == reliability(skewed, counts).error


def test_reliability_by_hand():
    probs = np.array([[0.9, 0.1], [0.9, 0.1], [0.7, 0.3], [0.4, 0.6], [1, 0]])
    counts = np.array([[1, 0], [0, 1], [1, 0], [0, 2], [1, 0]])
    found = reliability(probs, counts, bins=5)
    assert found.tasks.tolist() == [0, 0, 1, 1, 3]
    np.testing.assert_allclose(found.confidence, [np.nan, np.nan, 0.6, 0.7, 2.8 / 3])
    np.testing.assert_allclose(found.accuracy, [np.nan, np.nan, 1, 1, 2 / 3])
    assert found.error == pytest.approx((0.4 + 0.3 + 3 * (2.8 / 3 - 2 / 3)) / 5)


def test_where_two_classes_are_likeliest_half_of_the_votes_are_expected():
    probs, counts = np.full((2, 2), 0.5), np.array([[1, 0], [0, 3]])
    assert reliability(probs, counts).error == 0
    assert reliability(probs, counts[::-1]).error == 0


def test_probabilities_that_claim_too_much_have_an_error_and_honest_ones_hardly_any():
    skewed, counts, honest = drawn(2.5)
    assert reliability(skewed, counts).error > 0.1
    assert reliability(honest, counts).error < 0.02
