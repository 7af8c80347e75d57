import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from relabel.errors import InvalidValuesError
from relabel.types import LabelCounts, Posteriors, State, match_rows

IDS = np.array([3, 5, 9])


def test_values_cannot_be_changed():
    counts = LabelCounts(IDS, np.ones((3, 2), dtype=np.int64))
    with pytest.raises(dataclasses.FrozenInstanceError):
        counts.votes = counts.votes


@pytest.mark.parametrize(
    "ids",
    [np.array([5, 3, 9]), np.array([3, 3, 9]), np.array([[3, 5, 9]])],
    ids=["unsorted", "repeated", "two dimensions"],
)
@pytest.mark.parametrize(
    "make",
    [
        lambda ids: LabelCounts(ids, np.ones((3, 2), dtype=np.int64)),
        lambda ids: Posteriors(ids, np.full((3, 2), 0.5, dtype=np.float32)),
    ],
    ids=["counts", "posteriors"],
)
def test_task_ids_must_be_unique_and_increasing(make, ids):
    with pytest.raises(InvalidValuesError, match="task_ids must be one-dimensional, unique"):
        make(ids)


def test_counts_need_one_row_per_task():
    with pytest.raises(InvalidValuesError, match=r"LabelCounts.votes has shape \(2, 2\).*\(3,"):
        LabelCounts(IDS, np.ones((2, 2), dtype=np.int64))


def test_counts_are_never_negative():
    with pytest.raises(InvalidValuesError, match="negative counts"):
        LabelCounts(IDS, np.array([[0, 1], [1, -1], [0, 0]]))


@pytest.mark.parametrize("bad", [[0.5, 0.6], [np.nan, 1.0], [np.inf, 0.0]])
def test_a_row_that_is_no_distribution_is_named_by_its_task(bad):
    probs = np.array([[0.5, 0.5], bad, [1.0, 0.0]], dtype=np.float32)
    with pytest.raises(InvalidValuesError, match=r"1 rows .*\[5\]"):
        Posteriors(IDS, probs)


def test_rounding_of_float32_is_no_error():
    probs = np.full((3, 7), 1 / 7, dtype=np.float32)
    assert Posteriors(IDS, probs).probs.shape == (3, 7)


def test_the_numbers_of_states_are_those_in_stores_of_users():
    assert {s.name: s.value for s in State} == {
        "OPEN": 0,
        "SETTLED": 1,
        "TIED": 2,
        "AMBIGUOUS": 3,
    }


@given(st.lists(st.integers(0, 50)), st.sets(st.integers(0, 50)))
def test_rows_are_matched_by_task_id(wanted, available):
    known = np.array(sorted(available), dtype=np.int64)
    rows = match_rows(np.array(wanted, dtype=np.int64), known)
    expected = [sorted(available).index(i) if i in available else -1 for i in wanted]
    assert rows.tolist() == expected
