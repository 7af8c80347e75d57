"""Co-teaching: two networks, each of which learns from what the other finds easy.

Batch: cross-entropy of both networks, each task times its weight, averaged over the batch.
Task: 1 over the share kept if its loss in the *other* network is among the smallest, else 0.
Defaults: the share left out rises from 0 to the estimated noise rate over 10 epochs (the paper's
Tk, c = 1), sooner where epochs are few.
Source: Han et al. 2018, Co-teaching: robust training of deep neural networks with extremely noisy
labels, Algorithm 1.
"""

import math
from collections.abc import Callable
from typing import Protocol, Unpack

import torch
from torch import Tensor

from relabel.errors import ConfigurationError
from relabel.learning.data import Selection, TrainingData
from relabel.learning.networks.side_by_side import Peers
from relabel.learning.selectors.noise_rate import estimated_noise_rate
from relabel.learning.training.objectives import Supervised
from relabel.learning.training.options import TrainingArguments
from relabel.learning.training.train import Training
from relabel.learning.training.weighting import Step, Weighting

ForgetRate = Callable[[float], float]
"""forget_rate(progress in [0, 1)) -> share of a batch that is left out."""


def co_teaching(
    data: TrainingData,
    *,
    forget_rate: float | None = None,
    ramp_epochs: int = 10,
    warm_up: int = 0,
    **arguments: Unpack[TrainingArguments],
) -> Selection:
    """Train two networks, each on what the other finds easy (Han et al. 2018).

    Args:
        data: votes with embeddings or images.
        forget_rate: share of each batch left out at the end; None = the estimated noise rate.
        ramp_epochs: over which it rises from 0, at most half of all.
        warm_up: epochs before the rise, at most a third of all.
        **arguments: see `TrainingArguments`.
    """
    training = Training.of(data, arguments)
    return train_pair(
        training,
        training.peers(2),
        forget_rate=forget_rate,
        ramp_epochs=ramp_epochs,
        warm_up=warm_up,
    )


class Variance(Protocol):
    """A module that knows how much a task still varies from epoch to epoch; low = settled."""

    @property
    def ready(self) -> bool:
        """Whether enough epochs have been seen."""

    def of(self, rows: Tensor) -> Tensor:
        """Return (M, B): how much these tasks vary."""

    def note(self, step: Step) -> None:
        """Remember a batch."""

    def after_epoch(self, epoch: int) -> None:
        """Close the epoch."""


def train_pair(
    training: Training,
    pair: Peers,
    *,
    forget_rate: float | None,
    ramp_epochs: int,
    warm_up: int,
    mix: float = 0.0,
    variance: Variance | None = None,
) -> Selection:
    """Train a network pair by exchanging tasks; the contribution is the share that kept the task.

    It is NaN for tasks that no batch has held.

    Raises:
        ConfigurationError: forget_rate outside [0, 1).
    """
    if forget_rate is None:
        forget_rate = estimated_noise_rate(training.data, training.run)
    if not 0 <= forget_rate < 1:
        raise ConfigurationError(f"co-teaching: forget_rate = {forget_rate}; it lies in [0, 1).")
    weighting = SmallLossExchange(
        # Where epochs are few, a schedule in epochs would end before anything is forgotten.
        ramp(
            forget_rate,
            epochs=training.epochs,
            over=min(ramp_epochs, max(1, training.epochs // 2)),
            warm_up=min(warm_up, training.epochs // 3),
        ),
        tasks=training.tasks,
        mix=mix,
        variance=variance,
    )
    record = training.fit(Supervised(pair, weighting), pair)
    kept = weighting.chosen[0, weighting.seen].float().mean()
    return training.selection(
        pair,
        record | {"noise_rate": forget_rate, "kept": float(kept)},
        weighting.contribution(),
    )


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
    """Each network gets the tasks of small loss as the next one sees them (Han et al. 2018).

    With `variance`, a share `mix` of the kept tasks is chosen by low variance among those that the
    loss leaves out, as soon as the forget rate has risen and the variance is known.

    Args:
        forget_rate: share of each batch that is left out, by progress.
        tasks: N, how many rows there are.
        peers: M, how many networks; the network m learns what m + 1 chose.
        mix: share in [0, 1] of the kept tasks that the variance chooses.
        variance: of each task, as `co_teaching_vog` has it.
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
        variance: Variance | None = None,
    ) -> None:
        super().__init__()
        self.forget_rate = forget_rate
        self.mix = mix
        self.variance = variance
        self.register_buffer("chosen", torch.zeros(peers, tasks, dtype=torch.bool))
        self.register_buffer("seen", torch.zeros(tasks, dtype=torch.bool))

    def weigh(self, step: Step) -> Tensor:
        """Return (M, B): zero for tasks the other one left out, else B over the number kept."""
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
