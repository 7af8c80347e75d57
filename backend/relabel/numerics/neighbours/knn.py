"""Nearest neighbours of embeddings, and the affinity graph that scores diffuse over.

The index is exact while that is cheap, and an inverted file behind a PCA beyond; its search is
widened until the recall measured on a sample meets the target, and is exact if it never does.
"""

from dataclasses import dataclass
from typing import Any

import faiss
import numpy as np
import scipy.sparse as sp

from relabel.errors import InvalidValuesError
from relabel.types import Float32Array, IntArray

EXACT_UP_TO = 30_000
"""Up to so many tasks an exact search takes seconds on two cores."""

PCA_DIMENSIONS = 96
"""Longer vectors are searched in their first principal components, then compared in full."""

WIDTHS = ((1 / 64, 4), (1 / 32, 6), (1 / 16, 8), (1 / 8, 10), (1 / 4, 12), (1 / 2, 20), (1.0, 32))
"""Tried in turn: share of the cells visited, and candidates compared in full per neighbour."""

NEAR_DUPLICATE = 0.02
"""Squared distance of two unit vectors up to which their images show the same thing: a cosine of
0.99."""

Index = Any


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


def build_index(
    vectors: Float32Array, rng: np.random.Generator, *, exact_up_to: int = EXACT_UP_TO
) -> Index:
    """Return a FAISS index that holds `vectors` (N, D).

    Raises:
        InvalidValuesError: `vectors` is not two-dimensional and finite.
    """
    contiguous = _checked(vectors)
    n, d = contiguous.shape
    index: Index
    if n <= exact_up_to:
        index = faiss.IndexFlatL2(d)
    else:
        cells = int(4 * np.sqrt(n))
        index = faiss.index_factory(d, _description(d, cells))
        # FAISS seeds its k-means itself; the sample decides what it sees. Its default of 25
        # iterations makes no better cells for searching than 10 do.
        _cells(index).cp.niter = 10
        sample = rng.choice(n, min(n, 40 * cells), replace=False)
        index.train(contiguous[np.sort(sample)])
    index.add(contiguous)
    return index


def find_neighbours(
    index: Index,
    vectors: Float32Array,
    k: int,
    rng: np.random.Generator,
    *,
    recall: float = 0.99,
    sample: int = 500,
) -> Neighbours:
    """Return the k nearest other tasks of every task.

    Args:
        index: Holds `vectors`, row for row.
        vectors: (N, D) float32.
        k: Neighbours per task; fewer where N - 1 is less.
        rng: Draws the tasks on which recall is measured.
        recall: Least share of the true neighbours that the search must find on the sample. A
            neighbour as near as the k-th true one counts, so duplicates cost nothing.
        sample: How many tasks are searched exactly to measure it.

    Raises:
        InvalidValuesError: `index` holds another number of rows, or k < 1.
    """
    queries = _checked(vectors)
    n = len(queries)
    if index.ntotal != n or k < 1:
        raise InvalidValuesError(
            f"The index holds {index.ntotal} rows for {n} vectors and k is {k}; expected equal "
            "numbers and k >= 1."
        )
    k = min(k, n - 1)
    if k == 0:
        return Neighbours(np.zeros((n, 0), np.int64), np.zeros((n, 0), np.float32), 1.0, "exact")
    rows = rng.choice(n, min(n, sample), replace=False)
    measured, parameters = _tune(index, queries, np.sort(rows), k, recall)
    if measured < recall:
        exact = faiss.IndexFlatL2(queries.shape[1])
        exact.add(queries)
        index, measured, parameters = exact, 1.0, None
    found, distances = _search(index, queries, np.arange(n), k, parameters)
    method = "exact" if parameters is None else _description(queries.shape[1], _cells(index).nlist)
    return Neighbours(found, distances, measured, method)


