"""Losses and posteriors averaged while the learning rate goes up and down."""

import torch
from torch import Tensor

from relabel.learning.loop import Schedule
from relabel.learning.weighting import Step, Weighting


class CycleTrace(Weighting):
    """Uniform weights; remembers the mean loss and posterior of each task (Huang et al. 2019).

    Losses are centred within each epoch before they are averaged, as the paper does, so that epochs
    of high learning rate do not drown the others.

    Args:
        tasks: N. classes: K. skip: epochs before the first cycle, which are not averaged.
    """

    losses: Tensor
    probs: Tensor
    epochs: Tensor
    latest: Tensor
    traced: Tensor

    def __init__(self, *, tasks: int, classes: int, skip: int) -> None:
        super().__init__()
        self.skip = skip
        self.register_buffer("losses", torch.zeros(tasks))
        self.register_buffer("probs", torch.zeros(tasks, classes))
        self.register_buffer("latest", torch.full((tasks,), torch.nan))
        self.register_buffer("traced", torch.zeros(tasks, dtype=torch.int64))
        self.register_buffer("epochs", torch.zeros((), dtype=torch.int64))

    def weigh(self, step: Step) -> Tensor:
        """Return ones (M, B) and note losses and posteriors."""
        if int(self.epochs) >= self.skip:
            self.latest[step.rows] = step.losses.float().mean(0)
            self.probs[step.rows] += step.logits.float().softmax(-1).mean(0)
        return torch.ones_like(step.losses)

    def after_epoch(self, epoch: int) -> None:
        """Add the epoch's losses to the mean."""
        del epoch
        if int(self.epochs) >= self.skip:
            known = ~self.latest.isnan()
            self.losses[known] += self.latest[known] - self.latest[known].mean()
            self.traced += known
        self.epochs += 1

    def mean_losses(self) -> Tensor:
        """Return the mean centred loss (N,): high = the label was forgotten again and again.

        NaN where no batch has held the task.
        """
        return (self.losses / self.traced).masked_fill(self.traced == 0, torch.nan)

    def mean_probs(self) -> Tensor:
        """Return the mean posterior (N, K); rows of tasks never trained on are zero."""
        return self.probs / self.probs.sum(1, keepdim=True).clamp_min(1e-12)


def falling(cycle: int, skip: int, epochs: int, lowest: float = 0.1) -> Schedule:
    """Return a learning rate: constant at first, then falling from 1 to `lowest` each cycle."""

    def factor(progress: float) -> float:
        since = progress * epochs - skip
        return 1.0 if since < 0 else 1 - (1 - lowest) * (since % cycle) / cycle

    return factor
