"""Splitting tasks so that none is judged by a network that saw its votes."""

import numpy as np

from relabel.errors import NotReadyError
from relabel.types import IntArray


def stratified_folds(labels: IntArray, folds: int, seed: int) -> IntArray:
    """Deal tasks to folds so that each fold has its share of every class.

    Args:
        labels: (N,) class of each task; -1 = unlabelled.
        folds: how many, at least 2.
        seed: of the dealing.

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
    result[by_class] = np.arange(len(by_class)) % folds
    return result
