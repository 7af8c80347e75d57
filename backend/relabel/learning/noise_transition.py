"""Estimates of the noise matrix T[true, given], rows sum to 1."""

import numpy as np

from relabel.types import Float32Array, FloatArray, IntArray

MOST_OF_A_CLASS = 0.3
"""Share of a class' tasks that may be set aside: that of ten balanced classes, which the published
quantile was chosen for. Of fifty classes it would set aside every task of each."""


def from_anchors(probs: Float32Array, quantile: float = 0.97) -> FloatArray:
    """Estimate T without a single trusted label (Patrini et al. 2017).

    Row i is the posterior of the task that is surest of class i, once the few surest ones are set
    aside as outliers.

    Args:
        probs: (N, K) posteriors of a network trained on the given labels.
        quantile: in (0, 1]; tasks above it for a class are set aside, as far as they are at most
            `MOST_OF_A_CLASS` of the tasks that are expected to carry its label.
    """
    outliers = (1 - quantile) * len(probs)
    aside = np.minimum(outliers, MOST_OF_A_CLASS * probs.sum(0, dtype=np.float64)).round()
    # One column at a time: with a thousand classes a sorted copy of all would not fit in memory.
    anchors = [
        np.argsort(-column, kind="stable")[min(int(n), len(column) - 1)]
        for column, n in zip(probs.T, aside, strict=True)
    ]
    rows = probs[anchors].astype(np.float64)
    return np.asarray(rows / rows.sum(1, keepdims=True))


def from_trusted(probs: Float32Array, labels: IntArray, fallback: FloatArray) -> FloatArray:
    """Estimate T from tasks whose true class is known (Li et al. 2022).

    Row i is the mean posterior of the tasks of true class i.

    Args:
        probs: (N, K) posteriors of a network trained on the given labels.
        labels: (N,) true class, -1 = not known.
        fallback: (K, K), rows for classes without a trusted task.
    """
    known = np.flatnonzero(labels >= 0)
    members = np.eye(len(fallback))[labels[known]]
    sizes = members.sum(0)
    means = members.T @ probs[known] / np.maximum(sizes, 1)[:, None]
    matrix = np.where(sizes[:, None] > 0, means, fallback)
    return np.asarray(matrix / matrix.sum(1, keepdims=True))