def _checked(vectors: Float32Array) -> Float32Array:
    contiguous = np.ascontiguousarray(vectors, dtype=np.float32)
    if contiguous.ndim != 2 or not np.isfinite(contiguous).all():
        raise InvalidValuesError(
            f"vectors has shape {contiguous.shape} or values that are not finite; expected finite "
            "(N, D) embeddings."
        )
    return contiguous


def _description(dimensions: int, cells: int) -> str:
    if dimensions <= PCA_DIMENSIONS:
        return f"IVF{cells},Flat"
    return f"PCA{PCA_DIMENSIONS},IVF{cells},Flat,RFlat"


def _cells(index: Index) -> Index:
    """The inverted file inside whatever wraps it."""
    return faiss.extract_index_ivf(index)


def _parameters(index: Index, share: float, factor: int) -> Index:
    cells = _cells(index)
    named: Any = faiss  # its type stubs lack these keyword arguments
    inner = named.SearchParametersIVF(nprobe=max(1, round(share * cells.nlist)))
    if not hasattr(index, "k_factor"):
        return inner
    chain = named.SearchParametersPreTransform(index_params=inner)
    return named.IndexRefineSearchParameters(k_factor=factor, base_index_params=chain)


def _tune(
    index: Index, vectors: Float32Array, rows: IntArray, k: int, target: float
) -> tuple[float, Index]:
    """Return the recall on `rows` and the narrowest search parameters that reach the target."""
    if isinstance(index, faiss.IndexFlat):
        return 1.0, None
    exact, _ = faiss.knn(vectors[rows], vectors, k + 1)
    # The task itself is among its own k + 1 nearest, or duplicates as near as itself are.
    limit = exact[:, k : k + 1] * (1 + 1e-5) + 1e-9
    reached, parameters = 0.0, None
    for share, factor in WIDTHS:
        parameters = _parameters(index, share, factor)
        _, distances = _search(index, vectors, rows, k, parameters)
        reached = float((distances <= limit).mean())
        if reached >= target:
            break
    return reached, parameters


def _search(
    index: Index, vectors: Float32Array, rows: IntArray, k: int, parameters: Index
) -> tuple[IntArray, Float32Array]:
    distances, found = index.search(vectors[rows], k + 1, params=parameters)
    # Self is dropped by its index: among duplicates it need not come first, or come at all.
    others = np.argsort(found == rows[:, None], axis=1, kind="stable")[:, :k]
    nearest = np.take_along_axis(found, others, axis=1).astype(np.int64)
    return nearest, np.maximum(np.take_along_axis(distances, others, axis=1), 0)


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


def affinity(neighbours: Neighbours, sigma: float) -> sp.csr_array:
    """Return the symmetric affinity graph (N, N), float32 CSR without a diagonal.

    exp(-distance^2 / sigma) where either task is among the other's neighbours (Kim 2022, Eq. 7).
    """
    n, k = neighbours.rows.shape
    known = neighbours.rows.ravel() >= 0
    weights = np.exp(-neighbours.squared_distances.ravel()[known].astype(np.float64) / sigma)
    ends = (np.repeat(np.arange(n), k)[known], neighbours.rows.ravel()[known])
    directed = sp.csr_array((weights.astype(np.float32), ends), shape=(n, n))
    graph = directed.maximum(directed.T).tocsr()
    graph.sort_indices()
    return with_short_indices(graph)


def with_short_indices(graph: sp.csr_array) -> sp.csr_array:
    """Return the same matrix with int32 indices where they suffice: a third less to read."""
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
    n, k = neighbours.rows.shape
    close = (neighbours.squared_distances <= squared_distance) & (neighbours.rows >= 0)
    ends = (np.repeat(np.arange(n), k)[close.ravel()], neighbours.rows[close])
    links = sp.csr_array((np.ones(len(ends[0]), dtype=np.int8), ends), shape=(n, n))
    groups = sp.csgraph.connected_components(links, directed=False)[1]
    return np.asarray(groups, dtype=np.int64)
