"""Vanilla: one network on the votes as they are.

Batch: cross-entropy with the votes' distribution, averaged over the batch.
Task: 1.
Defaults: no smoothing; everything else is the network's own.
Source: the baseline of Bernhardt et al. 2022, Active label cleaning for improved dataset quality
under resource constraints.
"""

from typing import Unpack

from relabel.learning.data import Selection, TrainingData
from relabel.learning.training.objectives import Supervised
from relabel.learning.training.options import TrainingArguments
from relabel.learning.training.train import Training
from relabel.learning.training.weighting import Uniform


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
    network = training.peers()
    record = training.fit(Supervised(network, Uniform(), smoothing=smoothing), network)
    return training.selection(network, record)
