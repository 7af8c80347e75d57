"""Ways to spread a batch other than diffusion: covering the space, and quotas by class."""

import numpy as np

from relabel.errors import InvalidValuesError
from relabel.types import BoolArray, Float32Array, FloatArray, IntArray


def by_coverage(
    score: FloatArray,
    order: IntArray,
    n: int,
    *,
    vectors: Float32Array,
    covered: BoolArray | None = None,
) -> IntArray:
    """k-centre greedy: each pick is the task farthest from everything covered or picked.

    Khanal et al. 2024, 2.2. The largest distance left is at most twice the best possible one. The
    score only decides the first pick, when nothing is covered yet, and ties.

    Args:
        score: (N,) higher = sooner.
        order: Rows that may be picked, highest score first.
        n: How many, at most len(order).
        vectors: (N, D) embeddings.
        covered: (N,) tasks that need no other near them, such as those settled; None = none.

    Returns:
        (n,) distinct rows in the order of picking.
    """
    if len(vectors) != len(score):
        raise InvalidValuesError(f"vectors has {len(vectors)} rows for {len(score)} scores.")
    points = vectors[order].astype(np.float64)
    norms = np.einsum("nd,nd->n", points, points)
    distance = np.full(len(order), np.inf)
    for row in [] if covered is None else np.flatnonzero(covered):
        _approach(distance, points, norms, vectors[row].astype(np.float64))
    picks = np.empty(n, dtype=np.int64)
    for i in range(n):
        picks[i] = distance.argmax()
        _approach(distance, points, norms, points[picks[i]])
        distance[picks[: i + 1]] = -1
    return order[picks]


def _approach(
    distance: FloatArray, points: FloatArray, norms: FloatArray, centre: FloatArray
) -> None:
    """Lower the squared distances (n,) to those from a new centre, in place."""
    nearer = norms - 2 * points @ centre + centre @ centre
    np.minimum(distance, np.maximum(nearer, 0), out=distance)


def by_class(score: FloatArray, order: IntArray, n: int, *, classes: IntArray) -> IntArray:
    """Take turns between the classes, so that a rare one is not crowded out.

    Args:
        score: (N,) higher = sooner.
        order: Rows that may be picked, highest score first.
        n: How many, at most len(order).
        classes: (N,) the class that a task counts for, such as its label; -1 = none.

    Returns:
        (n,) distinct rows: the best of every class, then the second best of every class, and so
        on; within a turn by score. A class that runs out leaves its places to the others. Tasks
        without a class come after all others.
    """
    if classes.shape != score.shape:
        raise InvalidValuesError(f"classes has shape {classes.shape}; expected {score.shape}.")
    mine = classes[order]
    by_group = np.argsort(mine, kind="stable")
    sizes = np.unique(mine, return_counts=True)[1]
    turn = np.empty(len(order), dtype=np.int64)
    turn[by_group] = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    turn[mine < 0] = len(order)
    return order[np.argsort(turn, kind="stable")[:n]]
