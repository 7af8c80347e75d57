"""Dawid-Skene: the worked fit, better than majority, switching, few votes."""

import sys

import numpy as np
import pytest
from relabel.errors import InvalidValuesError
from relabel.numerics.consensus.dawid_skene import DawidSkene, dawid_skene, fit_dawid_skene
from relabel.numerics.consensus.majority import majority
from relabel.numerics.consensus.registry import RULES
from relabel.numerics.consensus.table import VoteTable
from relabel.types import State

ROWS = [[0, 0, 1], [0, 0, 0], [1, 1, 1], [1, 0, 1], [0, None, 1], [1, 1, None]]


def table(rows, classes=2):
    votes = [(i, a, label) for i, row in enumerate(rows) for a, label in enumerate(row)]
    tasks, people, labels = zip(*(v for v in votes if v[2] is not None), strict=True)
    return VoteTable(
        np.array(tasks), np.array(people), np.array(labels), len(rows), len(rows[0]), classes
    )


def test_the_first_iteration_of_the_worked_example():
    fit = fit_dawid_skene(table(ROWS), one_coin_below=0, max_iterations=1)
    expected = [0.178274, 0.001291, 0.999428, 0.813623, 0.392279, 0.999049]
    np.testing.assert_allclose(fit.posterior[:, 1], expected, atol=1e-6)
    assert fit.log_likelihood == pytest.approx(-8.467030, abs=1e-6)


def test_the_converged_fit_of_the_worked_example():
    fit = fit_dawid_skene(table(ROWS), one_coin_below=0, tolerance=1e-10)
    expected = [0.004868, 0.000049, 0.999951, 0.980445, 0.014484, 0.999926]
    np.testing.assert_allclose(fit.posterior[:, 1], expected, atol=1e-6)
    np.testing.assert_allclose(fit.prior, [0.500046, 0.499954], atol=1e-6)
    confusion = [
        [[0.990174, 0.009826], [0.009736, 0.990264]],
        [[0.995025, 0.004975], [0.331209, 0.668791]],
        [[0.334398, 0.665602], [0.004975, 0.995025]],
    ]
    np.testing.assert_allclose(fit.confusion, confusion, atol=1e-6)
    assert fit.log_likelihood == pytest.approx(-8.017543, abs=1e-6)
    assert fit.iterations < 200


def crowd(seed, tasks=1000, accuracies=(0.95, 0.8, 0.6, 0.45, 0.45), classes=4):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, tasks)
    rows = []
    for true in truth:
        wrong = [c for c in range(classes) if c != true]
        rows.append(
            [
                (int(true) if rng.random() < a else int(rng.choice(wrong)))
                if rng.random() < 0.8
                else None
                for a in accuracies
            ]
        )
    return truth, table(rows, classes)


def test_it_labels_better_than_the_majority_of_unequal_annotators():
    """Five annotators, two of them poor: majority .826 right, Dawid-Skene .905 (5 crowds)."""
    shares = []
    for seed in range(5):
        truth, votes = crowd(seed)
        counts, voted = votes.counts(), votes.counts().any(1)
        by_majority = majority(counts, tie_rule="random", rng=np.random.default_rng(seed))
        fitted = dawid_skene(counts, votes=votes)
        shares.append([(found.labels == truth)[voted].mean() for found in (by_majority, fitted)])
    simple, weighted = np.mean(shares, axis=0)
    assert simple == pytest.approx(0.826, abs=0.015)
    assert weighted == pytest.approx(0.905, abs=0.015)


