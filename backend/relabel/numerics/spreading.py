"""What each way of spreading a batch needs beside the scores: a graph, vectors or classes."""

from typing import Any

import numpy as np
import scipy.sparse as sp

from relabel.numerics.knn import affinity, build_index, find_neighbours, kernel_width
from relabel.types import BoolArray, Float32Array, FloatArray, IntArray

NEIGHBOURS = 10
"""k of the graph (Kim 2022, 4.1)."""


def neighbour_graph(vectors: Float32Array, rng: np.random.Generator) -> sp.csr_array:
    """Return the (N, N) symmetric affinity of each task's nearest neighbours.

    Args:
        vectors: (N, D), normalised here.
        rng: of the index and of the sampled kernel width.

    """
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-12)
    unit = np.ascontiguousarray(vectors / lengths, dtype=np.float32)
    neighbours = find_neighbours(build_index(unit, rng), unit, NEIGHBOURS, rng)
    return affinity(neighbours, kernel_width(unit, rng))


def diversity_inputs(
    diversity: str,
    *,
    vectors: Float32Array,
    labels: IntArray,
    pool: BoolArray,
    contribution: FloatArray | None,
    rng: np.random.Generator,
    graph: sp.csr_array | None = None,
) -> dict[str, Any]:
    """Return the options of `select_batch` that depend on the data.

    Args:
        diversity: a key of `DIVERSITY`.
        vectors: (N, D) embeddings.
        labels: (N,) the class that each task counts for, -1 = none.
        pool: (N,) tasks that may be picked; the others count as covered.
        contribution: (N,) how much the selector trusted each task's label, if it says so.
        rng: of the graph.
        graph: one of the same vectors that was made before.

    """
    if diversity == "quotas":
        return {"classes": labels}
    if diversity == "k_centre":
        return {"vectors": vectors, "covered": ~pool}
    if diversity == "diffusion":
        made = neighbour_graph(vectors, rng) if graph is None else graph
        inputs: dict[str, Any] = {"graph": made}
        return inputs if contribution is None else inputs | {"contribution": contribution}
    return {}
