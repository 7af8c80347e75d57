"""Nearest neighbours of embeddings: the one module with faiss.

The index is exact while that is cheap, and an inverted file behind a PCA beyond; its search is
widened until the recall measured on a sample meets the target, and is exact if it never does.
"""

from typing import Any

import faiss
import numpy as np

from relabel.errors import InvalidValuesError
from relabel.numerics.neighbours.graph import Neighbours
from relabel.types import Float32Array, IntArray

EXACT_UP_TO = 30_000
"""Up to so many tasks an exact search takes seconds on two cores."""

PCA_DIMENSIONS = 96
"""Longer vectors are searched in their first principal components, then compared in full."""

WIDTHS = ((1 / 64, 4), (1 / 32, 6), (1 / 16, 8), (1 / 8, 10), (1 / 4, 12), (1 / 2, 20), (1.0, 32))
"""Tried in turn: share of the cells visited, and candidates compared in full per neighbour."""

Index = Any


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
