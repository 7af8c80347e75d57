"""Covering the space, and taking turns between classes."""

import numpy as np
import pytest
from relabel.errors import InvalidValuesError
from relabel.numerics.diversity.cover import by_class, by_coverage

POINTS = np.array([[0, 0], [1, 0], [0, 1], [5, 5], [6, 5], [10, 0]], dtype=np.float32)


def test_k_centre_picks_what_is_farthest_from_the_covered_tasks():
    covered = np.array([True, False, False, False, False, False])
    order = np.array([1, 2, 3, 4, 5])
    picks = by_coverage(np.ones(6), order, 3, vectors=POINTS, covered=covered)
    assert picks.tolist() == [5, 3, 1]


def test_k_centre_starts_from_the_highest_score_when_nothing_is_covered():
    order = np.array([4, 0, 1, 2, 3, 5])
    picks = by_coverage(np.ones(6), order, 3, vectors=POINTS)
    assert picks[0] == 4
    assert picks[1] == 0


def test_k_centre_returns_duplicates_only_when_nothing_else_is_left():
    points = np.array([[0, 0], [0, 0], [3, 0], [3, 0]], dtype=np.float32)
    picks = by_coverage(np.ones(4), np.arange(4), 4, vectors=points)
    assert sorted(picks.tolist()) == [0, 1, 2, 3]
    assert {tuple(points[p]) for p in picks[:2]} == {(0, 0), (3, 0)}


def test_k_centre_refuses_vectors_of_other_tasks():
    with pytest.raises(InvalidValuesError, match="vectors has 5 rows for 6 scores"):
        by_coverage(np.ones(6), np.arange(6), 2, vectors=POINTS[:5])


def test_quotas_take_turns_between_classes_by_score():
    classes = np.array([0, 0, 0, 0, 1, 2, 1])
    order = np.array([0, 1, 2, 4, 3, 5, 6])
    picks = by_class(np.ones(7), order, 6, classes=classes)
    assert picks.tolist() == [0, 4, 5, 1, 6, 2]


def test_tasks_without_a_class_have_no_turn():
    classes = np.array([-1, 0, -1, 0, 1])
    picks = by_class(np.ones(5), np.arange(5), 5, classes=classes)
    assert picks.tolist() == [1, 4, 3, 0, 2]


def test_quotas_refuse_classes_of_other_tasks():
    with pytest.raises(InvalidValuesError, match=r"classes has shape \(6,\); expected \(7,\)"):
        by_class(np.ones(7), np.arange(7), 2, classes=np.zeros(6, dtype=int))
