"""Who voted what: the long table that figures about annotators are made of."""

from dataclasses import dataclass

import numpy as np

from relabel.errors import InvalidValuesError
from relabel.types import IntArray


@dataclass(frozen=True, slots=True)
class VoteTable:
    """One row per vote, at most one per task and annotator. Letters: V votes, A annotators.

    tasks: (V,) rows in 0..N-1; annotators: (V,) in 0..A-1; labels: (V,) in 0..K-1, or -1 = "cannot
    tell".
    """

    tasks: IntArray
    annotators: IntArray
    labels: IntArray
    n_tasks: int
    n_annotators: int
    n_classes: int

    def __post_init__(self) -> None:
        limits = (
            ("tasks", self.tasks, 0, self.n_tasks),
            ("annotators", self.annotators, 0, self.n_annotators),
            ("labels", self.labels, -1, self.n_classes),
        )
        for name, values, low, high in limits:
            if values.shape != self.tasks.shape or values.ndim != 1:
                raise InvalidValuesError(
                    f"VoteTable.{name} has shape {values.shape}; expected {self.tasks.shape}."
                )
            if values.size and not low <= values.min() <= values.max() < high:
                raise InvalidValuesError(
                    f"VoteTable.{name} lies in {values.min()}..{values.max()}; expected "
                    f"{low}..{high - 1}."
                )
        pairs = self.tasks * self.n_annotators + self.annotators
        if len(np.unique(pairs)) != len(pairs):
            raise InvalidValuesError(
                "VoteTable has several votes of one annotator on one task; keep the latest."
            )

    def counts(self) -> IntArray:
        """Return the (N, K) votes per class, without abstentions."""
        given = self.labels >= 0
        cells = self.tasks[given] * self.n_classes + self.labels[given]
        counted = np.bincount(cells, minlength=self.n_tasks * self.n_classes)
        return counted.reshape(self.n_tasks, self.n_classes).astype(np.int64)

    def given(self) -> "VoteTable":
        """Return the table without abstentions."""
        kept = self.labels >= 0
        return VoteTable(
            self.tasks[kept],
            self.annotators[kept],
            self.labels[kept],
            self.n_tasks,
            self.n_annotators,
            self.n_classes,
        )
