"""The values that flow through the system.

All are frozen and checked once, on construction, so that no function needs to check them again.
Letters used everywhere: N tasks, K classes, D embedding dimensions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from relabel.errors import InvalidValuesError

FloatArray = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
SparseArray = Any
"""scipy.sparse.csr_array, which is named without importing SciPy."""

ROW_SUM_TOLERANCE = 1e-4
"""How far a row of posteriors may be from 1 before it is refused instead of renormalised."""

Progress = Callable[[str, int, int], None]
"""Called as progress(stage, done, total): how far the current stage of some long work is."""


def silent(stage: str, done: int, total: int) -> None:
    """Ignore progress (the default of everything that reports it)."""


class State(IntEnum):
    """What the votes of one task say (numbers are stored: never renumber)."""

    OPEN = 0  # no strict majority of at least two votes yet
    SETTLED = 1  # strict majority of at least two votes
    TIED = 2  # several classes share the most votes (still open for another vote)
    AMBIGUOUS = 3  # the cap on votes was reached, or two annotators could not tell


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """How many votes each class has on each task.

    task_ids: (N,) int, strictly increasing. votes: (N, K) int, >= 0; a zero row is unlabelled.
    """

    task_ids: IntArray
    votes: IntArray

    def __post_init__(self) -> None:
        _check_ids(self.task_ids, "LabelCounts.task_ids")
        _check_rows(self.votes, len(self.task_ids), "LabelCounts.votes")
        if self.votes.size and self.votes.min() < 0:
            raise InvalidValuesError(
                "LabelCounts.votes has negative counts; counts are sums of votes."
            )


@dataclass(frozen=True, slots=True)
class Posteriors:
    """Class probabilities of a selector.

    task_ids: (N,) int, strictly increasing. probs: (N, K) float32, rows sum to 1.
    """

    task_ids: IntArray
    probs: Float32Array
    model_version: str = ""

    def __post_init__(self) -> None:
        _check_ids(self.task_ids, "Posteriors.task_ids")
        _check_rows(self.probs, len(self.task_ids), "Posteriors.probs")
        bad = ~np.isfinite(self.probs).all(1) | (np.abs(self.probs.sum(1) - 1) > ROW_SUM_TOLERANCE)
        if bad.any():
            raise InvalidValuesError(
                f"Posteriors.probs has {int(bad.sum())} rows that are not distributions "
                f"(first task ids: {self.task_ids[bad][:5].tolist()})."
            )


@dataclass(frozen=True, slots=True)
class Consensus:
    """What the votes say. labels: (N,) int, -1 = none; states: (N,) of `State`."""

    labels: IntArray
    states: IntArray

    def at(self, rows: IntArray | BoolArray) -> "Consensus":
        """Return what the votes say of these tasks, by their numbers or as a mask."""
        return Consensus(self.labels[rows], self.states[rows])


def match_rows(wanted: IntArray, available: IntArray) -> IntArray:
    """Return (len(wanted),) row numbers of `wanted` in the increasing `available`; -1 = absent."""
    if not len(available):
        return np.full(len(wanted), -1, dtype=np.int64)
    rows = np.searchsorted(available, wanted).clip(max=len(available) - 1)
    return np.where(available[rows] == wanted, rows, -1).astype(np.int64)


def _check_ids(task_ids: IntArray, name: str) -> None:
    if task_ids.ndim != 1 or (np.diff(task_ids) <= 0).any():
        raise InvalidValuesError(f"{name} must be one-dimensional, unique and increasing.")


def _check_rows(values: npt.NDArray[np.generic], rows: int, name: str) -> None:
    if values.ndim != 2 or len(values) != rows:
        raise InvalidValuesError(f"{name} has shape {values.shape}; expected ({rows}, ...).")
