"""Laws of the posterior as a vote, with as few and as many classes as projects have."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from relabel.numerics.consensus.majority import majority
from relabel.numerics.consensus.posterior import (
    ALIKE,
    Rates,
    alike,
    beliefs,
    denoised,
    highest_error,
    settle,
    vote_weight,
    weigh,
)
from relabel.numerics.gain import disbelief, gain_score, majority_gain, posterior_gain
from relabel.types import State

CLASSES = st.sampled_from([2, 3, 10, 1000])
shares = st.floats(1e-20, 1.0)


@st.composite
def tasks(draw):
    """Return priors, old labels, and votes of people of unequal error; all drawn by one seed."""
    k = draw(CLASSES)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, votes = 5, draw(st.integers(0, 25))
    probs = rng.dirichlet(np.full(k, draw(st.sampled_from([0.02, 0.5, 5.0]))) + 1e-3, n)
    prior = denoised(probs, rng.uniform(0.01, highest_error(k)))
    old = np.eye(k, dtype=np.int64)[rng.integers(0, k, n)]
    old[0] = 0
    weights = vote_weight(rng.uniform(1e-3, highest_error(k), votes), k)
    said = rng.integers(0, min(k, 3), votes)
    return rng, prior, old, rng.integers(0, n, votes), said, weights


@settings(deadline=None)
@given(tasks())
def test_the_order_of_votes_does_not_matter(case):
    rng, _, old, rows, said, weights = case
    order = rng.permutation(len(rows))
    one = weigh(rows, said, weights, old.shape)
    assert (weigh(rows[order], said[order], weights[order], old.shape) == one).all()


@settings(deadline=None)
@given(tasks())
def test_permuting_the_classes_permutes_what_is_believed_and_no_gain(case):
    rng, prior, old, rows, said, weights = case
    k = old.shape[1]
    order = rng.permutation(k)
    rates = rng.uniform(0.01, highest_error(k), k)
    votes = weigh(rows, said, weights, old.shape)
    error = rng.uniform(0.01, highest_error(k))
    q = beliefs(prior, old, votes, Rates(rates, 0.1, error))
    moved = beliefs(
        prior[:, order], old[:, order], votes[:, order], Rates(rates[order], 0.1, error)
    )
    np.testing.assert_allclose(moved, q[:, order], rtol=1e-9)
    assert q.sum(1) == pytest.approx(1)
    labels, places = rng.integers(0, k, len(q)), np.argsort(order)
    unfinished = rng.random(len(q)) < 0.5
    here = posterior_gain(q, labels, prior, 0.1, unfinished=unfinished)
    there = posterior_gain(moved, places[labels], prior[:, order], 0.1, unfinished=unfinished)
    np.testing.assert_allclose(there, here, rtol=1e-6, atol=1e-12)
    doubts = disbelief(moved, places[labels])
    np.testing.assert_allclose(doubts, disbelief(q, labels), rtol=1e-9)
    by_majority = majority_gain(q, old, labels, 0.1, max_votes=10)
    mirrored = majority_gain(moved, old[:, order], places[labels], 0.1, max_votes=10)
    np.testing.assert_allclose(mirrored, by_majority, rtol=1e-6, atol=1e-12)


@settings(deadline=None)
@given(tasks(), st.integers(0, 2))
def test_a_vote_for_a_class_never_lowers_what_is_believed_of_it(case, voted):
    rng, prior, old, rows, said, weights = case
    k = old.shape[1]
    voted = min(voted, k - 1)
    rates = Rates(rng.uniform(0.01, highest_error(k), k), 0.1, rng.uniform(0.01, 1.0))
    before = beliefs(prior, old, weigh(rows, said, weights, old.shape), rates)
    more = vote_weight(rng.uniform(1e-3, 1.0), k)
    after = beliefs(
        prior,
        old,
        weigh(np.append(rows, 1), np.append(said, voted), np.append(weights, more), old.shape),
        rates,
    )
    assert after[1, voted] >= before[1, voted] * (1 - 1e-12)


@settings(deadline=None)
@given(tasks(), st.floats(0.01, 0.39))
def test_with_a_flat_model_and_one_error_the_plurality_is_believed(case, error):
    _, prior, old, rows, said, _ = case
    k = old.shape[1]
    counts = old.copy()
    np.add.at(counts, (rows, said), 1)
    votes = (counts - old) * vote_weight(error, k)
    q = beliefs(np.full_like(prior, 1 / k), old, votes, Rates(np.full(k, error), error, error))
    ahead = majority(counts).labels
    clear = ahead >= 0
    assert (q.argmax(1)[clear] == ahead[clear]).all()
    top = np.sort(q, axis=1)
    assert top[~clear, -1] == pytest.approx(top[~clear, -2])


@settings(deadline=None, max_examples=300)
@given(
    st.integers(0, 2**32 - 1),
    st.floats(0.05, 0.3),
    st.floats(0.9, 0.99),
    st.floats(0.01, 0.4),
    st.booleans(),
)
def test_with_two_classes_every_begun_task_has_a_reason_to_be_asked_until_it_is_settled(
    seed, error, confidence, old_error, right
):
    """Two voices that agree ever more often than not: the walk ends, and no step of it starves."""
    rng = np.random.default_rng(seed)
    prior = denoised(rng.dirichlet(np.ones(2), 1), 0.1)
    rates = Rates(np.full(2, old_error), 0.1, error)
    old, weight = np.array([[1, 0]]), vote_weight(error, 2)
    votes = np.zeros((1, 2), dtype=np.int64)
    for _ in range(1000):
        votes[0, int((rng.random() < error) == right)] += 1
        q = beliefs(prior, old, votes * weight, rates)
        state = settle(q, old, votes, confidence=confidence, answers=votes.sum(1), max_votes=10**6)
        if state.states[0] == State.SETTLED:
            return
        gain = posterior_gain(q, state.labels, prior, error, unfinished=np.array([True]))
        assert gain[0] > 0
    raise AssertionError("1,000 votes did not settle the task")


@settings(deadline=None)
@given(tasks(), st.floats(0.01, 0.99))
def test_one_vote_gains_no_more_than_all_that_it_can_tell(case, share):
    """Over all votes that can come, each followed by the class that is then the likeliest."""
    rng, prior, *_ = case
    n, k = prior.shape
    if k > 10:
        return
    error = share * highest_error(k)
    q, labels = rng.dirichlet(np.ones(k), n), rng.integers(0, k, n)
    found = posterior_gain(q, labels, prior, error, unfinished=np.zeros(n, dtype=bool))
    for task in range(n):
        said = np.full((k, k), 1 - error)
        for true, vote in itertools.permutations(range(k), 2):
            like = ALIKE * prior[task, vote] / (1 - prior[task, true]) + (1 - ALIKE) / (k - 1)
            said[true, vote] = min(error * like, 1 - error)
        joint = q[task][:, None] * said
        # Where the cap on a wrong vote's chance bites, the chances of all votes sum to less than 1.
        kept = q[task].max() * (1 - said[q[task].argmax()].sum())
        most = joint.max(0).sum() + kept - q[task, labels[task]]
        assert -1e-12 <= found[task] <= most + 1e-9


@settings(deadline=None)
@given(tasks(), st.floats(0.05, 0.3))
def test_tasks_of_which_different_things_are_believed_have_different_keys(case, error):
    """However sure all of them are: nothing falls back on the number of the task."""
    _, prior, old, rows, said, weights = case
    k = old.shape[1]
    rates = Rates(np.full(k, 0.15), 0.1, error)
    q = beliefs(prior, old, weigh(rows, said, weights, old.shape), rates)
    labels = q.argmax(1)
    gain = posterior_gain(q, labels, prior, error, unfinished=np.zeros(len(q), dtype=bool))
    keys = list(zip(gain.tolist(), disbelief(q, labels).tolist(), strict=True))
    for one in range(len(q)):
        for other in range(one):
            same = np.allclose(np.sort(q[one]), np.sort(q[other]), rtol=1e-9, atol=0)
            assert same or keys[one] != keys[other]


@given(st.lists(st.tuples(shares, shares), min_size=2, max_size=8), st.lists(st.booleans()))
def test_one_number_orders_as_gain_and_then_doubt(pairs, without):
    gain, doubt = np.array(pairs).T
    gain[: len(without)][np.array(without[: len(gain)], dtype=bool)] = 0
    score = gain_score(gain, doubt)
    key = [(g, d if g == 0 else 0.0) for g, d in zip(gain.tolist(), doubt.tolist(), strict=True)]
    for one, other in itertools.permutations(range(len(key)), 2):
        # Closer ones than that are equal.
        if key[one] > tuple(value * (1 + 1e-9) for value in key[other]):
            assert score[one] > score[other]


@settings(deadline=None)
@given(tasks())
def test_votes_say_less_against_a_class_that_the_model_takes_for_theirs(case):
    """Nothing with a flat prior or two classes; never more than what they say for their own."""
    rng, prior, old, rows, said, weights = case
    k, error = old.shape[1], rng.uniform(0.01, highest_error(old.shape[1]))
    votes = weigh(rows, said, weights, old.shape)
    less, flat = alike(prior, votes, error), alike(np.full_like(prior, 1 / k), votes, error)
    assert np.abs(flat).max() < 1e-9
    assert k > 2 or np.abs(less).max() < 1e-9
    assert (less <= votes.sum(1, keepdims=True) - votes + 1e-9).all()
    for row in np.flatnonzero((votes > 0).sum(1) == 1):
        voted = int(votes[row].argmax())
        assert less[row, voted] == 0
        # The likelier the model finds another class, the less is left for the one voted for.
        order = np.argsort(np.delete(prior[row], voted), kind="stable")
        assert (np.diff(np.delete(less[row], voted)[order]) >= -1e-9).all()


@given(st.integers(3, 10), st.floats(0.01, 0.4), st.integers(0, 2**32 - 1))
def test_what_one_vote_says_is_a_distribution_over_what_people_answer(k, error, seed):
    """Where nothing is cut off: 1 - e for the true class, the errors among the others sum to e."""
    prior = denoised(np.random.default_rng(seed).dirichlet(np.ones(k), 1), 0.0)
    weight = float(vote_weight(error, k))
    answered = np.eye(k) * weight
    against = alike(np.repeat(prior, k, axis=0), answered, error)
    chances = (error / (k - 1)) * np.exp(answered + against)
    cut = (against >= weight * (1 - 1e-9)).any(0)
    assert chances.sum(0)[~cut] == pytest.approx(1)
    assert np.diag(chances) == pytest.approx(1 - error)
