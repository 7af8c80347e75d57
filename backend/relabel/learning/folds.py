"""Splitting tasks so that none is judged by a network that saw its votes."""

from heapq import heapify, heappop, heappush

import numpy as np

from relabel.errors import NotReadyError
from relabel.types import Float32Array, IntArray


def stratified_folds(
    labels: IntArray, folds: int, seed: int, groups: IntArray | None = None
) -> IntArray:
    """Deal tasks to folds so that each fold has its share of every class.

    Near-duplicates go to one fold: in two they would vouch for each other's label. Of more than
    one fold's share the encoder says nothing any more, so these are dealt one by one.

    Args:
        labels: (N,) class of each task; -1 = unlabelled.
        folds: how many, at least 2.
        seed: of the dealing.
        groups: (N,) group of near-duplicates of each task; None = every task is alone.

    Returns:
        (N,) fold of each task in [0, folds); -1 where unlabelled.

    Raises:
        NotReadyError: fewer labelled tasks than two per fold.
    """
    labelled = np.flatnonzero(labels >= 0)
    if len(labelled) < 2 * folds:
        raise NotReadyError(
            f"{len(labelled)} tasks have votes; cross-fitting with {folds} folds needs at least "
            f"{2 * folds}. Label more tasks first."
        )
    shuffled = np.random.default_rng(seed).permutation(labelled)
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    result = np.full(len(labels), -1, dtype=np.int64)
    result[by_class] = _dealt(together(by_class, groups, len(labelled) // folds), folds)
    return result


def together(rows: IntArray, groups: IntArray | None, most: int) -> IntArray:
    """Return (n,) numbers that are equal where rows must not be parted, by first appearance.

    Args:
        rows: (n,) tasks.
        groups: (N,) group of each task; None = every task is alone.
        most: a group of more than so many of the rows is parted.
    """
    if groups is None:
        return np.arange(len(rows))
    _, first, number, sizes = np.unique(
        groups[rows], return_index=True, return_inverse=True, return_counts=True
    )
    # The number of a group is the place of its first row; rows of too large ones are their own.
    return np.where(sizes[number] > most, np.arange(len(rows)), first[number]).astype(np.int64)


def out_of_fold(members: Float32Array, fold_of: IntArray) -> Float32Array:
    """Return (N, K): for each task the member (folds, N, K) that did not see it.

    A task without votes was seen by none; it gets the mean of all.
    """
    own = members[np.maximum(fold_of, 0), np.arange(len(fold_of))]
    return np.where(fold_of[:, None] >= 0, own, members.mean(0)).astype(np.float32)


def _dealt(units: IntArray, folds: int) -> IntArray:
    """Return the fold of each row: its unit goes, as it comes, to the fold with fewest rows."""
    sizes = np.bincount(units, minlength=len(units)).tolist()
    fewest = [(0, fold) for fold in range(folds)]
    heapify(fewest)
    fold_of = np.zeros(len(units), dtype=np.int64)
    for unit, size in enumerate(sizes):
        if size:
            rows, fold = heappop(fewest)
            fold_of[unit] = fold
            heappush(fewest, (rows + size, fold))
    return fold_of[units]
