"""How much a task's gradient changes from epoch to epoch."""

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from relabel.learning.weighting import Step


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
    epochs: Tensor

    def __init__(self, *, tasks: int, peers: int, features: int, window: int = 5) -> None:
        super().__init__()
        self.window = window
        # Half precision: the spread only ranks tasks, and this is the largest thing in memory.
        empty = torch.zeros(window, peers, tasks, features + 1, dtype=torch.float16)
        self.register_buffer("history", empty)
        self.register_buffer("epochs", torch.zeros((), dtype=torch.int64))

    @property
    def ready(self) -> bool:
        """Whether all epochs of the window have been seen."""
        return int(self.epochs) >= self.window

    def of(self, rows: Tensor) -> Tensor:
        """Return the spread (M, B) over the latest epochs, the current one excluded."""
        return self.history[:, :, rows].float().std(0, correction=0).mean(-1)

    def note(self, step: Step) -> None:
        """Remember this epoch's gradients of a batch, in place of the oldest."""
        slot = int(self.epochs) % self.window
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
