"""The published baselines: against their definitions, by hand, and against cleanlab."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from relabel.numerics.baselines import activelab, okg
from scipy.special import betainc


def h_of_two(a, b):
    above = 1 - betainc(a, b, 0.5)
    return max(above, 1 - above)


@settings(deadline=None)
@given(st.integers(0, 12), st.integers(0, 12))
def test_okg_of_two_classes_is_the_closed_form_of_the_beta(first, second):
    a, b = first + 1, second + 1
    expected = max(h_of_two(a + 1, b), h_of_two(a, b + 1)) - h_of_two(a, b)
    assert okg(np.array([[first, second]]))[0] == pytest.approx(expected, abs=1e-10)


def test_okg_by_hand():
    """Beta(1, 1) to Beta(2, 1): .5 to .75; to Beta(3, 1): .875. Two who differ are as none: .5."""
    counts = np.array([[0, 0], [1, 0], [1, 1]])
    assert okg(counts) == pytest.approx([0.25, 0.125, h_of_two(3, 2) - 0.5])


@pytest.mark.slow
@pytest.mark.parametrize("votes", [(1, 0, 0), (1, 1, 0), (2, 1, 1), (3, 1, 0)])
def test_okg_of_three_classes_is_what_drawn_shares_say(votes):
    rng = np.random.default_rng(0)

    def chance(counts):
        shares = rng.dirichlet(1 + np.array(counts), 400_000)
        return np.bincount(shares.argmax(1), minlength=3).max() / len(shares)

    after = [chance(np.array(votes) + np.eye(3, dtype=int)[a]) for a in range(3)]
    assert okg(np.array([votes]))[0] == pytest.approx(max(after) - chance(votes), abs=4e-3)


@settings(deadline=None)  # the first call makes the quadrature
@given(st.lists(st.integers(0, 6), min_size=2, max_size=6), st.randoms())
def test_okg_does_not_know_classes_apart(votes, random):
    mixed = list(votes)
    random.shuffle(mixed)
    one, other = okg(np.array([votes]))[0], okg(np.array([mixed]))[0]
    assert one == other
    assert 0 <= one < 1


def test_activelab_by_hand():
    """Voters 0, 1, 2; two tasks with two votes, one with one.

    Consensus 0, 1, 0; over tasks 0 and 1 always saying the commonest errs in 1 of 2. Voters agree
    with the others: 0 in 1 of 2, 1 in 1 of 1, 2 in 0 of 1, so weights 1 - .5 / .5 = 0, 1, -1: 0
    and -1 are clipped to 1e-6. The classifier misses none: weight 1 times sqrt(5 / 3).
    """
    probs = np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]])
    tasks, labels = np.array([0, 0, 1, 1, 2]), np.array([0, 0, 0, 1, 0])
    voters = np.array([0, 1, 0, 2, 0])
    right, low, model = (1 + 0.5) / 2, 1e-6, np.sqrt(5 / 3)
    mean = (1 + 2 * low) / 3
    first = (0.9 * model + right * (1 + low), model + 1 + low)
    second = (0.6 * model + low * (right + 1 - right), model + 2 * low)
    third = (0.7 * model + right * low, model + low)
    expected = [-(q + mean / 2) / (total + mean) for q, total in (first, second, third)]
    assert activelab(probs, tasks, labels, voters) == pytest.approx(expected, abs=1e-9)


def test_activelab_without_a_second_vote_is_the_probability_of_the_label_and_a_guess():
    probs = np.array([[0.9, 0.1], [0.2, 0.8]])
    each = np.arange(2)
    score = activelab(probs, each, np.zeros(2, dtype=int), np.zeros(2, dtype=int))
    assert score == pytest.approx([-(2 * 0.9 + 0.5) / 3, -(2 * 0.2 + 0.5) / 3])


def made(seed):
    """Votes of four people on 60 tasks of three classes: (tasks, labels, voters) and (N, K)."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3, 60)
    asked = rng.random((60, 4)) < 0.5
    asked[:, 0] = True
    tasks, voters = asked.nonzero()
    said = np.where(rng.random(len(tasks)) < 0.7, truth[tasks], rng.integers(0, 3, len(tasks)))
    probs = rng.dirichlet(np.ones(3), 60) * 0.4 + 0.6 * np.eye(3)[truth]
    return probs, tasks, said, voters


@pytest.mark.parametrize("seed", range(5))
def test_activelab_is_cleanlabs_without_its_temperature(monkeypatch, seed):
    module = pytest.importorskip("cleanlab.multiannotator")
    monkeypatch.setattr(module, "find_best_temp_scaler", lambda *_: 1.0)
    probs, tasks, labels, voters = made(seed)
    table = np.full((60, 4), np.nan)
    table[tasks, voters] = labels
    theirs, _ = module.get_active_learning_scores(table, probs)
    assert activelab(probs, tasks, labels, voters) == pytest.approx(-theirs, abs=1e-9)


@given(st.integers(0, 20))
def test_the_order_of_votes_does_not_matter_to_activelab(seed):
    probs, *votes = made(seed)
    mixed = np.random.default_rng(seed).permutation(len(votes[0]))
    ours = activelab(probs, *votes)
    assert activelab(probs, *(part[mixed] for part in votes)) == pytest.approx(ours, abs=1e-12)
    assert ((ours <= 0) & (ours >= -1)).all()
