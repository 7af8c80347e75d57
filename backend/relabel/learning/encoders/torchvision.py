"""Encoders that were trained before: torchvision's, DINOv2, and CIFAR ResNets from local files."""

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
from torch import Tensor, nn
from torchvision import models

from relabel.errors import ConfigurationError
from relabel.learning.encoders.dinov2 import VisionTransformer
from relabel.learning.encoders.encoder import Encoder, Normalised, cropped, fitted, squeezed
from relabel.learning.networks.cifar_resnet import CifarResNet
from relabel.learning.networks.side_by_side import AsFloat

HEADS = {
    "resnet": "fc",
    "mobilenet_v2": "classifier",
    "mobilenet_v3": "classifier",
    "convnext": "classifier.2",
    "vit": "heads",
}
"""The classifier at the end of each family, which an encoder does without."""

RESIZES = {"mobilenet_v3_large": 232, "resnet50": 232, "resnet101": 232, "convnext_tiny": 236}
"""Short side before the middle 224 px are cut out, where it is not 256."""


def torchvision_encoder(name: str, weights: Path | None = None) -> Encoder:
    """Return a torchvision network without its classifier.

    Args:
        name: of the network in torchvision.
        weights: local file of its weights; None = torchvision's own for ImageNet, from its cache
            or its registry.

    Raises:
        ConfigurationError: the weights cannot be had or are another network's.
    """
    network: nn.Module = models.get_model(name)
    state, digest = read_weights(weights) if weights else registered_weights(name)
    fill(network, state, name)
    family = next(family for family in HEADS if name.startswith(family))
    parent, _, last = HEADS[family].rpartition(".")
    setattr(network.get_submodule(parent), last, nn.Identity())
    # Convolutions take 0.87 of the time in this layout (ResNet-18).
    network = network.to(memory_format=torch.channels_last)
    return _as_imagenet(name, digest, network, RESIZES.get(name, 256))


def dinov2(weights: Path | None = None) -> Encoder:
    """Return DINOv2 ViT-S/14 (Oquab et al. 2023) with the weights of a local file.

    Raises:
        ConfigurationError: there is no file, or it is another network's.
    """
    path = _needed(weights, "dinov2_vits14", "dinov2_vits14_pretrain.pth")
    state, digest = read_weights(path)
    network = VisionTransformer()
    fill(network, state, "dinov2_vits14")
    return _as_imagenet("dinov2_vits14", digest, network, 256)


def cifar_resnet(depth: int, weights: Path | None = None) -> Encoder:
    """Return a ResNet for 32 px with the weights of a local file, such as BYOL leaves.

    Raises:
        ConfigurationError: there is no file, or it is another network's.
    """
    name = f"cifar_resnet{depth}"
    state, digest = read_weights(_needed(weights, name, f"{name}.pth"))
    network = CifarResNet(3, depth)
    fill(network, state, name)
    ready = nn.Sequential(AsFloat(), network).eval()
    prepare = partial(squeezed, side=32)
    return Encoder(name, digest, "box32", prepare, ready, mixed_precision=True)


def read_weights(path: Path) -> tuple[Mapping[str, Tensor], str]:
    """Return the tensors of a weights file and its digest; code in it is never run.

    Raises:
        ConfigurationError: there is no such file, or it holds something else than tensors.
    """
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise ConfigurationError(f"Weights file {path} cannot be read: {error}.") from error
    except Exception as error:  # torch.load raises whatever the bytes lead it to
        raise ConfigurationError(
            f"Weights file {path} is no PyTorch file of tensors alone: {error}"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise ConfigurationError(f"Weights file {path} must hold tensors by name (a state_dict).")
    return state, digest


def registered_weights(
    name: str, download: Callable[..., Mapping[str, Tensor]] = torch.hub.load_state_dict_from_url
) -> tuple[Mapping[str, Tensor], str]:
    """Return torchvision's best ImageNet weights of `name`, from its cache or the network.

    Raises:
        ConfigurationError: they are not in the cache and cannot be downloaded.
    """
    url = models.get_model_weights(name).DEFAULT.url
    file = url.rsplit("/", 1)[1]
    try:
        state = download(url, map_location="cpu", check_hash=True, weights_only=True)
    except (URLError, OSError, RuntimeError) as error:
        folder = Path(torch.hub.get_dir()) / "checkpoints"
        raise ConfigurationError(
            f"The weights of encoder '{name}' could not be downloaded ({error}). Fetch {url} on a "
            f"machine with network and put the file into {folder}, or name it as the encoder's "
            "weights file; encoder 'tiny' needs no weights."
        ) from error
    return state, file


def fill(network: nn.Module, state: Mapping[str, Tensor], name: str) -> None:
    """Copy weights into `network`; half precision is widened.

    Raises:
        ConfigurationError: names or shapes are another network's.
    """
    wide = {key: v.float() if v.is_floating_point() else v for key, v in state.items()}
    try:
        network.load_state_dict(wide)
    except RuntimeError as error:
        raise ConfigurationError(f"The weights file is not one of '{name}': {error}") from error


def _as_imagenet(name: str, digest: str, network: nn.Module, resize: int) -> Encoder:
    """Return an encoder of the middle 224 px, once the short side is resized."""
    return Encoder(
        name,
        digest,
        f"crop{resize}-224",
        partial(cropped, resize=resize, side=224),
        nn.Sequential(Normalised(), network).eval(),
        partial(fitted, resize=resize, side=224),
        mixed_precision=True,
    )


def _needed(weights: Path | None, name: str, file: str) -> Path:
    if weights is None:
        raise ConfigurationError(
            f"Encoder '{name}' has no weights in torchvision's registry: name its weights file "
            f"({file})."
        )
    return weights
