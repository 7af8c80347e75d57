"""O2U-Net: a wrong label is forgotten whenever the learning rate jumps up.

Batch: cross-entropy, averaged over the batch.
Task: 1; what is read off is its loss, centred in each epoch, averaged over the cycles.
Defaults: cycles of 10 epochs after 10 of constant rate; in each the rate falls to a tenth.
Source: Huang et al. 2019, O2U-Net: a simple noisy label detection approach for deep neural
networks; one of the detectors of Kim 2022, Fig. 4.
"""

from typing import Unpack

import numpy as np
import torch
from torch import Tensor

from relabel.errors import ConfigurationError
from relabel.learning.data import Selection, TrainingData
from relabel.learning.training.loop import Schedule
from relabel.learning.training.objectives import Supervised
from relabel.learning.training.options import TrainingArguments
from relabel.learning.training.train import Training
from relabel.learning.training.weighting import Step, Weighting
from relabel.types import Posteriors


def o2u(
    data: TrainingData, *, cycle: int = 10, skip: int = 10, **arguments: Unpack[TrainingArguments]
) -> Selection:
    """Train one network whose learning rate cycles between over- and underfitting.

    A label that is forgotten whenever the rate jumps up has a large mean loss (O2U-Net, Huang et
    al. 2019). The contribution is minus that mean; the posterior is the mean over the cycles.
    Warm starts are left out: weights that know the labels already forget none of them.

    Args:
        data: votes with embeddings or images.
        cycle: epochs from one jump of the learning rate to the next, at least 1.
        skip: epochs of constant rate before the first cycle.
        **arguments: see `TrainingArguments`.
    """
    if cycle < 1:
        raise ConfigurationError(f"o2u: cycle = {cycle}; it is at least 1 epoch.")
    training = Training.of(data, {**arguments, "warm_start": None})
    skip = min(skip, training.epochs // 2)
    trace = CycleTrace(tasks=training.tasks, classes=training.classes, skip=skip)
    network = training.peers()
    record = training.fit(
        Supervised(network, trace), network, schedule=falling(cycle, skip, training.epochs)
    )
    last = training.selection(network, record, -trace.mean_losses())
    traced = trace.mean_probs().cpu().numpy()
    seen = traced.sum(1, keepdims=True) > 0
    probs = np.where(seen, traced, last.posteriors.probs).astype(np.float32)
    return Selection(
        Posteriors(data.task_ids, probs),
        out_of_sample=False,
        contribution=last.contribution,
        record=record,
    )


class CycleTrace(Weighting):
    """Uniform weights; remembers the mean loss and posterior of each task (Huang et al. 2019).

    Losses are centred within each epoch before they are averaged, as the paper does, so that epochs
    of high learning rate do not drown the others.

    Args:
        tasks: N. classes: K. skip: epochs before the first cycle, which are not averaged.
    """

    losses: Tensor
    probs: Tensor
    latest: Tensor
    traced: Tensor

    def __init__(self, *, tasks: int, classes: int, skip: int) -> None:
        super().__init__()
        self.skip = skip
        self.epochs = 0  # asked at every step: of a buffer on a device one would wait for it
        self.register_buffer("losses", torch.zeros(tasks))
        self.register_buffer("probs", torch.zeros(tasks, classes))
        self.register_buffer("latest", torch.full((tasks,), torch.nan))
        self.register_buffer("traced", torch.zeros(tasks, dtype=torch.int64))

    def get_extra_state(self) -> int:
        """Return what is checkpointed beside the buffers: how many epochs are closed."""
        return self.epochs

    def set_extra_state(self, state: int) -> None:
        """Go on after so many epochs."""
        self.epochs = state

    def weigh(self, step: Step) -> Tensor:
        """Return ones (M, B) and note losses and posteriors."""
        if self.epochs >= self.skip:
            self.latest[step.rows] = step.losses.float().mean(0)
            self.probs[step.rows] += step.logits.float().softmax(-1).mean(0)
        return torch.ones_like(step.losses)

    def after_epoch(self, epoch: int) -> None:
        """Add the epoch's losses to the mean."""
        del epoch
        if self.epochs >= self.skip:
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
