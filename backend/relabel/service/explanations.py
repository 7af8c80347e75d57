"""Why a task is asked about: its nearest neighbours, found once per round and kept beside it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from relabel.numerics.knn import build_index, find_neighbours
from relabel.storage.artifacts import load_arrays, save_arrays
from relabel.types import Float32Array, IntArray

SHOWN = 5
"""Neighbours kept per task: as many as fit beside it on one line."""

NEAR_DUPLICATE = 0.02
"""Squared distance of two unit vectors below which their images show the same thing: a cosine
above 0.99."""


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


def find_nearest(
    task_ids: IntArray, vectors: Float32Array, rng: np.random.Generator, *, k: int = SHOWN
) -> Nearest:
    """Return the k nearest other tasks of every task.

    Args:
        task_ids: (N,) increasing.
        vectors: (N, D) float32, L2-normalised embeddings.
        rng: Draws the tasks on which the search of large projects is measured.
        k: Neighbours per task; fewer where there are not so many others.
    """
    found = find_neighbours(build_index(vectors, rng), vectors, k, rng)
    return Nearest(task_ids, task_ids[found.rows], found.squared_distances)
