"""What the tasks' embeddings say of one another, and what each way of spreading a batch needs."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import scipy.sparse as sp

from relabel.errors import ConfigurationError
from relabel.numerics.neighbours.graph import Neighbours, affinity, kernel_width, near_duplicates
from relabel.numerics.neighbours.knn import build_index, find_neighbours
from relabel.types import BoolArray, Float32Array, FloatArray, IntArray

NEIGHBOURS = 10
"""k of the graph (Kim 2022, 4.1)."""


@dataclass(frozen=True)
class Surroundings:
    """The embeddings of all tasks and their neighbours, each computed when it is first needed.

    embeddings: (N, D), or None where there are none. seed: of the index and of the kernel width.
    """

    embeddings: Float32Array | None
    seed: int

    @property
    def vectors(self) -> Float32Array:
        """(N, D) embeddings.

        Raises:
            ConfigurationError: there are none.
        """
        if self.embeddings is None:
            raise ConfigurationError(
                "There are no embeddings, and this needs them: choose an encoder."
            )
        return self.embeddings

    @cached_property
    def unit(self) -> Float32Array:
        """(N, D) embeddings of length 1."""
        lengths = np.linalg.norm(self.vectors, axis=1, keepdims=True).clip(1e-12)
        return np.ascontiguousarray(self.vectors / lengths, dtype=np.float32)

    @cached_property
    def neighbours(self) -> Neighbours:
        """The nearest other tasks of each task, by unit vectors."""
        rng = np.random.default_rng([self.seed, 5])
        return find_neighbours(build_index(self.unit, rng), self.unit, NEIGHBOURS, rng)

    @cached_property
    def graph(self) -> sp.csr_array:
        """(N, N) symmetric affinity of each task and its nearest neighbours."""
        width = kernel_width(self.unit, np.random.default_rng([self.seed, 4]))
        return affinity(self.neighbours, width)

    @cached_property
    def groups(self) -> IntArray:
        """(N,) group of near-duplicates of each task; most tasks are alone in theirs."""
        return near_duplicates(self.neighbours)

    @property
    def duplicates(self) -> int:
        """How many tasks have a near-duplicate."""
        sizes = np.bincount(self.groups)
        return int(sizes[sizes > 1].sum())


def diversity_inputs(
    diversity: str,
    *,
    surroundings: Surroundings,
    labels: IntArray,
    pool: BoolArray,
    contribution: FloatArray | None,
) -> dict[str, Any]:
    """Return the options of `select_batch` that depend on the data.

    Args:
        diversity: a key of `DIVERSITY`.
        surroundings: of the N tasks.
        labels: (N,) the class that each task counts for, -1 = none.
        pool: (N,) tasks that may be picked; the others count as covered.
        contribution: (N,) how much the selector trusted each task's label, NaN where it was never
            trained on; None = the selector does not say.

    """
    if diversity == "quotas":
        return {"classes": labels}
    if diversity == "k_centre":
        return {"vectors": surroundings.vectors, "covered": ~pool}
    if diversity == "diffusion":
        inputs: dict[str, Any] = {"graph": surroundings.graph}
        return inputs if contribution is None else inputs | {"contribution": contribution}
    return {}
