"""The posterior as evidence: numbers by hand, and what the clips are for."""

import numpy as np
import pytest
from relabel.errors import ConfigurationError, InvalidValuesError
from relabel.numerics.consensus.posterior import (
    LEAST_PRIOR,
    Rates,
    beliefs,
    chance_error,
    denoised,
    highest_error,
    prior_of,
    settle,
    vote_weight,
    weigh,
)
from relabel.types import State


def one(prior, old, votes, *, old_error=0.2, error=0.1):
    """Return q of one task from its prior, old labels and new votes per class."""
    prior, old, votes = (np.array([row]) for row in (prior, old, votes))
    k = prior.shape[1]
    weighed = votes * vote_weight(error, k)
    rates = Rates(np.full(k, old_error), old_error, error)
    return beliefs(prior.astype(float), old, weighed, rates)[0]


def decided(q, old, new, confidence=0.95, answers=2, max_votes=10):
    found = settle(
        np.array([q]),
        np.array([old]),
        np.array([new]),
        confidence=confidence,
        answers=np.array([answers]),
        max_votes=max_votes,
    )
    return found.labels[0], found.states[0]


def test_bayes_by_hand_with_two_classes():
    """Prior 3 to 7; the old label says the first, 4 to 1; a vote says the second, 9 to 1."""
    assert one((0.3, 0.7), (1, 0), (0, 1)) == pytest.approx([12 / 75, 63 / 75])


def test_bayes_by_hand_with_three_classes():
    """.2 .5 .3, times .8 .1 .1, times what a vote says: .9 where it is right.

    Where it is wrong, in three of four cases either of two other classes; in one the class that was
    voted for by its share of what the model gives to others, .5 of .8 and of .7.
    """
    q = one((0.2, 0.5, 0.3), (1, 0, 0), (0, 1, 0))
    wrong = 0.1 * (0.375 + 0.25 * 0.5 / np.array([0.8, 0.7]))
    each = np.array([0.16 * wrong[0], 0.05 * 0.9, 0.03 * wrong[1]])
    assert q == pytest.approx(each / each.sum())


def test_old_labels_are_judged_by_the_rate_of_the_true_class():
    """Class 0 is called 1 in half of the cases, class 1 never but one time in ten."""
    rates = Rates(np.array([0.5, 0.1]), 0.2, 0.1)
    q = beliefs(np.full((1, 2), 0.5), np.array([[0, 1]]), np.zeros((1, 2)), rates)
    assert q[0] == pytest.approx([0.5 / 1.4, 0.9 / 1.4])


def test_a_task_without_an_old_label_is_left_to_the_model_and_the_votes():
    assert one((0.3, 0.7), (0, 0), (0, 0)) == pytest.approx([0.3, 0.7])


@pytest.mark.parametrize(
    ("error", "classes", "weight"), [(0.1, 2, np.log(9)), (0.05, 10, np.log(171)), (0.5, 2, 0.0)]
)
def test_weight_of_a_vote(error, classes, weight):
    assert vote_weight(error, classes) == pytest.approx(weight)


def test_who_errs_like_a_guess_or_more_often_has_no_weight():
    errors = np.array([chance_error(10), 0.95])
    assert vote_weight(errors, 10).tolist() == [0, 0]
    assert vote_weight(highest_error(10), 10) > 1


def test_the_noise_a_model_has_learnt_is_divided_out():
    """A model taught labels of which .2 are wrong is .8 sure of what is certain."""
    p = denoised(np.array([[0.8, 0.1, 0.1], [0.45, 0.45, 0.1]]), 0.2)
    sure = 1 / (1 + 2 * LEAST_PRIOR)
    assert p[0] == pytest.approx([sure, sure * LEAST_PRIOR, sure * LEAST_PRIOR])
    assert p[1, :2] == pytest.approx([0.5, 0.5], abs=1e-4)
    assert denoised(np.array([[1.0, 0.0]]), highest_error(2)).sum() == pytest.approx(1)


def test_a_model_is_trusted_as_far_as_its_rate_says():
    """Where half of its tasks are guesses, a class that it rules out keeps half a guess."""
    rates = Rates(np.full(4, 0.1), 0.1, 0.05, model=0.5)
    p = prior_of(np.array([[0.9, 0.1 / 3, 0.1 / 3, 0.1 / 3]]), rates)[0]
    assert p.sum() == pytest.approx(1)
    assert p[1:] == pytest.approx(np.full(3, 0.125), abs=1e-4)
    nothing = prior_of(np.eye(4), Rates(np.full(4, 0.1), 0.1, 0.05, model=1.0))
    assert nothing == pytest.approx(np.full((4, 4), 0.25))


def test_three_people_overrule_a_model_that_is_certain_and_an_old_label():
    """Odds of 10,000 times 54 against 171 for each of them."""
    certain = denoised(np.eye(10)[:1], 0.01)[0]
    q = one(certain, np.eye(10, dtype=int)[0], 3 * np.eye(10)[1], old_error=1 / 7, error=0.05)
    assert q.argmax() == 1


def test_nothing_settles_without_a_person_however_sure_the_model_is():
    assert decided((0.001, 0.999), (1, 0), (0, 0)) == (0, State.OPEN)
    assert decided((0.001, 0.999), (1, 0), (0, 1)) == (1, State.SETTLED)


def test_a_label_follows_what_is_believed_once_somebody_has_voted():
    assert decided((0.3, 0.7), (1, 0), (0, 1)) == (1, State.OPEN)
    assert decided((0.5, 0.5), (1, 0), (0, 2)) == (0, State.OPEN)


def test_no_label_is_settled_that_no_person_gave():
    """The old label and the model outweigh one person, and are not enough."""
    assert decided((0.98, 0.02), (1, 0), (0, 1)) == (0, State.OPEN)
    assert decided((0.98, 0.02), (1, 0), (1, 1), answers=3) == (0, State.SETTLED)


def test_the_cap_ends_a_task_that_is_not_settled():
    assert decided((0.3, 0.7), (1, 0), (0, 3), answers=4, max_votes=4) == (1, State.AMBIGUOUS)
    assert decided((0.01, 0.99), (1, 0), (0, 3), answers=4, max_votes=4) == (1, State.SETTLED)


def test_votes_by_people_of_different_reliability_add_their_own_weights():
    weights = np.array([1.0, 2.0, 0.5])
    found = weigh(np.array([1, 0, 1]), np.array([2, 0, 2]), weights, (2, 3))
    assert found.tolist() == [[2, 0, 0], [0, 0, 1.5]]


@pytest.mark.parametrize("confidence", [0.5, 1.0])
def test_a_confidence_that_means_nothing_is_refused(confidence):
    with pytest.raises(ConfigurationError, match="confidence"):
        decided((0.3, 0.7), (1, 0), (0, 1), confidence=confidence)


def test_arrays_of_different_tasks_are_refused():
    with pytest.raises(InvalidValuesError, match="one row per task"):
        settle(
            np.full((2, 2), 0.5),
            np.ones((1, 2), dtype=int),
            np.zeros((2, 2), dtype=int),
            confidence=0.9,
            answers=np.zeros(2, dtype=int),
            max_votes=10,
        )
