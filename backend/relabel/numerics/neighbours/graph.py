"""What nearest neighbours say: the affinity graph that scores diffuse over, and near-duplicates.

SciPy is imported where it is used: the web process shows near-duplicates, and starts without it.
"""

from dataclasses import dataclass

import numpy as np

from relabel.types import Float32Array, IntArray, SparseArray

NEAR_DUPLICATE = 0.02
"""Squared distance of two unit vectors up to which their images show the same thing: a cosine of
0.99."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The k nearest other tasks of each task, nearest first.

    rows: (N, k) int; squared_distances: (N, k) float32; recall: share of the true neighbours that a
    sample found (1 = exact); method: "exact" or the index's description.
    """

    rows: IntArray
    squared_distances: Float32Array
    recall: float
    method: str


def kernel_width(vectors: Float32Array, rng: np.random.Generator, *, sample: int = 2000) -> float:
    """Return sigma, the squared mean distance of two tasks (Kim 2022, 3.2), never 0.

    Args:
        vectors: (N, D).
        rng: Draws the tasks whose pairs are measured.
        sample: At most so many tasks.
    """
    chosen = rng.choice(len(vectors), min(len(vectors), sample), replace=False)
    points = vectors[chosen].astype(np.float64)
    norms = (points**2).sum(1)
    squared = norms[:, None] + norms[None, :] - 2 * points @ points.T
    upper = np.triu_indices(len(points), k=1)
    distances = np.sqrt(np.maximum(squared[upper], 0))
    mean = float(distances.mean()) if len(distances) else 0.0
    return max(mean**2, float(np.finfo(np.float64).tiny))


def affinity(neighbours: Neighbours, sigma: float) -> SparseArray:
    """Return the symmetric affinity graph (N, N), float32 CSR without a diagonal.

    exp(-distance^2 / sigma) where either task is among the other's neighbours (Kim 2022, Eq. 7).
    """
    import scipy.sparse as sp

    n, k = neighbours.rows.shape
    known = neighbours.rows.ravel() >= 0
    weights = np.exp(-neighbours.squared_distances.ravel()[known].astype(np.float64) / sigma)
    ends = (np.repeat(np.arange(n), k)[known], neighbours.rows.ravel()[known])
    directed = sp.csr_array((weights.astype(np.float32), ends), shape=(n, n))
    graph = directed.maximum(directed.T).tocsr()
    graph.sort_indices()
    return with_short_indices(graph)


def with_short_indices(graph: SparseArray) -> SparseArray:
    """Return the same matrix with int32 indices where they suffice: a third less to read."""
    import scipy.sparse as sp

    if graph.nnz >= np.iinfo(np.int32).max:
        return graph
    indices, pointers = graph.indices.astype(np.int32), graph.indptr.astype(np.int32)
    return sp.csr_array((graph.data, indices, pointers), shape=graph.shape)


def near_duplicates(
    neighbours: Neighbours, *, squared_distance: float = NEAR_DUPLICATE
) -> IntArray:
    """Return (N,) the group of each task: tasks linked by near-duplicate neighbours share one.

    Args:
        neighbours: Of L2-normalised embeddings, where a squared distance is 2 - 2 cosine.
        squared_distance: Two tasks at most so far apart are near-duplicates.
    """
    import scipy.sparse as sp

    n, k = neighbours.rows.shape
    close = (neighbours.squared_distances <= squared_distance) & (neighbours.rows >= 0)
    ends = (np.repeat(np.arange(n), k)[close.ravel()], neighbours.rows[close])
    links = sp.csr_array((np.ones(len(ends[0]), dtype=np.int8), ends), shape=(n, n))
    groups = sp.csgraph.connected_components(links, directed=False)[1]
    return np.asarray(groups, dtype=np.int64)
