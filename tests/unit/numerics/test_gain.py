"""Gains by hand, against enumeration, and against played courses."""

from itertools import product

import numpy as np
import pytest
from relabel.numerics.consensus.posterior import vote_weight
from relabel.numerics.gain import course, disbelief, majority_gain, posterior_gain


def gain_of(q, label, error, *, prior=None, unfinished=False):
    rows, shown = np.array([q], dtype=float), np.array([label])
    model = np.full_like(rows, 1 / len(q)) if prior is None else np.array([prior], dtype=float)
    return posterior_gain(rows, shown, model, error, unfinished=np.array([unfinished]))[0]


def enumerated(q, label, error, votes):
    """Return E max_c q(c | votes) - q(label) over every sequence of so many votes."""
    k = len(q)
    total = 0.0
    for said in product(range(k), repeat=votes):
        joint = [
            q[c] * np.prod([1 - error if a == c else error / (k - 1) for a in said])
            for c in range(k)
        ]
        total += max(joint)
    return total - q[label]


def test_gain_of_one_vote_by_hand():
    """q .6 .4, error .1: after a vote for the other class it is right in .36 of .42 cases."""
    assert gain_of((0.6, 0.4), 0, 0.1) == pytest.approx(0.54 + 0.36 - 0.6)


def test_a_vote_that_the_model_would_also_get_wrong_gains_less():
    """Error .1: three quarters go to either other class, a quarter as the model's .7 to its .1.

    The third class does not get ahead by one vote.
    """
    q, wrong = (0.9, 0.09, 0.01), 0.0375 + 0.025 * 0.7 / 0.8
    found = gain_of(q, 0, 0.1, prior=(0.2, 0.7, 0.1))
    assert found == pytest.approx(0.09 * 0.9 - 0.9 * wrong)
    assert found < gain_of(q, 0, 0.1)


def test_votes_that_the_model_would_also_get_wrong_change_an_unfinished_task_later():
    """Odds of 100: two votes change them, each of which alone is 18 or about 15 to 1."""
    q = (100 / 101, 1 / 101 - 1e-9, 1e-9)
    flat = gain_of(q, 0, 0.1, unfinished=True)
    assert flat == pytest.approx(0.81 * (q[1] - q[0] / 18**2) / 2)
    wrong = 0.0375 + 0.025 * 0.98 / 0.99
    found = gain_of(q, 0, 0.1, prior=(0.01, 0.98, 0.01), unfinished=True)
    assert found == pytest.approx((q[1] * 0.81 - q[0] * wrong**2) / 2)
    assert 0 < found < flat


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("error", [0.02, 0.2, 0.39])
def test_closed_form_equals_the_sum_over_all_votes(classes, error):
    rng = np.random.default_rng(classes)
    for q in rng.dirichlet(np.full(classes, 0.7), 40):
        label = int(rng.integers(classes))
        assert gain_of(q, label, error) == pytest.approx(enumerated(q, label, error, 1), abs=1e-12)


def test_one_vote_gains_exactly_nothing_beyond_the_odds_of_a_vote():
    """Above .90 for two classes and an error of .1."""
    assert gain_of((0.901, 0.099), 0, 0.1) == 0
    assert gain_of((0.899, 0.101), 0, 0.1) > 0


@pytest.mark.parametrize(("q", "votes"), [(0.92, 2), (0.89, 1), (0.99, 3)])
def test_an_unfinished_task_takes_the_gain_of_the_fewest_votes_that_could_change_it(q, votes):
    found = gain_of((q, 1 - q), 0, 0.1, unfinished=True)
    assert found == pytest.approx(enumerated((q, 1 - q), 0, 0.1, votes) / votes)
    assert votes == 1 or enumerated((q, 1 - q), 0, 0.1, votes - 1) == pytest.approx(0, abs=1e-12)


def test_an_unfinished_task_of_three_classes_counts_each_that_could_overtake():
    q = (0.90, 0.06, 0.04)
    found = gain_of(q, 0, 0.25, unfinished=True)
    assert found == pytest.approx(enumerated(q, 0, 0.25, 2) / 2)


@pytest.mark.parametrize("odds", [9.0, 81.0])
def test_votes_that_only_draw_level_are_one_too_few(odds):
    q = odds / (1 + odds)
    assert gain_of((q, 1 - q), 0, 0.1, unfinished=True) > 0


def test_without_a_label_all_that_can_be_known_is_gained():
    assert gain_of((0.6, 0.4), -1, 0.1) == pytest.approx(0.9)


def test_disbelief_tells_tasks_apart_that_a_difference_cannot():
    q = np.array([[1.0, 1e-20], [1.0, 1e-22]])
    assert disbelief(q, np.array([0, 0])).tolist() == [1e-20, 1e-22]
    assert disbelief(q, np.array([1, -1])).tolist() == [1.0, 1.0]


def test_people_without_error_correct_a_label_with_two_votes():
    """.8 corrections for .2 * 1 + .8 * 2 votes."""
    found = majority_gain(
        np.array([[0.2, 0.8]]), np.array([[1, 0]]), np.array([0]), 1e-12, max_votes=10
    )
    assert found == pytest.approx(0.8 / 1.8)


def test_course_by_hand():
    """Two classes, one old label that is wrong, error .1: two right votes, or one wrong."""
    found, undecided, spent = course(0, (1,), 2, 0.1, 10)
    assert (found, undecided, spent) == pytest.approx((0.81, 0.0, 1.9))
    # A right one stays so with one right vote, or with a right one after a tie.
    assert course(1, (), 2, 0.1, 10) == pytest.approx((0.9 + 0.1 * 0.9, 0.0, 1.1))
    # With a cap of two votes in all a vote against the label leaves it undecided.
    assert course(0, (1,), 2, 0.1, 2) == pytest.approx((0.0, 0.9, 1.0))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("counts", "label"),
    [((1, 0, 0, 0), 0), ((1, 1, 0, 0), 0), ((2, 1, 1, 0), 0), ((0, 0, 0, 0), -1)],
)
def test_expected_corrections_per_vote_are_those_of_played_courses(counts, label):
    q, error, cap, rng = np.array([0.4, 0.3, 0.2, 0.1]), 0.3, 8, np.random.default_rng(1)
    n, corrected, spent = 20_000, 0, 0
    for truth in rng.choice(4, n, p=q):
        votes, done, shown = list(counts), 0, label
        said = np.where(rng.random(cap) < error, (truth + rng.integers(1, 4, cap)) % 4, truth)
        for vote in said.tolist():
            votes[vote] += 1
            done += 1
            if votes.count(max(votes)) == 1 and sum(votes) > 1:
                shown = votes.index(max(votes))
                break
            if sum(votes) >= cap:
                break
        corrected += int(shown == truth) - int(label == truth)
        spent += done
    found = majority_gain(q[None], np.array([counts]), np.array([label]), error, max_votes=cap)
    assert found[0] == pytest.approx(corrected / spent, abs=4 / np.sqrt(spent))


def test_a_thousand_classes_are_no_work():
    q = np.full((3, 1000), 1e-3)
    counts = np.eye(1000, dtype=int)[:3]
    label = np.arange(3)
    unfinished = np.ones(3, dtype=bool)
    assert (posterior_gain(q, label, q, 0.05, unfinished=unfinished) > 0.9).all()
    assert (majority_gain(q, counts, label, 0.05, max_votes=10) > 0.4).all()
    assert vote_weight(0.05, 1000) == pytest.approx(np.log(0.95 * 999 / 0.05))
