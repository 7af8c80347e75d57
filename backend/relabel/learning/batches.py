"""The order in which tasks are shown to a network."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from relabel.learning.gpu import generator_at, sent, workplace

Augment = Callable[[Tensor, torch.Generator], Tensor]
"""augment((B, ...) inputs, generator of their device) -> inputs changed at random, there."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some tasks. rows: (B,) row numbers; inputs: (B, ...); targets: (B, K) label distributions."""

    rows: Tensor
    inputs: Tensor
    targets: Tensor


@dataclass(frozen=True)
class Batches:
    """Batches of the given rows, in another order each epoch.

    The order depends on (seed, epoch) alone, whatever the device, so that an interrupted training
    meets the same batches when it continues. Where `inputs` lie on the device already, nothing but
    the order goes there, once an epoch; otherwise bytes do, and become floats there. A last batch
    below half the size is joined to the one before it: exchanged small-loss samples and batch
    statistics of a handful of tasks are noise.

    Args:
        inputs: (N, ...) vectors, or images as uint8 (N, C, H, W); on the CPU or on `device`.
        targets: (N, K) label distributions, on either, too.
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
        seed = self.seed * 1_000_003 + epoch
        generator = torch.Generator().manual_seed(seed)
        order = self._order(generator)
        place = workplace(self.device)
        changes = generator if place.type == "cpu" else generator_at(place, seed)
        targets, there = self.targets.to(self.device), order.to(self.device)
        at_hand = order if self.inputs.device.type == "cpu" else there
        last = len(self) - 1
        for index in range(len(self)):
            part = slice(index * self.size, None if index == last else (index + 1) * self.size)
            inputs = sent(self.inputs[at_hand[part]], place)
            if self.augment is not None:
                inputs = self.augment(inputs, changes)
            yield Batch(there[part], inputs.to(self.device), targets[there[part]])

    def _order(self, generator: torch.Generator) -> Tensor:
        if self.weights is None:
            return self.rows[torch.randperm(len(self.rows), generator=generator)]
        drawn = torch.multinomial(self.weights, len(self.rows), True, generator=generator)
        return self.rows[drawn]

    def _everything(self) -> Batch:
        if not self._whole:  # kept: the same tensors serve every epoch
            rows = self.rows
            parts = rows, self.inputs[rows.to(self.inputs.device)], self.targets[rows]
            self._whole.append(Batch(*(part.to(self.device) for part in parts)))
        return self._whole[0]


def balancing_weights(labels: Tensor) -> Tensor:
    """Return (n,) sampling weights that show every class of `labels` (n,) equally often.

    They stay on the CPU, where batches are drawn, and may therefore be float64.
    """
    counts = torch.bincount(labels)
    return 1.0 / counts[labels].double()
