"""Laws of consensus: settled means strict, ties stay ties, matrices are stochastic."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from relabel.numerics.consensus.majority import majority
from relabel.numerics.consensus.table import VoteTable
from relabel.numerics.estimates.noise_rate import confident_joint, noise_matrix
from relabel.numerics.expected_votes import expected_votes
from relabel.numerics.labels import labels_so_far
from relabel.types import State


@st.composite
def tables(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, people, k = draw(st.integers(1, 10)), draw(st.integers(1, 5)), draw(st.integers(2, 4))
    tasks, annotators = np.nonzero(rng.random((n, people)) < 0.7)
    labels = rng.integers(-1, k, len(tasks))
    return VoteTable(tasks, annotators, labels, n, people, k)


def abstentions(votes):
    """Return how many cannot tell, by task."""
    return np.bincount(votes.tasks[votes.labels < 0], minlength=votes.n_tasks)


@settings(deadline=None)
@given(tables(), st.integers(2, 6))
def test_settled_means_a_strict_majority_of_at_least_two_votes(votes, cap):
    counts, abstains = votes.counts(), abstentions(votes)
    decided = majority(counts, abstains=abstains, max_votes=cap)
    ordered = np.sort(counts, axis=1)
    strict = (ordered[:, -1] > ordered[:, -2]) & (counts.sum(1) > 1)
    assert ((decided.states == State.SETTLED) == strict).all()
    ahead = ordered[:, -1] > ordered[:, -2]
    assert ((decided.labels >= 0) == ahead).all()
    labelled = decided.labels >= 0
    assert (counts[labelled, decided.labels[labelled]] == ordered[labelled, -1]).all()
    full = ~strict & ((counts.sum(1) + abstains >= cap) | (abstains >= 2))
    assert ((decided.states == State.AMBIGUOUS) == full).all()
    tied = (ordered[:, -1] == ordered[:, -2]) & (counts.sum(1) >= 2) & ~full
    assert ((decided.states == State.TIED) == tied).all()


@settings(deadline=None)
@given(tables(), st.integers(0, 2**32 - 1))
def test_the_order_of_the_classes_decides_no_label_and_no_state(votes, seed):
    rng = np.random.default_rng(seed)
    k = votes.n_classes
    order = rng.permutation(k)
    # The last place is that of no label, which stays -1.
    places = np.append(np.argsort(order), -1)
    counts, abstains = votes.counts(), abstentions(votes)
    said = [(t, c) for t, c in zip(votes.tasks, votes.labels, strict=True) if c >= 0]
    now = labels_so_far(counts, lambda _: said)
    moved = labels_so_far(counts[:, order], lambda _: [(t, places[c]) for t, c in said])
    assert (moved == places[now]).all()
    probs = rng.integers(1, 4, counts.shape) / 10
    for rule in ("none", "current", "posterior"):
        here = majority(counts, abstains=abstains, tie_rule=rule, current=now, probs=probs)
        there = majority(
            counts[:, order],
            abstains=abstains,
            tie_rule=rule,
            current=places[now],
            probs=probs[:, order],
        )
        assert (there.labels == places[here.labels]).all(), rule
        assert (there.states == here.states).all()
    assert (majority(counts, tie_rule="current", current=now).labels == now).all()


@settings(deadline=None)
@given(tables(), st.integers(0, 2**32 - 1))
def test_the_label_so_far_changes_only_when_another_class_has_more_votes(votes, seed):
    """The rule for all votes at once is the one that is followed vote by vote."""
    rng = np.random.default_rng(seed)
    cast = rng.permutation(np.flatnonzero(votes.labels >= 0))
    said = list(zip(votes.tasks[cast].tolist(), votes.labels[cast].tolist(), strict=True))
    running, label = np.zeros_like(votes.counts()), np.full(votes.n_tasks, -1)
    for task, class_ in said:
        running[task, class_] += 1
        if label[task] < 0 or running[task, class_] > running[task, label[task]]:
            label[task] = class_
    assert (labels_so_far(votes.counts(), lambda _: said) == label).all()


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 5))
def test_noise_matrices_are_stochastic_and_a_tie_is_no_error(seed, classes):
    rng = np.random.default_rng(seed)
    given_labels = rng.integers(-1, classes, 60)
    assume((given_labels >= 0).any())
    probs = rng.dirichlet(np.full(classes, 0.3), 60)
    matrix = noise_matrix(given_labels, probs)
    assert (matrix >= 0).all()
    np.testing.assert_allclose(matrix.sum(1), 1)
    # Models that do not know make ties, which the order of the classes must not decide.
    unsure = rng.integers(1, 4, probs.shape) / 1.0
    unsure /= unsure.sum(1, keepdims=True)
    order = rng.permutation(classes)
    places = np.append(np.argsort(order), -1)
    mirrored = confident_joint(places[given_labels], unsure[:, order])
    joint = confident_joint(given_labels, unsure)
    assert (np.diagonal(mirrored) == np.diagonal(joint)[order]).all()
    sure = np.eye(classes)[np.maximum(given_labels, 0)]
    np.testing.assert_allclose(noise_matrix(given_labels, sure), np.eye(classes))


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 8))
def test_a_majority_takes_between_one_vote_and_one_per_class(seed, classes):
    """At the uniform distribution it takes longest (Schur concavity)."""
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.full(classes, 0.5), 5)
    counts = np.eye(classes, dtype=int)[rng.integers(0, classes, 5)]
    votes = expected_votes(probs, counts)
    assert (votes >= 1).all()
    empty = expected_votes(probs, np.zeros_like(counts))
    uniform = expected_votes(np.full_like(probs, 1 / classes), np.zeros_like(counts))
    assert (empty <= uniform + 1e-9).all()
    assert (empty >= 2 - 1e-9).all()
    after_each = [expected_votes(probs, np.tile(row, (5, 1))) for row in np.eye(classes, dtype=int)]
    # The first vote falls on class c with chance p_c; what follows is a task with that label.
    np.testing.assert_allclose(empty, 1 + (probs.T * after_each).sum(0), rtol=1e-9)
