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


class HoldOut(Weighting):
    """Network m learns from the tasks outside its own fold only.

    folds: (N,) the fold of each row. owners: (M,) the fold that each network is kept away from.
    """

    folds: Tensor
    owners: Tensor

    def __init__(self, folds: Tensor, owners: Tensor) -> None:
        super().__init__()
        self.register_buffer("folds", folds)
        self.register_buffer("owners", owners)

    def weigh(self, step: Step) -> Tensor:
        """Return (M, B): zero on the network's own fold, scaled to mean 1 over the others."""
        seen = (self.folds[step.rows] != self.owners[:, None]).to(step.losses.dtype)
        return seen / seen.mean(1, keepdim=True).clamp_min(1e-12)
