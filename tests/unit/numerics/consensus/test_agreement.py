"""Agreement of annotators, by figures worked by hand."""

import numpy as np
import pytest
from relabel.numerics.consensus.agreement import annotator_stats
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
