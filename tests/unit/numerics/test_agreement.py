"""Agreement between annotators, against scikit-learn and figures worked by hand."""

import numpy as np
import pytest
from relabel.numerics.consensus.agreement import (
    annotator_stats,
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
)
from relabel.numerics.consensus.majority import majority
from relabel.numerics.consensus.table import VoteTable


@pytest.fixture
def votes():
    """Three annotators; task 3 is tied, task 4 has one vote and one abstention."""
    cells = [
        *[(0, 0, 1), (0, 1, 1), (0, 2, 0)],
        *[(1, 0, 2), (1, 1, 2)],
        *[(2, 0, 0), (2, 1, 1), (2, 2, 0)],
        *[(3, 0, 0), (3, 1, 1)],
        *[(4, 0, 1), (4, 2, -1)],
    ]
    return VoteTable(*np.array(cells).T, 5, 3, 3)


def test_every_figure_comes_with_the_votes_behind_it(votes):
    stats = annotator_stats(votes, majority(votes.counts()))
    assert stats.votes.tolist() == [5, 4, 2]
    assert stats.abstained.tolist() == [0, 0, 1]
    assert stats.judged.tolist() == [3, 3, 2]
    np.testing.assert_allclose(stats.agreement, [1, 2 / 3, 1 / 2])
    assert stats.compared.tolist() == [6, 6, 4]
    np.testing.assert_allclose(stats.peer_agreement, [3 / 6, 2 / 6, 1 / 4])


def test_the_confusion_is_by_consensus_then_vote(votes):
    confusion = annotator_stats(votes, majority(votes.counts())).confusion
    assert confusion[1].tolist() == [[0, 1, 0], [0, 1, 0], [0, 0, 1]]
    assert confusion[2].tolist() == [[1, 0, 0], [1, 0, 0], [0, 0, 0]]


def test_an_annotator_without_judged_votes_has_no_agreement():
    alone = VoteTable(np.array([0]), np.array([0]), np.array([1]), 1, 2, 2)
    stats = annotator_stats(alone, majority(alone.counts()))
    assert np.isnan(stats.agreement).all()
    assert np.isnan(stats.peer_agreement).all()
    assert stats.votes.tolist() == [1, 0]


def test_cohens_kappa_is_that_of_scikit_learn():
    from sklearn.metrics import cohen_kappa_score

    rng = np.random.default_rng(0)
    first = rng.integers(0, 3, 60)
    second = np.where(rng.random(60) < 0.6, first, rng.integers(0, 3, 60))
    tasks = np.concatenate([np.arange(60), np.arange(10, 60)])
    people = np.repeat([0, 1], [60, 50])
    votes = VoteTable(tasks, people, np.concatenate([first, second[10:]]), 60, 2, 3)
    kappa, shared = cohen_kappa(votes, 0, 1)
    assert shared == 50
    assert kappa == pytest.approx(cohen_kappa_score(first[10:], second[10:]))


FLEISS = np.array(
    [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
)


def test_fleiss_kappa_of_the_textbook_example():
    """Ten subjects, fourteen raters, five categories: 0.210 (Fleiss 1971 as often reprinted)."""
    kappa, tasks = fleiss_kappa(FLEISS)
    assert tasks == 10
    assert kappa == pytest.approx(0.210, abs=5e-4)


def test_krippendorffs_alpha_by_its_coincidence_matrix():
    """Twelve units of two to four observers, nominal: alpha 0.743 (Krippendorff 2011)."""
    units = [
        *[[1, 1, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4]],
        *[[4, 4, 4, 4], [1, 1, 2, 1], [2, 2, 2, 2], [5, 5, 5], [1, 1], [3]],
    ]
    counts = np.array([np.bincount(unit, minlength=6) for unit in units])
    alpha, tasks = krippendorff_alpha(counts)
    assert tasks == 11
    assert alpha == pytest.approx(0.743, abs=5e-4)


@pytest.mark.parametrize("measure", [fleiss_kappa, krippendorff_alpha])
def test_perfect_agreement_is_one_and_too_few_votes_are_no_number(measure):
    assert measure(np.array([[2, 0], [0, 3]])) == (1.0, 2)
    for counts in ([[1, 0], [0, 0]], [[2, 0], [3, 0]]):
        value, tasks = measure(np.array(counts))
        assert np.isnan(value)
        assert tasks == int(counts[0][0] == 2) * 2
