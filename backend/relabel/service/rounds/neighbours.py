"""Why a task is asked about: its nearest neighbours, found once per round and kept beside it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from relabel.numerics.neighbours.graph import Neighbours
from relabel.storage.artifacts import load_arrays, save_arrays
from relabel.types import Float32Array, IntArray

SHOWN = 5
"""Neighbours kept per task: as many as fit beside it on one line."""


@dataclass(frozen=True, slots=True)
class Nearest:
    """The nearest other tasks of each task, nearest first.

    task_ids: (N,) increasing; neighbours: (N, k) task ids; squared_distances: (N, k), in [0, 4],
    between unit vectors: smaller = more alike.
    """

    task_ids: IntArray
    neighbours: IntArray
    squared_distances: Float32Array

    def save(self, folder: Path, number: int) -> str:
        """Write the neighbours of round `number`; return the name of the file."""
        return save_arrays(
            folder,
            f"round-{number}-nearest",
            task_ids=self.task_ids,
            neighbours=self.neighbours,
            squared_distances=self.squared_distances,
        )

    @classmethod
    def load(cls, folder: Path, number: int) -> "Nearest | None":
        """Read what `save` wrote; None where a round kept none."""
        name = f"round-{number}-nearest.npz"
        if not (folder / name).exists():
            return None
        arrays = load_arrays(folder, name)
        return cls(
            arrays["task_ids"].astype(np.int64),
            arrays["neighbours"].astype(np.int64),
            arrays["squared_distances"].astype(np.float32),
        )


def nearest_of(task_ids: IntArray, neighbours: Neighbours) -> Nearest:
    """Return the nearest few of the neighbours (N, k) found among tasks (N,), ids increasing."""
    return Nearest(
        task_ids,
        task_ids[neighbours.rows[:, :SHOWN]],
        neighbours.squared_distances[:, :SHOWN],
    )
