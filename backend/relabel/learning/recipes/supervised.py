"""One network on the votes: as they are, regularised, or seen through a noise matrix."""

from dataclasses import replace
from typing import Unpack

import numpy as np
import torch

from relabel.errors import ConfigurationError
from relabel.learning.arguments import TrainingArguments
from relabel.learning.early_learning import EarlyLearningRegularised
from relabel.learning.noise_transition import from_anchors, from_trusted
from relabel.learning.objectives import Supervised
from relabel.learning.selection import Selection, TrainingData
from relabel.learning.training import Training
from relabel.learning.weighting import Uniform


def vanilla(
    data: TrainingData, *, smoothing: float = 0.0, **arguments: Unpack[TrainingArguments]
) -> Selection:
    """Train one network by cross-entropy, as if all votes were right (Bernhardt et al. 2022).

    Args:
        data: votes with embeddings or images.
        smoothing: share in [0, 1) of each target that is spread over all classes.
        **arguments: see `TrainingArguments`.
    """
    training = Training.of(data, arguments)
    peers = training.peers()
    record = training.fit(Supervised(peers, Uniform(), smoothing=smoothing), peers)
    return training.selection(peers, record)


def elr(
    data: TrainingData,
    *,
    strength: float = 3.0,
    memory: float = 0.7,
    **arguments: Unpack[TrainingArguments],
) -> Selection:
    """Train one network with early-learning regularisation (Liu et al. 2020).

    Args:
        data: votes with embeddings or images.
        strength: weight of the regulariser, lambda.
        memory: share of the old belief that stays at each visit, beta in [0, 1).
        **arguments: see `TrainingArguments`.
    """
    if not 0 <= memory < 1:
        raise ConfigurationError(f"elr: memory = {memory}; it lies in [0, 1).")
    training = Training.of(data, arguments)
    peers = training.peers()
    objective = EarlyLearningRegularised(
        peers,
        Uniform(),
        tasks=training.tasks,
        classes=training.classes,
        strength=strength,
        memory=memory,
    )
    record = training.fit(objective, peers)
    return training.selection(peers, record)


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
    peers = training.peers()
    noisy.fit(Supervised(peers, Uniform()), peers, stage="noisy")
    first = noisy.selection(peers, {}).posteriors.probs
    labels = np.where(data.settled, data.labels, -1)
    if dual:
        entropy = -(first * np.log(np.maximum(first, 1e-12))).sum(1)
        sure = np.argsort(entropy, kind="stable")[: round(dual * len(first))]
        labels[sure] = np.where(labels[sure] >= 0, labels[sure], first[sure].argmax(1))
    matrix = from_trusted(first, labels, from_anchors(first))
    objective = Supervised(
        peers,
        Uniform(),
        transition=torch.from_numpy(matrix.astype(np.float32)),
        trusted=torch.from_numpy(data.settled),
    )
    record = training.fit(objective, peers, stage="corrected")
    return training.selection(peers, record | {"noise_rate": float(1 - matrix.diagonal().mean())})


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