def known_crowd(classes, tasks, seed, accuracies=(0.98, 0.9, 0.7, 0.5, 0.5), coverage=0.6):
    """Annotators of known accuracy, wrong in any direction."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, classes, tasks)
    saw = rng.random((tasks, len(accuracies))) < coverage
    right = rng.random(saw.shape) < accuracies
    said = np.where(right, truth[:, None], 0)
    said[~right] = (truth[:, None] + rng.integers(1, classes, saw.shape))[~right] % classes
    rows, people = saw.nonzero()
    return truth, VoteTable(rows, people, said[saw], tasks, len(accuracies), classes)


@pytest.mark.parametrize(
    ("classes", "tasks", "seed"),
    [(2, 1000, 0), (2, 1000, 1), (10, 1000, 0), (10, 1000, 1), (100, 1000, 0), (1000, 1000, 0)],
)
def test_known_annotators_are_told_apart_whatever_the_number_of_classes(classes, tasks, seed):
    truth, votes = known_crowd(classes, tasks, seed)
    counts = votes.counts()
    voted = counts.any(1)
    # Few iterations: one takes half a second where there are a thousand classes.
    fit = fit_dawid_skene(votes, max_iterations=3 if classes == 1000 else 200)
    accuracy = np.einsum("acc,c->a", fit.confusion, fit.prior)
    if classes > 2:  # of two classes, annotators of one half say nothing
        np.testing.assert_allclose(accuracy, (0.98, 0.9, 0.7, 0.5, 0.5), atol=0.13)
    assert accuracy[0] > 0.9
    by_majority = majority(counts, tie_rule="random", rng=np.random.default_rng(seed))
    ours, theirs = (
        (labels == truth)[voted].mean() for labels in (fit.posterior.argmax(1), by_majority.labels)
    )
    assert ours > theirs + (0.005 if classes == 1000 else 0.01)


def test_states_come_from_the_votes_and_tasks_without_votes_have_no_label():
    votes = VoteTable(
        np.array([0, 0, 1, 2, 2]), np.array([0, 1, 0, 0, 1]), np.array([1, 1, 0, 0, 1]), 4, 2, 2
    )
    decided = RULES["dawid_skene"](votes.counts(), votes=votes)
    assert decided.states.tolist() == [State.SETTLED, State.OPEN, State.TIED, State.OPEN]
    assert decided.labels[[0, 1, 3]].tolist() == [1, 0, -1]


def test_annotators_with_few_votes_get_one_accuracy_for_all_classes():
    fit = fit_dawid_skene(table(ROWS), one_coin_below=20)
    diagonal = np.einsum("acc->ac", fit.confusion)
    np.testing.assert_allclose(diagonal[:, 0], diagonal[:, 1])
    np.testing.assert_allclose(fit.confusion.sum(2), 1)


def test_an_abstention_is_no_vote():
    votes = table(ROWS)
    more = VoteTable(
        np.append(votes.tasks, 4),
        np.append(votes.annotators, 1),
        np.append(votes.labels, -1),
        6,
        3,
        2,
    )
    np.testing.assert_allclose(fit_dawid_skene(votes).posterior, fit_dawid_skene(more).posterior)
    assert more.abstains().tolist() == [0, 0, 0, 0, 1, 0]
    np.testing.assert_array_equal(more.counts(), votes.counts())


def test_one_vote_per_task_leaves_nothing_to_learn_from():
    """A single source's confusion cannot be told from its labels: the labels stand."""
    labels = np.array([0] * 20 + [1] * 3 + [2])
    votes = VoteTable(np.arange(24), np.zeros(24, int), labels, 24, 1, 3)
    np.testing.assert_array_equal(dawid_skene(votes.counts(), votes=votes).labels, labels)


def test_a_fit_that_switched_classes_gives_way_to_the_majority(monkeypatch):
    votes = table(ROWS)
    fit = fit_dawid_skene(votes)
    flipped = DawidSkene(
        fit.posterior[:, ::-1], fit.prior, fit.confusion[:, ::-1], fit.log_likelihood, 1
    )
    module = sys.modules[dawid_skene.__module__]
    monkeypatch.setattr(module, "fit_dawid_skene", lambda *_args, **_options: flipped)
    decided = dawid_skene(votes.counts(), votes=votes)
    np.testing.assert_array_equal(decided.labels, majority(votes.counts()).labels)


def test_thousands_of_votes_on_one_task_do_not_underflow():
    people = 3000
    votes = VoteTable(
        np.zeros(people, int), np.arange(people), np.arange(people) % 3 // 2, 1, people, 2
    )
    assert np.isfinite(fit_dawid_skene(votes).posterior).all()


def test_no_votes_cannot_be_fitted_and_have_no_labels():
    empty = VoteTable(np.zeros(0, int), np.zeros(0, int), np.zeros(0, int), 3, 0, 2)
    with pytest.raises(InvalidValuesError, match="at least one vote"):
        fit_dawid_skene(empty)
    assert dawid_skene(empty.counts(), votes=empty).labels.tolist() == [-1, -1, -1]


@pytest.mark.parametrize(
    ("tasks", "people", "labels", "message"),
    [
        ([0, 0], [1, 1], [0, 1], "several votes of one annotator on one task"),
        ([0, 5], [0, 1], [0, 1], r"tasks lies in 0\.\.5; expected 0\.\.1"),
        ([0, 1], [0, 1], [0, 2], r"labels lies in 0\.\.2; expected -1\.\.1"),
        ([0, 1], [0, -1], [0, 1], r"annotators lies in -1\.\.0; expected 0\.\.1"),
        ([0, 1], [0, 1], [0], r"labels has shape \(1,\); expected \(2,\)"),
    ],
)
def test_a_table_that_breaks_its_contract_is_refused(tasks, people, labels, message):
    with pytest.raises(InvalidValuesError, match=message):
        VoteTable(np.array(tasks), np.array(people), np.array(labels), 2, 2, 2)
