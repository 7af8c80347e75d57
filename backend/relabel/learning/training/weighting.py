"""How much each task of a batch counts for each network.

A weighting is called with a `Step` and returns weights (M, B) without gradient, all >= 0, where 1
is an ordinary task; permuting the batch permutes the weights.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True, slots=True)
class Step:
    """What one forward pass showed, without gradient.

    rows: (B,) row numbers. losses: (M, B). logits: (M, B, K). features: (M, B, F).
    targets: (B, K). progress: in [0, 1), how much of the training is done.
    """

    rows: Tensor
    losses: Tensor
    logits: Tensor
    features: Tensor
    targets: Tensor
    progress: float


class Weighting(nn.Module):
    """The weights of a batch; state is in buffers, as an `Objective` keeps it."""

    def weigh(self, step: Step) -> Tensor:
        """Return weights (M, B)."""
        raise NotImplementedError

    def after_epoch(self, epoch: int) -> None:
        """Follow the end of an epoch."""


class Uniform(Weighting):
    """Every task counts the same."""

    def weigh(self, step: Step) -> Tensor:
        """Return ones (M, B)."""
        return torch.ones_like(step.losses)
