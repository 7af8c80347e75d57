"""Early-learning regularisation: stay close to what was believed before noise is memorised.

Batch: cross-entropy + strength * ln(1 - <t, p>) of each task, averaged over the batch; t is a
running mean of the network's own p.
Task: 1.
Defaults: strength 3, memory 0.7, the paper's for CIFAR-10 with symmetric noise.
Source: Liu et al. 2020, Early-learning regularization prevents memorization of noisy labels.
"""

from typing import Unpack

import torch
from torch import Tensor, nn

from relabel.errors import ConfigurationError
from relabel.learning.batches import Batch
from relabel.learning.data import Selection, TrainingData
from relabel.learning.networks.side_by_side import Output
from relabel.learning.training.objectives import Supervised
from relabel.learning.training.options import TrainingArguments
from relabel.learning.training.train import Training
from relabel.learning.training.weighting import Uniform, Weighting

FLOOR = 1e-4
"""Probabilities are kept this far from 0 and 1, which bounds the logarithm."""


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
    network = training.peers()
    objective = EarlyLearningRegularised(
        network,
        Uniform(),
        tasks=training.tasks,
        classes=training.classes,
        strength=strength,
        memory=memory,
    )
    record = training.fit(objective, network)
    return training.selection(network, record)


class EarlyLearningRegularised(Supervised):
    """Cross-entropy plus strength * ln(1 - <t, p>), t a running mean of p (Liu et al. 2020).

    The running mean starts at 0, is moved before it is used and has no gradient. The term is <= 0,
    so the cost may be negative.

    Args:
        network: inputs to `Output` of `peers` networks.
        weighting: of the whole loss of each task.
        tasks: N.
        peers: M.
        classes: K.
        strength: lambda; 0 gives cross-entropy.
        memory: beta in [0, 1), share of the old running mean that stays at each visit.
    """

    beliefs: Tensor

    def __init__(
        self,
        network: nn.Module,
        weighting: Weighting,
        *,
        tasks: int,
        classes: int,
        peers: int = 1,
        strength: float = 3.0,
        memory: float = 0.7,
    ) -> None:
        super().__init__(network, weighting)
        self.strength = strength
        self.memory = memory
        self.register_buffer("beliefs", torch.zeros(peers, tasks, classes))

    def losses(self, output: Output, batch: Batch) -> Tensor:
        """Return the regularised loss of each task (M, B)."""
        probs = output.logits.float().softmax(-1).clamp(FLOOR, 1 - FLOOR)
        seen = probs.detach()
        seen = seen / seen.sum(-1, keepdim=True)
        moved = self.memory * self.beliefs[:, batch.rows] + (1 - self.memory) * seen
        self.beliefs[:, batch.rows] = moved
        agreement = (moved * probs).sum(-1)
        return super().losses(output, batch) + self.strength * torch.log(1 - agreement)
