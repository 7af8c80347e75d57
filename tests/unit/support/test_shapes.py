"""A docstring whose shapes are not true is found by the first test that calls its function."""

from dataclasses import dataclass

import numpy as np
import pytest
from relabel.numerics import posteriors, scoring
from relabel.numerics.consensus import majority
from shapes import RESULT, check_shapes, checked, checked_class, told


def shares(counts, weights=None):
    """Return (N, K) what share of a task's votes each class has.

    Args:
        counts: (N, K) votes.
        weights: (N,) of the tasks; None = all alike.
    """
    return counts / counts.sum(1, keepdims=True) * (1 if weights is None else weights[:, None])


def lying(counts):
    """Return (N,) the share of a task's first class."""
    return shares(counts)


@dataclass(frozen=True)
class Votes:
    """Votes. task_ids: (N,) increasing. votes: (N, K)."""

    task_ids: np.ndarray
    votes: np.ndarray


def test_shapes_are_read_from_parameters_fields_and_results():
    assert told(shares.__doc__) == {
        "counts": [("N", "K")],
        "weights": [("N",)],
        RESULT: [("N", "K")],
    }
    text = (
        "Mean.\n\nArgs:\n    p: (N, K), (T, N, K) or (T, M, N, K) of each.\n\nReturns:\n    (N, K)."
    )
    assert told(text)["p"] == [("N", "K"), ("T", "N", "K"), ("T", "M", "N", "K")]
    assert told(text)[RESULT] == [("N", "K")]


def test_what_is_true_is_let_through_with_or_without_the_optional_part():
    for weights in (None, np.ones(3)):
        assert checked(shares)(np.ones((3, 2)), weights).shape == (3, 2)


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        (lying, [np.ones((3, 2))], r"lying: found .*returns \(3, 2\)"),
        (shares, [np.ones((3, 3)), np.ones((3, 3))[:, 0:1]], r"weights \(3, 1\)"),
    ],
)
def test_a_planted_lie_is_found(function, arguments, words):
    with pytest.raises(AssertionError, match=words):
        checked(function)(*arguments)


def test_fields_of_a_dataclass_agree_with_one_another():
    checked_class(Votes)
    Votes(np.arange(3), np.ones((3, 2)))
    with pytest.raises(AssertionError, match=r"Votes: found task_ids \(3,\), votes \(2, 2\)"):
        Votes(np.arange(3), np.ones((2, 2)))


def test_modules_and_registries_hold_the_checked_functions():
    check_shapes("relabel.numerics")
    assert hasattr(posteriors.marginalise, "__wrapped__")
    assert hasattr(majority.majority, "__wrapped__")
    assert scoring.SCORES["phi"] is scoring.phi
