"""Supervised costs of a batch: what the votes say against what the networks say."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.functional import log_softmax

from relabel.learning.batches import Batch
from relabel.learning.networks.side_by_side import Output
from relabel.learning.training.loop import Objective
from relabel.learning.training.weighting import Step, Weighting

Penalty = Callable[[Output], Tensor]
"""penalty(output) -> scalar added to the cost."""


class Supervised(Objective):
    """Weighted cross-entropy of M networks, each averaged over the batch, summed over networks.

    Args:
        network: inputs (B, ...) to `Output`.
        weighting: how much each task counts.
        smoothing: share in [0, 1) of the target that is spread evenly over the classes.
        penalty: anything added to the cost.
        transition: (K, K) T[true, given]; with it the loss is forward-corrected,
            -log(T^T p)[given] (Patrini et al. 2017), on the tasks that are not `trusted`.
        trusted: (N,) bool; labels that T does not apply to.
    """

    transition: Tensor | None
    trusted: Tensor | None

    def __init__(
        self,
        network: nn.Module,
        weighting: Weighting,
        *,
        smoothing: float = 0.0,
        penalty: Penalty | None = None,
        transition: Tensor | None = None,
        trusted: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.weighting = weighting
        self.smoothing = smoothing
        self.penalty = penalty
        self.register_buffer("transition", transition)
        self.register_buffer("trusted", trusted)

    def cost(self, batch: Batch, progress: float) -> Tensor:
        """Return the cost of a batch."""
        output: Output = self.network(batch.inputs)
        losses = self.losses(output, batch)
        step = Step(
            batch.rows,
            losses.detach(),
            output.logits.detach(),
            output.features.detach(),
            batch.targets,
            progress,
        )
        with torch.no_grad():
            weights = self.weighting.weigh(step)
        cost = (weights * losses).mean(1).sum()
        return cost if self.penalty is None else cost + self.penalty(output)

    def losses(self, output: Output, batch: Batch) -> Tensor:
        """Return each network's loss of each task (M, B)."""
        log_probs = log_softmax(output.logits.float(), -1)
        if self.transition is not None:
            log_probs = self._corrected(log_probs, self.transition, batch.rows)
        targets = batch.targets
        if self.smoothing:
            targets = (1 - self.smoothing) * targets + self.smoothing / targets.shape[-1]
        return -(targets * log_probs).sum(-1)

    def after_epoch(self, epoch: int) -> None:
        """Let the weighting take stock."""
        self.weighting.after_epoch(epoch)

    def _corrected(self, log_probs: Tensor, transition: Tensor, rows: Tensor) -> Tensor:
        given = (log_probs.exp() @ transition).clamp_min(1e-12).log()
        if self.trusted is None:
            return given
        return torch.where(self.trusted[rows][:, None], log_probs, given)
