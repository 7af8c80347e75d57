"""The one training loop: every method differs only in what a batch costs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from relabel.learning.batches import Batch, Batches
from relabel.learning.training.checkpoints import Checkpoint
from relabel.types import Progress, silent

Schedule = Callable[[float], float]
"""schedule(progress in [0, 1]) -> factor of the learning rate."""


class Objective(nn.Module):
    """What a batch costs. Whatever it remembers is a buffer, so that it is checkpointed.

    Buffers are on the device of the run, and never float64: Apple's (mps) has none.
    """

    def cost(self, batch: Batch, progress: float) -> Tensor:
        """Return the scalar to minimise; progress is in [0, 1)."""
        raise NotImplementedError

    def after_step(self, progress: float) -> None:
        """Follow a step of the optimiser (BYOL: move the target network)."""

    def after_epoch(self, epoch: int) -> None:
        """Follow the given epoch, counted from 0 (Kim: update the contributions)."""

    @property
    def finished(self) -> bool:
        """Whether training may end before its last epoch."""
        return False


@dataclass(frozen=True, slots=True)
class Fitted:
    """How training ended. epochs: how many were run in all; loss: mean over the last epoch."""

    epochs: int
    loss: float


def constant(progress: float) -> float:
    """Keep the learning rate."""
    del progress
    return 1.0


def fit(
    objective: Objective,
    batches: Batches,
    optimizer: Optimizer,
    *,
    epochs: int,
    schedule: Schedule = constant,
    checkpoint: Checkpoint | None = None,
    autocast: torch.dtype | None = None,
    progress: Progress = silent,
    stage: str = "train",
) -> Fitted:
    """Minimise `objective` over `batches`.

    Networks trained side by side share no parameters, so the gradient of the sum of their losses is
    each one's own gradient: one optimiser and one backward pass serve one network, two peers and
    all folds of a cross-fit.

    Args:
        objective: what a batch costs.
        batches: the tasks; their order depends on the seed and the epoch alone.
        optimizer: over the objective's parameters.
        epochs: how many passes over the batches.
        schedule: factor of the learning rate at each step.
        checkpoint: continues a training that was interrupted, to the same weights.
        autocast: run the forward pass in this type (bfloat16) where it is faster.
        progress: told the stage and the epochs done.
        stage: name of this training for `progress`.
    """
    rates = [group["lr"] for group in optimizer.param_groups]
    state = checkpoint.load(objective, optimizer) if checkpoint else None
    first, loss, done = (state.epochs, state.loss, state.finished) if state else (0, 0.0, False)
    steps = len(batches)
    for epoch in range(epochs if done else first, epochs):
        # Read at the end of the epoch: a device that is asked at every step is waited for at each.
        losses: list[Any] = []
        with torch.random.fork_rng(devices=[]):  # dropout draws from torch's global generator
            torch.manual_seed(batches.seed * 1_000_003 + epoch)
            for step, batch in enumerate(batches.epoch(epoch)):
                at = (epoch + step / steps) / epochs
                for group, rate in zip(optimizer.param_groups, rates, strict=True):
                    group["lr"] = rate * schedule(at)
                losses.append(optimizer.step(_closure(objective, optimizer, batch, at, autocast)))
                objective.after_step(at)
        objective.after_epoch(epoch)
        first, loss = epoch + 1, sum(torch.stack(losses).tolist()) / steps
        progress(stage, first, epochs)
        done = first == epochs or objective.finished
        if checkpoint:
            checkpoint.save(objective, optimizer, epochs=first, loss=loss, finished=done)
        if done:
            break
    return Fitted(first, loss)


def _closure(
    objective: Objective,
    optimizer: Optimizer,
    batch: Batch,
    at: float,
    autocast: torch.dtype | None,
) -> Callable[[], Any]:
    # A scalar tensor: torch says float, and means either.
    def closure() -> Any:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(batch.inputs.device.type, autocast, enabled=autocast is not None):
            loss = objective.cost(batch, at)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    return closure
