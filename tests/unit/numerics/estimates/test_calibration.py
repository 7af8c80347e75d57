"""Temperature and reliability."""

import numpy as np
import pytest
from relabel.errors import NotReadyError
from relabel.numerics.estimates.calibration import apply_temperature, fit_temperature, reliability
from relabel.numerics.posteriors import cross_entropy, normalise


def drawn(temperature, n=20_000, seed=0):
    """Votes drawn from honest probabilities, and those probabilities at a wrong temperature."""
    rng = np.random.default_rng(seed)
    honest = rng.dirichlet(np.ones(4) * 0.7, n)
    labels = (rng.random((n, 1)) > np.cumsum(honest, axis=1)).sum(1).clip(max=3)
    return apply_temperature(honest, temperature), np.eye(4, dtype=int)[labels], honest


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_temperature_that_was_applied_is_found(temperature):
    skewed, counts, honest = drawn(1 / temperature)
    found = fit_temperature(skewed, counts)
    assert found == pytest.approx(temperature, rel=0.03)
    np.testing.assert_allclose(apply_temperature(skewed, temperature), honest, atol=1e-6)


def test_no_other_temperature_makes_the_votes_likelier():
    skewed, counts, _ = drawn(0.4, n=3000)
    best = fit_temperature(skewed, counts)

    def loss(temperature):
        return cross_entropy(normalise(counts), apply_temperature(skewed, temperature)).mean()

    assert loss(best) < min(loss(best * 1.02), loss(best / 1.02), loss(1.0))


def test_votes_of_several_people_pull_together():
    skewed, counts, _ = drawn(0.5, n=2000)
    assert fit_temperature(skewed, 3 * counts) == pytest.approx(fit_temperature(skewed, counts))


def test_unlabelled_tasks_are_left_out():
    skewed, counts, _ = drawn(0.5, n=2000)
    more = np.concatenate([counts, np.zeros((500, 4), int)])
    padded = np.concatenate([skewed, np.full((500, 4), 0.25)])
    assert fit_temperature(padded, more) == fit_temperature(skewed, counts)
    assert reliability(padded, more).error == reliability(skewed, counts).error


def test_nothing_labelled_cannot_be_calibrated():
    with pytest.raises(NotReadyError, match="label some before calibrating"):
        fit_temperature(np.full((2, 2), 0.5), np.zeros((2, 2), dtype=int))


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


def test_calibrating_lowers_the_expected_calibration_error():
    skewed, counts, honest = drawn(0.4)
    before = reliability(skewed, counts).error
    after = reliability(apply_temperature(skewed, fit_temperature(skewed, counts)), counts).error
    assert before > 0.1
    assert after < 0.02
    assert reliability(honest, counts).error < 0.02
