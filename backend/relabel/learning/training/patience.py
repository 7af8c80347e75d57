"""Stopping when held-out votes are no longer better predicted."""

import copy
import math

import torch
from torch import Tensor, nn

from relabel.learning.batches import Batch
from relabel.learning.networks.side_by_side import Output
from relabel.learning.training.loop import Objective

AT_ONCE = 512


class EarlyStopped(Objective):
    """Another objective, with an eye on tasks that it does not train on.

    Args:
        objective: what is trained.
        network: its network.
        inputs: (n, ...) of the held-out tasks.
        targets: (n, K) their label distributions.
        patience: epochs without a lower held-out cross-entropy after which training ends.
    """

    lowest: Tensor
    waited: Tensor

    def __init__(
        self,
        objective: Objective,
        network: nn.Module,
        inputs: Tensor,
        targets: Tensor,
        patience: int,
    ) -> None:
        super().__init__()
        self.objective = objective
        self.best = copy.deepcopy(network)
        self.patience = patience
        self._watched = (network, inputs, targets)  # a tuple, so that it is no submodule
        self.register_buffer("lowest", torch.tensor(math.inf))
        self.register_buffer("waited", torch.tensor(0))

    def cost(self, batch: Batch, progress: float) -> Tensor:
        """Return the cost of the other objective."""
        return self.objective.cost(batch, progress)

    def after_step(self, progress: float) -> None:
        """Follow a step."""
        self.objective.after_step(progress)

    def after_epoch(self, epoch: int) -> None:
        """Measure, and keep the network if it is the best so far."""
        self.objective.after_epoch(epoch)
        network, inputs, targets = self._watched
        loss = held_out_loss(network, inputs, targets)
        if loss < float(self.lowest):
            self.lowest.fill_(loss)
            self.waited.zero_()
            self.best.load_state_dict(network.state_dict())
        else:
            self.waited += 1

    @property
    def finished(self) -> bool:
        """Whether patience ran out."""
        return int(self.waited) >= self.patience


@torch.no_grad()
def held_out_loss(network: nn.Module, inputs: Tensor, targets: Tensor) -> float:
    """Return the cross-entropy (nats per task) of the mean posterior of `network`'s members."""
    training = network.training
    network.eval()
    losses = []
    for start in range(0, len(inputs), AT_ONCE):
        output: Output = network(inputs[start : start + AT_ONCE])
        probs = output.logits.float().softmax(-1).mean(0).clamp_min(1e-12)
        losses.append(-(targets[start : start + AT_ONCE] * probs.log()).sum())
    network.train(training)
    return sum(torch.stack(losses).tolist()) / len(inputs) if losses else 0.0
