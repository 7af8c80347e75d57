"""Classifiers that stand side by side: M networks, one forward pass, no shared parameters."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from relabel.learning.augment import as_float
from relabel.types import Float32Array


class Output(NamedTuple):
    """What M networks say. logits: (M, B, K); features: (M, B, F), the inputs of the last layer."""

    logits: Tensor
    features: Tensor


class AsFloat(nn.Module):
    """Bytes to float in [0, 1]; vectors stay as they are."""

    def forward(self, inputs: Tensor) -> Tensor:
        """Return float inputs."""
        return as_float(inputs)


class Classifier(nn.Module):
    """A body that gives features (B, F) and a linear head on them, which may drop some out."""

    def __init__(
        self, body: nn.Module, features: int, classes: int, *, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.features = features
        self.body = nn.Sequential(AsFloat(), body)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(features, classes))

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits (B, K) and features (B, F)."""
        features = self.body(inputs)
        return self.head(features), features


class Peers(nn.Module):
    """M classifiers that see the same batches."""

    def __init__(self, classifiers: list[Classifier]) -> None:
        super().__init__()
        self.classifiers = nn.ModuleList(classifiers)
        self.features = classifiers[0].features

    def bodies(self) -> list[nn.Module]:
        """Return what stands before the heads."""
        return [net.get_submodule("body.1") for net in self.classifiers]

    def forward(self, inputs: Tensor) -> Output:
        """Return every classifier's logits and features for inputs (B, ...)."""
        logits, features = zip(*(net(inputs) for net in self.classifiers), strict=True)
        return Output(torch.stack(logits), torch.stack(features))


class LinearHeads(nn.Module):
    """M linear classifiers in one matrix product; they start at zero (their problem is convex)."""

    def __init__(self, dimensions: int, classes: int, count: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(count, classes, dimensions))
        self.bias = nn.Parameter(torch.zeros(count, classes))

    def forward(self, inputs: Tensor) -> Output:
        """Return logits (M, B, K) of vectors (B, D), and the vectors as everyone's features."""
        count, classes, dimensions = self.weight.shape
        flat = inputs @ self.weight.view(count * classes, dimensions).T + self.bias.view(-1)
        logits = flat.view(len(inputs), count, classes).transpose(0, 1)
        return Output(logits, inputs.expand(count, *inputs.shape))


def side_by_side(make: Callable[[], Classifier], count: int, seed: int) -> Peers:
    """Make `count` classifiers with different initial weights, all decided by `seed`."""
    with torch.random.fork_rng(devices=[]):  # initial weights come from torch's global generator
        torch.manual_seed(seed)
        return Peers([make() for _ in range(count)])


def scaled(vectors: Float32Array) -> Tensor:
    """Centre vectors (N, D) and divide all of them by one number, to unit variance per dimension.

    One number for all dimensions: what an encoder spreads widely usually matters more.
    """
    tensor = torch.from_numpy(np.ascontiguousarray(vectors, dtype=np.float32))
    centred = tensor - tensor.mean(0)
    return centred / centred.square().mean().sqrt().clamp_min(1e-12)
