"""Noise rate and noise matrix, from posteriors, from an audit, and combined."""

import numpy as np
import pytest
from relabel.errors import NotReadyError
from relabel.numerics.estimates.noise_rate import (
    audited_noise_rate,
    confident_joint,
    doubt,
    noise_matrix,
)


def project(seed=0, n=4000, rate=0.2, sharpness=6.0):
    """True classes, given labels (wrong at `rate`, class 2 never), and posteriors of the truth."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, n)
    wrong = (rng.random(n) < rate) & (truth != 2)
    given = np.where(wrong, (truth + 1) % 3, truth)
    logits = rng.normal(size=(n, 3)) + sharpness * np.eye(3)[truth]
    probs = np.exp(logits)
    return truth, given, probs / probs.sum(1, keepdims=True)


def test_doubt_is_what_the_posterior_leaves_to_other_classes():
    labels = np.array([1, 0, -1])
    probs = np.array([[0.3, 0.7], [0.1, 0.9], [0.5, 0.5]])
    np.testing.assert_allclose(doubt(labels, probs), [0.3, 0.9, np.nan])


def test_the_confident_joint_by_hand():
    """Thresholds .6 (class 0: mean of .9, .6, .3) and .7 (class 1: mean of .8, .6)."""
    given = np.array([0, 0, 0, 1, 1, -1])
    probs = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.2, 0.8], [0.4, 0.6], [0, 1]])
    assert confident_joint(given, probs).tolist() == [[2, 0], [1, 1]]
    np.testing.assert_allclose(noise_matrix(given, probs), [[1, 0], [1 / 3, 2 / 3]])


def test_a_model_that_does_not_know_finds_no_label_wrong():
    given, even = np.array([0, 1, 2, 1]), np.full((4, 3), 1 / 3)
    assert confident_joint(given, even).tolist() == np.diag([1, 2, 1]).tolist()
    np.testing.assert_array_equal(noise_matrix(given, even), np.eye(3))


def test_the_noise_matrix_is_that_of_cleanlab():
    count = pytest.importorskip("cleanlab.count")
    _, given, probs = project(sharpness=3.0)
    joint = count.compute_confident_joint(given, probs, calibrate=False)
    np.testing.assert_array_equal(confident_joint(given, probs), joint.T)
    estimated = count.estimate_joint(given, probs).T
    theirs = estimated / estimated.sum(1, keepdims=True)
    # cleanlab rounds the scaled joint to whole tasks, of which there are 4,000.
    np.testing.assert_allclose(noise_matrix(given, probs), theirs, atol=5e-4)


def test_the_noise_matrix_is_found():
    _, given, probs = project(n=20_000)
    expected = [[0.8, 0.2, 0], [0, 0.8, 0.2], [0, 0, 1]]
    # Confident learning asks more of a class whose labels are clean, which hides some of its noise.
    np.testing.assert_allclose(noise_matrix(given, probs), expected, atol=0.06)


def test_a_class_that_nobody_has_is_taken_at_its_word():
    given = np.array([0, 0, 1, 1])
    probs = np.array([[0.9, 0.1, 0], [0.8, 0.2, 0], [0.1, 0.9, 0], [0.2, 0.8, 0]])
    np.testing.assert_allclose(noise_matrix(given, probs), np.eye(3))


def test_an_audit_gives_jeffreys_interval():
    """Jeffreys' 95 % interval for 3 of 20 as tabulated by Brown, Cai and DasGupta 2001."""
    found = audited_noise_rate(np.arange(20) < 3)
    assert found.value == 0.15
    assert found.low == pytest.approx(0.044, abs=1e-3)
    assert found.high == pytest.approx(0.348, abs=1e-3)


@pytest.mark.parametrize(("wrong", "low", "high"), [(0, 0.0, None), (20, None, 1.0)])
def test_an_audit_without_exceptions_reaches_the_end(wrong, low, high):
    found = audited_noise_rate(np.arange(20) < wrong)
    assert (found.low == low) or (found.high == high)
    assert 0.05 < found.high - found.low < 0.2


def test_nothing_audited_has_no_estimate():
    with pytest.raises(NotReadyError, match="No task was audited yet"):
        audited_noise_rate(np.zeros(0, dtype=bool))
