"""Noise rate and noise matrix, from posteriors, from an audit, and combined."""

import numpy as np
import pytest
from relabel.errors import InvalidValuesError, NotReadyError
from relabel.numerics.estimates import (
    audited_noise_rate,
    combined_noise_rate,
    confident_joint,
    doubt,
    noise_matrix,
    noise_rate,
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
    assert noise_rate(given, even).value == 0


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


def test_the_noise_rate_is_found_by_good_posteriors():
    truth, given, probs = project()
    assert noise_rate(given, probs).value == pytest.approx((truth != given).mean(), abs=0.02)


def test_the_noise_rates_interval_is_as_wide_as_sampling_makes_it():
    found = [noise_rate(*project(seed, n=1000)[1:], level=0.95) for seed in range(60)]
    width = np.mean([estimate.high - estimate.low for estimate in found])
    spread = np.std([estimate.value for estimate in found], ddof=1)
    assert width == pytest.approx(2 * 1.96 * spread, rel=0.3)
    assert all(0 <= e.low < e.value < e.high <= 1 for e in found)


def test_unlabelled_tasks_do_not_count_in_the_noise_rate():
    _, given, probs = project(n=1000)
    more = np.concatenate([given, np.full(500, -1)])
    padded = np.concatenate([probs, np.full((500, 3), 1 / 3)])
    assert noise_rate(more, padded) == noise_rate(given, probs)


def test_nothing_labelled_has_no_noise_rate():
    with pytest.raises(NotReadyError, match="No task is labelled yet"):
        noise_rate(np.array([-1, -1]), np.full((2, 2), 0.5))


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


def audits(sharpness, repeats=400, level=0.8):
    """Coverage and mean width of the audit alone and combined, for a model of some quality."""
    truth, given, probs = project(n=2000, sharpness=sharpness)
    wrong = truth != given
    doubts = 1 - probs[np.arange(len(probs)), given]
    rng = np.random.default_rng(1)
    covered, width, values = np.zeros((2, repeats)), np.zeros((2, repeats)), np.zeros(repeats)
    for i in range(repeats):
        rows = rng.choice(len(probs), 150, replace=False)
        both = (
            audited_noise_rate(wrong[rows], level=level),
            combined_noise_rate(doubts, rows, wrong[rows], level=level),
        )
        covered[:, i] = [e.low <= wrong.mean() <= e.high for e in both]
        width[:, i] = [e.high - e.low for e in both]
        values[i] = both[1].value
    return covered.mean(1), width.mean(1), values.mean() - wrong.mean()


def test_an_audit_sharpened_by_a_good_model_is_narrower_and_as_honest():
    covered, width, bias = audits(sharpness=4.0)
    assert (covered > 0.75).all()
    assert width[1] < 0.75 * width[0]
    assert abs(bias) < 0.005


def test_an_audit_with_a_useless_model_is_no_worse():
    covered, width, bias = audits(sharpness=0.0)
    assert (covered > 0.75).all()
    assert width[1] < 1.02 * width[0]
    assert abs(bias) < 0.005


def test_an_audit_that_found_nothing_is_left_as_it_is():
    doubts, rows = np.linspace(0, 1, 100), np.arange(10)
    nothing = np.zeros(10, dtype=bool)
    assert combined_noise_rate(doubts, rows, nothing) == audited_noise_rate(nothing)


def test_a_whole_audit_leaves_no_uncertainty():
    doubts = np.linspace(0, 0.9, 50)
    wrong = doubts > 0.6
    found = combined_noise_rate(doubts, np.arange(50), wrong)
    assert found.value == pytest.approx(wrong.mean())
    assert found.high - found.low < 1e-9


def test_unlabelled_tasks_cannot_be_audited():
    doubts = np.array([0.1, np.nan, 0.2])
    with pytest.raises(InvalidValuesError, match="audit labelled tasks only"):
        combined_noise_rate(doubts, np.array([0, 1]), np.array([True, False]))
