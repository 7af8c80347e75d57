"""The table of who voted what."""

import numpy as np
import pytest
from relabel.errors import InvalidValuesError
from relabel.numerics.consensus.table import VoteTable


def test_an_abstention_is_no_vote():
    votes = VoteTable(np.array([0, 0, 1]), np.array([0, 1, 1]), np.array([1, -1, 0]), 3, 2, 2)
    assert votes.counts().tolist() == [[0, 1], [1, 0], [0, 0]]
    assert votes.given().annotators.tolist() == [0, 1]


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
