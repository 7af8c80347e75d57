"""Networks by name, each with the training that suits it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from relabel.errors import ConfigurationError
from relabel.learning.data import TrainingData, need_vectors
from relabel.learning.networks.cifar_resnet import CifarResNet, SmallImages
from relabel.learning.networks.resnet import ResNet
from relabel.learning.networks.side_by_side import Classifier, scaled


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network and how it is trained where the selector does not say otherwise.

    body: number of input dimensions or channels -> (module, number of features).
    reads: what of `TrainingData` it needs. batch_size: at most; few tasks get smaller batches.
    dropout: before the head.
    """

    body: Callable[[int], tuple[nn.Module, int]]
    reads: Literal["vectors", "images"]
    epochs: int
    learning_rate: float
    batch_size: int = 128
    weight_decay: float = 5e-4
    dropout: float = 0.0
    augment: str = "none"


def _mlp(dimensions: int) -> tuple[nn.Module, int]:
    return nn.Sequential(nn.Dropout(0.2), nn.Linear(dimensions, 256), nn.ReLU()), 256


def _cifar(depth: int) -> Callable[[int], tuple[nn.Module, int]]:
    return lambda channels: (CifarResNet(channels, depth), 64)


def _resnet(depth: int) -> Callable[[int], tuple[nn.Module, int]]:
    def body(channels: int) -> tuple[nn.Module, int]:
        network = ResNet(channels, depth)
        return network, network.features

    return body


ARCHITECTURES: dict[str, Architecture] = {
    "linear_head": Architecture(lambda d: (nn.Identity(), d), "vectors", 20, 0.02, 512),
    "mlp": Architecture(_mlp, "vectors", 20, 0.02, 512, dropout=0.2),
    "small_cnn": Architecture(lambda c: (SmallImages(c), 128), "images", 30, 0.05, augment="shift"),
    "cifar_resnet20": Architecture(_cifar(20), "images", 160, 0.1, 256, 1e-4, augment="photo"),
    "cifar_resnet110": Architecture(_cifar(110), "images", 160, 0.1, 256, 1e-4, augment="photo"),
    "resnet18": Architecture(_resnet(18), "images", 160, 0.1, augment="photo"),
    "resnet50": Architecture(_resnet(50), "images", 160, 0.1, augment="photo"),
}


def architecture_of(name: str | None, data: TrainingData) -> Architecture:
    """Return the architecture `name`, or the one that suits what `data` holds.

    Raises:
        ConfigurationError: unknown name.
    """
    if name is None:
        name = "mlp" if data.vectors is not None else "small_cnn"
    if name not in ARCHITECTURES:
        raise ConfigurationError(f"Unknown network '{name}'; known: {', '.join(ARCHITECTURES)}.")
    return ARCHITECTURES[name]


def inputs_of(data: TrainingData, architecture: Architecture) -> Tensor:
    """Return what the network reads: scaled vectors (N, D), or images (N, C, H, W) as uint8."""
    if architecture.reads == "vectors":
        return scaled(need_vectors(data, "network"))
    if data.images is None:
        raise ConfigurationError(
            "The network reads images, and the selector was given none: set image_size, e.g. 64."
        )
    return torch.from_numpy(data.images).permute(0, 3, 1, 2)


def build(architecture: Architecture, inputs: Tensor, classes: int) -> Classifier:
    """Return a new network for inputs (N, D) or (N, C, H, W)."""
    body, features = architecture.body(inputs.shape[1])
    return Classifier(body, features, classes, dropout=architecture.dropout)
