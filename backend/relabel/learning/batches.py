"""The order in which tasks are shown to a network."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

Augment = Callable[[Tensor, torch.Generator], Tensor]
"""augment((B, ...) inputs, generator) -> inputs changed at random."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some tasks. rows: (B,) row numbers; inputs: (B, ...); targets: (B, K) label distributions."""

    rows: Tensor
    inputs: Tensor
    targets: Tensor


@dataclass(frozen=True)
class Batches:
    """Batches of the given rows, in another order each epoch.

    The order depends on (seed, epoch) alone, so that an interrupted training meets the same batches
    when it continues. A last batch below half the size is joined to the one before it: exchanged
    small-loss samples and batch statistics of a handful of tasks are noise.

    Args:
        inputs: (N, ...) vectors, or images as uint8 (N, C, H, W).
        targets: (N, K) label distributions.
        rows: (n,) the rows to use.
        size: tasks per batch; 0 = all in one, in their own order.
        seed: of the order and of the augmentation.
        augment: changes the inputs of a batch at random.
        weights: (n,) chance of each row, drawn with replacement; None = each row once.
        device: where batches are put.
    """

    inputs: Tensor
    targets: Tensor
    rows: Tensor
    size: int
    seed: int
    augment: Augment | None = None
    weights: Tensor | None = None
    device: str = "cpu"
    _whole: list[Batch] = field(default_factory=list)

    def __len__(self) -> int:
        """How many batches an epoch has."""
        if self.size == 0:
            return 1
        full, rest = divmod(len(self.rows), self.size)
        return max(1, full + (rest * 2 >= self.size))

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Yield the batches of one epoch."""
        if self.size == 0:
            yield self._everything()
            return
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        order = self._order(generator)
        last = len(self) - 1
        for index in range(len(self)):
            end = None if index == last else (index + 1) * self.size
            rows = order[index * self.size : end]
            inputs = self.inputs[rows]
            if self.augment is not None:
                inputs = self.augment(inputs, generator)
            yield self._batch(rows, inputs)

    def _order(self, generator: torch.Generator) -> Tensor:
        if self.weights is None:
            return self.rows[torch.randperm(len(self.rows), generator=generator)]
        drawn = torch.multinomial(self.weights, len(self.rows), True, generator=generator)
        return self.rows[drawn]

    def _everything(self) -> Batch:
        if not self._whole:  # kept: the same tensors serve every epoch
            self._whole.append(self._batch(self.rows, self.inputs[self.rows]))
        return self._whole[0]

    def _batch(self, rows: Tensor, inputs: Tensor) -> Batch:
        return Batch(
            rows.to(self.device), inputs.to(self.device), self.targets[rows].to(self.device)
        )


def balancing_weights(labels: Tensor) -> Tensor:
    """Return (n,) sampling weights that show every class of `labels` (n,) equally often.

    They stay on the CPU, where batches are drawn, and may therefore be float64.
    """
    counts = torch.bincount(labels)
    return 1.0 / counts[labels].double()
