"""What is true of labels nobody has checked yet, drawn from what the votes leave open."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from relabel.numerics.estimates.truths import Knowledge, learn_truths, wrong_label

K, TASKS = 4, 300


def knowledge(seed, wrong=0.2, asked=150, error=0.05):
    """Labels of which the given share is wrong, doubts that know something, one vote or two."""
    rng = np.random.default_rng(seed)
    old = rng.integers(0, K, TASKS)
    is_wrong = rng.random(TASKS) < wrong
    truth = np.where(is_wrong, (old + rng.integers(1, K, TASKS)) % K, old)
    doubts = np.clip(np.where(is_wrong, 0.5, 0.05) * rng.gamma(2.0, 0.5, TASKS), 0, 1)
    others = np.full((TASKS, K), 1 / (K - 1))
    others[np.arange(TASKS), old] = 0
    new = np.zeros((TASKS, K), dtype=np.int64)
    for task in rng.permutation(TASKS)[:asked].tolist():
        for _ in range(2):
            said = truth[task] if rng.random() > error else (truth[task] + 1) % K
            new[task, said] += 1
    return Knowledge(old, doubts, others, new)


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.integers(0, TASKS))
def test_chances_are_a_distribution_and_draws_are_classes(seed, asked):
    truths = learn_truths(knowledge(seed, asked=asked))
    assert truths.chances.sum() == pytest.approx(1)
    rng = np.random.default_rng(seed)
    truth, error, shared = truths.draw(rng)
    answers = truths.answers(truth, error, shared, 3, rng)
    assert answers.shape == (TASKS, 3)
    assert min(truth.min(), answers.min()) >= 0
    assert max(truth.max(), answers.max()) < K


@pytest.mark.parametrize("wrong", [0.05, 0.4])
def test_the_votes_say_how_many_labels_are_wrong(wrong):
    known = knowledge(1, wrong)
    truths, rng = learn_truths(known), np.random.default_rng(0)
    shares = [(truths.draw(rng)[0] != known.given).mean() for _ in range(40)]
    assert np.mean(shares) == pytest.approx(wrong, abs=0.06)


def test_people_who_contradict_each_other_err_more():
    def mean_error(error):
        truths, rng = learn_truths(knowledge(2, error=error)), np.random.default_rng(0)
        return np.mean([truths.draw(rng)[1] for _ in range(40)])

    assert mean_error(0.3) > 2 * mean_error(0.02)


@pytest.mark.parametrize("classes", [2, 4])
def test_what_is_said_of_a_wrong_label_adds_up(classes):
    same, right = wrong_label(0.1, 0.8, classes)
    assert same + right + (classes - 2) * 0.1 / (classes - 1) == pytest.approx(1)
