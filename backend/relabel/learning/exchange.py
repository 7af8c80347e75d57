"""Co-teaching: each network learns from the tasks that its peer finds easy."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from relabel.learning.gradients import VarianceOfGradients
from relabel.learning.weighting import Step, Weighting

ForgetRate = Callable[[float], float]
"""forget_rate(progress in [0, 1)) -> share of a batch that is left out."""


def ramp(final: float, *, epochs: int, over: int = 10, warm_up: int = 0) -> ForgetRate:
    """Return a forget rate that rises linearly to `final` and stays (Han et al. 2018, c = 1).

    Args:
        final: share left out at the end, in [0, 1): the noise rate.
        epochs: of the whole training.
        over: epochs that the rise takes, the first at 0 and the last at `final`.
        warm_up: epochs at 0 before the rise begins.
    """

    def rate(progress: float) -> float:
        epoch = int(progress * epochs + 1e-9) - warm_up
        risen = 1.0 if over <= 1 else min(1.0, epoch / (over - 1))
        return final * risen if epoch >= 0 else 0.0

    return rate


class SmallLossExchange(Weighting):
    """Each network gets the tasks of small loss as its neighbour sees them (Han et al. 2018).

    With `variance`, a share `mix` of the kept tasks is chosen by low variance of gradients among
    those that the loss leaves out (Khanal et al. 2024), as soon as the forget rate has risen and
    the variance is known.

    Args:
        forget_rate: share of each batch that is left out, by progress.
        tasks: N, how many rows there are.
        peers: M, how many networks; the network m learns what m + 1 chose.
        mix: share in [0, 1] of the kept tasks that the variance chooses.
        variance: of gradients, per task.
    """

    chosen: Tensor
    seen: Tensor

    def __init__(
        self,
        forget_rate: ForgetRate,
        *,
        tasks: int,
        peers: int = 2,
        mix: float = 0.0,
        variance: VarianceOfGradients | None = None,
    ) -> None:
        super().__init__()
        self.forget_rate = forget_rate
        self.mix = mix
        self.variance = variance
        self.register_buffer("chosen", torch.zeros(peers, tasks, dtype=torch.bool))
        self.register_buffer("seen", torch.zeros(tasks, dtype=torch.bool))

    def weigh(self, step: Step) -> Tensor:
        """Return (M, B): zero for tasks the peer left out, else B over the number kept."""
        size = step.losses.shape[1]
        rate = self.forget_rate(step.progress)
        kept = max(1, math.floor((1 - rate) * size + 1e-9))
        by_variance = 0
        risen = rate >= self.forget_rate(1.0)
        if self.variance is not None and risen and self.variance.ready:
            by_variance = math.floor(self.mix * kept + 1e-9)
        mask = smallest(step.losses, kept - by_variance)
        if self.variance is not None:
            if by_variance:
                spread = self.variance.of(step.rows).to(step.losses.dtype)
                mask |= smallest(spread.masked_fill(mask, math.inf), by_variance)
            self.variance.note(step)
        self.chosen[:, step.rows] = mask
        self.seen[step.rows] = True
        return mask.roll(-1, 0) * (size / kept)

    def contribution(self) -> Tensor:
        """Return (N,) the share of the networks that kept each task last, NaN where none met it."""
        return self.chosen.float().mean(0).masked_fill(~self.seen, torch.nan)

    def after_epoch(self, epoch: int) -> None:
        """Let the variance close its epoch."""
        if self.variance is not None:
            self.variance.after_epoch(epoch)


def smallest(values: Tensor, count: int) -> Tensor:
    """Return (M, B) bool: the `count` smallest of each row, the first of equal ones."""
    order = values.argsort(dim=1, stable=True)[:, :count]
    return torch.zeros_like(values, dtype=torch.bool).scatter_(1, order, True)
