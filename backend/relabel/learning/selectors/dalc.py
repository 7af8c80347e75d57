"""DALC: one network that sees the votes through an estimated noise matrix T[true, given].

Batch: first cross-entropy with the labels as they were given, then -ln (T^T p)[given] (Kim 2022,
Eq. 10), and -ln p[label] on trusted tasks, each averaged over the batch.
Task: 1.
Defaults: no task is trusted for its low entropy alone.
Source: Li et al. 2022, Improving deep label noise learning with dual active label correction: rows
of T come from trusted tasks; a class without any has the row of its anchor (Patrini et al. 2017,
Making deep neural networks robust to label noise).
"""

from dataclasses import replace
from typing import Unpack

import numpy as np
import torch

from relabel.learning.data import Selection, TrainingData
from relabel.learning.training.objectives import Supervised
from relabel.learning.training.options import TrainingArguments
from relabel.learning.training.train import Training
from relabel.learning.training.weighting import Uniform
from relabel.types import Float32Array, FloatArray, IntArray

MOST_OF_A_CLASS = 0.3
"""Share of a class' tasks that may be set aside: that of ten balanced classes, which the published
quantile was chosen for. Of fifty classes it would set aside every task of each."""


def dalc(
    data: TrainingData, *, dual: float = 0.0, **arguments: Unpack[TrainingArguments]
) -> Selection:
    """Train one network through an estimated noise matrix (Li et al. 2022).

    A first network learns the labels as they were given, those of trusted tasks too; its mean
    posterior over the trusted tasks of each class is the matrix. A second phase continues from it,
    with the noisy votes seen through the matrix and the trusted ones as they are. Each phase takes
    half of the epochs.

    Args:
        data: votes with embeddings or images; which tasks are trusted is `TrainingData.settled`.
            Trusted tasks whose `given` label is not known are left out of the first phase.
        dual: share of all tasks, the ones of lowest entropy, that count as trusted with the class
            that the first network gives them.
        **arguments: see `TrainingArguments`.
    """
    training = halved(Training.of(data, arguments))
    noisy = halved(Training.of(as_given(data), arguments))
    network = training.peers()
    noisy.fit(Supervised(network, Uniform()), network, stage="noisy")
    first = noisy.selection(network, {}).posteriors.probs
    labels = np.where(data.settled, data.labels, -1)
    if dual:
        entropy = -(first * np.log(np.maximum(first, 1e-12))).sum(1)
        sure = np.argsort(entropy, kind="stable")[: round(dual * len(first))]
        labels[sure] = np.where(labels[sure] >= 0, labels[sure], first[sure].argmax(1))
    matrix = from_trusted(first, labels, from_anchors(first))
    objective = Supervised(
        network,
        Uniform(),
        transition=torch.from_numpy(matrix.astype(np.float32)),
        trusted=torch.from_numpy(data.settled),
    )
    record = training.fit(objective, network, stage="corrected")
    return training.selection(network, record | {"noise_rate": float(1 - matrix.diagonal().mean())})


def halved(training: Training) -> Training:
    """Return the same training in half of its epochs."""
    return replace(training, epochs=max(1, training.epochs // 2))


def as_given(data: TrainingData) -> TrainingData:
    """Return the data with the given labels of trusted tasks in place of what people said of them.

    A network that has learnt the corrections says of those tasks that nothing was wrong.
    """
    classes = np.arange(data.counts.shape[1])
    given = np.full(len(data.counts), -1) if data.given is None else data.given
    before = (given[:, None] == classes).astype(np.int64)
    return data.with_counts(np.where(data.settled[:, None], before, data.counts))


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
