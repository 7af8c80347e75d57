"""CROWDLAB and ActiveLab through cleanlab."""

import sys

import numpy as np
import pytest
from relabel.errors import ConfigurationError, InvalidValuesError
from relabel.numerics.consensus.crowdlab import crowd_quality, crowdlab
from relabel.numerics.consensus.table import VoteTable
from relabel.numerics.scoring import SCORES

ROWS = [[0, 0, 1], [0, 0, 0], [1, 1, 1], [1, 0, 1], [0, None, 1], [1, 1, None]]
PROBS = np.array([[0.8, 0.2], [0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.45, 0.55], [0.3, 0.7]])


@pytest.fixture
def votes():
    pytest.importorskip("cleanlab")
    kept = [(i, a, v) for i, row in enumerate(ROWS) for a, v in enumerate(row) if v is not None]
    return VoteTable(*map(np.array, zip(*kept, strict=True)), 6, 3, 2)


def test_the_worked_example(votes):
    found = crowd_quality(votes, PROBS)
    assert found.labels.tolist() == [0, 0, 1, 1, 1, 1]
    expected = [0.800320, 0.894550, 0.800321, 0.611861, 0.529483, 0.706091]
    np.testing.assert_allclose(found.quality, expected, atol=1e-6)


def test_the_rule_labels_by_quality_and_leaves_unvoted_tasks_without_a_label(votes):
    longer = VoteTable(votes.tasks, votes.annotators, votes.labels, 7, 4, 2)
    probs = np.concatenate([PROBS, [[0.5, 0.5]]])
    decided = crowdlab(longer.counts(), votes=longer, probs=probs)
    assert decided.labels.tolist() == [0, 0, 1, 1, 1, 1, -1]
    assert np.isnan(crowd_quality(longer, probs).quality[6])


def test_without_a_task_of_two_votes_the_majority_decides():
    votes = VoteTable(np.array([0, 1]), np.array([0, 0]), np.array([1, 0]), 2, 1, 2)
    assert crowdlab(votes.counts(), votes=votes, probs=PROBS[:2]).labels.tolist() == [1, 0]
    with pytest.raises(InvalidValuesError, match="at least one task with two votes"):
        crowd_quality(votes, PROBS[:2])


def test_one_vote_per_task_scores_as_the_published_method():
    multiannotator = pytest.importorskip("cleanlab.multiannotator")
    labels, probs = np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7]])
    theirs, _ = multiannotator.get_active_learning_scores(labels[:, None], probs)
    ours = SCORES["activelab"](np.eye(2, dtype=int)[labels], probs)
    np.testing.assert_allclose(-ours, theirs, atol=1e-9)


def test_probabilities_of_other_tasks_are_refused(votes):
    with pytest.raises(InvalidValuesError, match=r"probs has shape \(5, 2\); expected \(6, 2\)"):
        crowd_quality(votes, PROBS[:5])


def test_without_cleanlab_the_message_says_what_to_install(votes, monkeypatch):
    monkeypatch.setitem(sys.modules, "cleanlab", None)
    with pytest.raises(ConfigurationError, match=r"label-studio-relabel\[cleanlab\]"):
        crowd_quality(votes, PROBS)
