"""Votes until a strict majority, against worked figures and against drawing them."""

import numpy as np
import pytest
from relabel.numerics.consensus.majority import majority
from relabel.numerics.expected_votes import expected_votes
from relabel.types import State


def first_label(classes, label):
    return np.eye(classes, dtype=int)[[label]]


@pytest.mark.parametrize(
    ("d", "label", "expected", "tolerance"),
    [
        ([0.5, 0.3, 0.2], 1, 1.9, 1e-9),
        ([0.1, 0.9, 0], 0, 1.9, 1e-9),
        ([0.25] * 4, 0, 2.21875, 1e-9),
        ([0.1] * 10, 0, 3.660216, 1e-6),
        ([0.7, 0.1, 0.1, 0.05, 0.05], 1, 2.2632, 5e-5),
        ([0, 1, 0], 0, 2, 1e-9),
        ([1, 0, 0], 0, 1, 1e-9),
    ],
)
def test_expected_votes_of_a_task_with_its_first_label(d, label, expected, tolerance):
    votes = expected_votes(np.array([d]), first_label(len(d), label))
    assert votes[0] == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize(
    ("d", "label", "expected", "tolerance"),
    [([0.1] * 10, 0, 3.124, 1e-9), ([0.7, 0.1, 0.1, 0.05, 0.05], 1, 2.259, 5e-4)],
)
def test_the_published_oracle_stops_after_three_terms(d, label, expected, tolerance):
    votes = expected_votes(np.array([d]), first_label(len(d), label), terms=3)
    assert votes[0] == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize(
    "counts", [[0, 0, 0, 0], [1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 1]], ids=str
)
def test_expected_votes_agree_with_votes_that_are_drawn(counts):
    """Exact while no class has two votes, unlabelled tasks included."""
    rng = np.random.default_rng(0)
    d = np.array([0.4, 0.3, 0.2, 0.1])
    runs = np.tile(counts, (20_000, 1))
    spent = np.zeros(len(runs), dtype=int)
    open_rows = np.arange(len(runs))
    while len(open_rows):
        votes = rng.choice(4, size=len(open_rows), p=d)
        runs[open_rows, votes] += 1
        spent[open_rows] += 1
        states = majority(runs[open_rows], max_votes=1000).states
        open_rows = open_rows[states != State.SETTLED]
    standard_error = spent.std() / np.sqrt(len(spent))
    expected = expected_votes(d[None], np.array([counts]))[0]
    assert abs(expected - spent.mean()) < 4 * standard_error + 1e-9


def test_a_lead_of_two_votes_needs_one_more_vote_only():
    assert expected_votes(np.array([[0.2, 0.5, 0.3]]), np.array([[3, 1, 0]])).tolist() == [1]


def test_many_classes_keep_all_terms_that_matter():
    """200 equal classes: the sum of the chances that m draws all differ, by its recurrence."""
    classes = 200
    alive, total = 1.0, 1.0
    for m in range(1, classes):
        alive *= (classes - m) / classes
        total += alive
    votes = expected_votes(np.full((1, classes), 1 / classes), first_label(classes, 0))
    assert votes[0] == pytest.approx(total, rel=1e-12)


def test_many_tasks_need_as_many_votes_as_few():
    """More rows than are worked on at once."""
    rng = np.random.default_rng(1)
    probs, counts = rng.dirichlet(np.ones(3), 40_000), rng.integers(0, 2, (40_000, 3))
    whole = expected_votes(probs, counts)
    for rows in (slice(16_380, 16_390), slice(39_990, None)):
        np.testing.assert_allclose(whole[rows], expected_votes(probs[rows], counts[rows]))
