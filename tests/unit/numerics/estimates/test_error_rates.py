"""Rates from the audit: by hand, and against people whose error is known."""

import numpy as np
import pytest
from relabel.numerics.consensus.posterior import chance_error, highest_error
from relabel.numerics.estimates.error_rates import (
    annotator_errors,
    model_error,
    old_error,
    people_error,
    trained_error,
    true_rate,
    verdict_error,
    verdicts,
)


def audited(wrong, right, classes=10):
    """Return the rate for all classes after so many wrong and right old labels of class 0."""
    said = np.zeros(wrong + right, dtype=int)
    old = np.append(np.ones(wrong, dtype=int), np.zeros(right, dtype=int))
    return old_error(said, old, classes)


def test_a_verdict_needs_two_new_people_who_agree():
    new = np.array([[1, 0, 0], [2, 0, 0], [1, 1, 0], [1, 2, 0], [2, 2, 1], [0, 0, 0]])
    assert verdicts(new).tolist() == [-1, 0, -1, 1, -1, -1]


def test_before_the_audit_one_label_in_seven_is_believed_wrong():
    assert audited(0, 0) == pytest.approx(np.full(10, 1 / 7))


def test_an_audit_of_twenty_without_a_wrong_one_leaves_votes_their_say():
    assert audited(0, 20) == pytest.approx(np.full(10, 1 / 27))
    assert audited(0, 10_000)[1] == 0.01


def test_a_class_has_a_rate_of_its_own_from_a_hundred_audited_tasks():
    rates = audited(30, 70, 3)
    assert rates == pytest.approx(np.full(3, 31 / 107))
    said = np.repeat([0, 1], [100, 100])
    old = np.where(np.arange(200) < 30, 2, said)
    assert old_error(said, old, 3) == pytest.approx([31 / 107, 0.01, 31 / 207])


def test_rates_stay_below_a_guess():
    assert audited(1000, 0, 2)[1] == highest_error(2)


def test_what_was_put_right_is_no_error_of_the_labels_a_round_learns_from():
    old = np.full(10, 0.15)
    assert trained_error(old, 0.0) == pytest.approx(0.15)
    assert trained_error(old, 0.10) == pytest.approx(0.05)
    assert trained_error(old, 0.30) == 0.01


TAUGHT = 0.1


def certain_of_first(tasks, classes):
    """Return (N, K) posteriors of a model that is as sure of the first class as it can be."""
    wrong = TAUGHT / (classes - 1)
    return np.tile(np.where(np.arange(classes) == 0, 1 - TAUGHT, wrong), (tasks, 1))


def test_a_model_is_believed_to_guess_one_task_in_twenty_at_first():
    nothing = np.zeros((0, 10)), np.zeros(0, dtype=int)
    assert model_error(*nothing, 0.1) == pytest.approx(0.05, abs=5e-3)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_how_often_a_model_guesses_is_found_from_what_it_grants_the_verdicts(share):
    """A guess is right for one verdict of four, and certain of another class for the rest."""
    guessed = round(share * 4000)
    right = 4000 - guessed + guessed // 4
    said = np.where(np.arange(4000) < right, 0, 1)
    assert model_error(certain_of_first(4000, 4), said, TAUGHT) == pytest.approx(share, abs=0.03)


def test_twenty_verdicts_against_a_model_leave_it_little():
    probs = certain_of_first(20, 10)
    assert model_error(probs, np.ones(20, dtype=int), TAUGHT) > 0.6
    assert model_error(probs, np.zeros(20, dtype=int), TAUGHT) < 0.02


@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize("error", [0.02, 0.1, 0.3])
def test_the_error_of_people_is_found_from_how_often_two_differ(classes, error):
    differ = 2 * error - error**2 / chance_error(classes)
    found = people_error(100_000, round(100_000 * differ), classes)
    assert found == pytest.approx(error, abs=2e-3)


def test_people_are_believed_to_err_one_time_in_twenty_at_first():
    assert people_error(0, 0, 10) == pytest.approx(0.05)
    assert people_error(10, 10, 2) <= highest_error(2)


def test_annotators_have_rates_of_their_own_once_they_are_known():
    """The second is as good as the mean; the third guesses; the fourth is hardly known."""
    classes, people = 10, 0.1
    differ = lambda e: e * (1 - people / chance_error(classes)) + people  # noqa: E731
    pairs = np.array([200, 200, 200, 19])
    differing = np.array([200 * differ(0.02), 200 * differ(0.1), 200 * 0.9, 19])
    found = annotator_errors(pairs, differing, people, classes)
    assert found[0] == pytest.approx((200 * 0.02 + 20 * 0.1) / 220)
    assert found[1] == pytest.approx(0.1)
    assert found[2] == chance_error(classes)
    assert found[3] == people


@pytest.mark.parametrize(("error", "classes"), [(0.05, 10), (0.2, 3), (0.3, 10)])
def test_verdicts_of_people_who_err_independently_are_wrong_as_often_as_said(error, classes):
    rng = np.random.default_rng(0)
    wrong = rng.random((200_000, 3)) < error
    said = np.where(wrong, rng.integers(1, classes, wrong.shape), 0)
    first, second, third = said.T
    found = np.where(first == second, first, np.where(third == first, first, second))
    decided = (first == second) | (third == first) | (third == second)
    share = (found[decided] != 0).mean()
    assert verdict_error(error, classes) == pytest.approx(share, rel=0.05, abs=3e-4)


def test_the_true_rate_is_what_verdicts_that_err_would_show():
    """Of 1,000 labels 150 are wrong, and one verdict in 20; half of those keep a wrong label."""
    shown = (850 * 0.05 + 150 * (1 - 0.05 / 2)) / 1000
    assert true_rate(shown, 0.05, 3) == pytest.approx(0.15)
    assert true_rate(0.15, 0.0, 10) == 0.15
    assert true_rate(0.01, 0.05, 3) == 0.0
