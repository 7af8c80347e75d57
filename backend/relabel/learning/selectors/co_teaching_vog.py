"""Co-teaching that also keeps hard tasks, those whose gradients have settled.

Batch: as in `co_teaching`.
Task: as in `co_teaching`, but a share `mix` of those kept is chosen by the lowest variance of
gradients among the ones that the loss leaves out.
Defaults: mix 0.2, the paper's for ISIC with half of the labels wrong; its window of 5 epochs; the
rest as in `co_teaching`.
Source: Khanal et al. 2024, whose variance of gradients is Agarwal et al.'s (2022), of the last
layer and over the epochs of training.
"""

from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from relabel.errors import ConfigurationError
from relabel.learning.data import Selection, TrainingData
from relabel.learning.selectors.co_teaching import train_pair
from relabel.learning.training.options import TrainingArguments
from relabel.learning.training.train import Training
from relabel.learning.training.weighting import Step


def co_teaching_vog(
    data: TrainingData,
    *,
    forget_rate: float | None = None,
    ramp_epochs: int = 10,
    warm_up: int = 0,
    mix: float = 0.2,
    window: int = 5,
    **arguments: Unpack[TrainingArguments],
) -> Selection:
    """Co-teaching that also keeps hard tasks whose gradients have settled (Khanal et al. 2024).

    Args:
        data: votes with embeddings or images.
        forget_rate: share of each batch left out at the end; None = the estimated noise rate.
        ramp_epochs: over which it rises from 0, at most half of all; the variance chooses nothing
            before it has risen.
        warm_up: epochs before the rise, at most a third of all.
        mix: share in [0, 1] of the kept tasks that the variance of gradients chooses.
        window: epochs that the variance looks back, at least 2 and at most a quarter of all.
        **arguments: see `TrainingArguments`.
    """
    if not 0 <= mix <= 1 or window < 2:
        raise ConfigurationError(
            f"co_teaching_vog: mix = {mix} must lie in [0, 1] and window = {window} be at least 2."
        )
    training = Training.of(data, arguments)
    pair = training.peers(2)
    return train_pair(
        training,
        pair,
        forget_rate=forget_rate,
        ramp_epochs=ramp_epochs,
        warm_up=warm_up,
        mix=mix,
        variance=VarianceOfGradients(
            tasks=training.tasks,
            peers=2,
            features=pair.features,
            # A quarter: a warm start runs half of the epochs, and half of those come before.
            window=min(window, max(2, training.epochs // 4)),
        ),
    )


class VarianceOfGradients(nn.Module):
    """Spread of each task's last-layer gradient over the latest epochs (Khanal et al. 2024).

    For cross-entropy the gradient of the weights that lead to the label's class is
    (p_label - target) * [1, features], so the forward pass of the training step is enough. The
    spread is the standard deviation over epochs, averaged over the dimensions. Low = the network
    has settled on the task.

    Args:
        tasks: N. peers: M. features: F, inputs of the last layer.
        window: epochs that count, at least 2.
    """

    history: Tensor

    def __init__(self, *, tasks: int, peers: int, features: int, window: int = 5) -> None:
        super().__init__()
        self.window = window
        self.epochs = 0  # asked at every step: of a buffer on a device one would wait for it
        # Half precision: the spread only ranks tasks, and this is the largest thing in memory.
        empty = torch.zeros(window, peers, tasks, features + 1, dtype=torch.float16)
        self.register_buffer("history", empty)

    def get_extra_state(self) -> int:
        """Return what is checkpointed beside the buffers: how many epochs are closed."""
        return self.epochs

    def set_extra_state(self, state: int) -> None:
        """Go on after so many epochs."""
        self.epochs = state

    @property
    def ready(self) -> bool:
        """Whether all epochs of the window have been seen."""
        return self.epochs >= self.window

    def of(self, rows: Tensor) -> Tensor:
        """Return the spread (M, B) over the latest epochs, the current one excluded."""
        return self.history[:, :, rows].float().std(0, correction=0).mean(-1)

    def note(self, step: Step) -> None:
        """Remember this epoch's gradients of a batch, in place of the oldest."""
        slot = self.epochs % self.window
        self.history[slot][:, step.rows] = last_layer_gradients(step).to(self.history.dtype)

    def after_epoch(self, epoch: int) -> None:
        """Close the epoch."""
        del epoch
        self.epochs += 1


def last_layer_gradients(step: Step) -> Tensor:
    """Return (M, B, F + 1): the loss' gradient for the bias and weights of the label's class."""
    label = step.targets.argmax(1)
    index = label.expand(len(step.logits), -1)[..., None]
    probability = step.logits.softmax(-1).gather(-1, index)[..., 0]
    share = step.targets.gather(1, label[:, None])[:, 0]
    return (probability - share)[..., None] * pad(step.features, (1, 0), value=1.0)
