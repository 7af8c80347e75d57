"""Encoders by name: what turns an image into a vector."""

from functools import partial
from pathlib import Path

from torch import nn

from relabel.catalogue.plugins import find
from relabel.errors import ConfigurationError
from relabel.learning.encoders.encoder import Encoder, Load, squeezed
from relabel.learning.encoders.tiny import SIDE, Tiny
from relabel.learning.encoders.torchvision import cifar_resnet, dinov2, torchvision_encoder
from relabel.learning.networks.side_by_side import AsFloat


def tiny(weights: Path | None = None) -> Encoder:
    """Describe small images without a network."""
    if weights is not None:
        raise ConfigurationError("Encoder 'tiny' has no weights; leave the weights file unset.")
    network = nn.Sequential(AsFloat(), Tiny()).eval()
    return Encoder("tiny", "", f"box{SIDE}", partial(squeezed, side=SIDE), network)


ENCODERS: dict[str, Load] = {
    "tiny": tiny,
    "resnet18": partial(torchvision_encoder, "resnet18"),
    "resnet50": partial(torchvision_encoder, "resnet50"),
    "resnet101": partial(torchvision_encoder, "resnet101"),
    "mobilenet_v2": partial(torchvision_encoder, "mobilenet_v2"),
    "mobilenet_v3_large": partial(torchvision_encoder, "mobilenet_v3_large"),
    "convnext_tiny": partial(torchvision_encoder, "convnext_tiny"),
    "vit_b_16": partial(torchvision_encoder, "vit_b_16"),
    "dinov2_vits14": dinov2,
    "cifar_resnet20": partial(cifar_resnet, 20),
}
"""tiny needs no weights. The torchvision ones fetch theirs from torchvision's registry, or read a
local file; DINOv2 and the CIFAR ResNet read a local file only."""


def load_encoder(name: str, weights: Path | None = None) -> Encoder:
    """Return the encoder `name` with the weights of a local file, or with its own.

    Raises:
        ConfigurationError: no such encoder, a plug-in that cannot be used, or weights that cannot
            be had; the message names the file to fetch and where to put it.
    """
    return find("encoder", name, ENCODERS)(weights)
