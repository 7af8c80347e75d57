"""Encoders by name: what turns an image into a vector."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from torch import nn

from relabel.errors import ConfigurationError
from relabel.learning.tiny import SIDE, Tiny
from relabel.types import Float32Array


@dataclass(frozen=True, slots=True)
class Encoder:
    """A frozen encoder with its preprocessing.

    name: as in `ENCODERS`. weights: digest of the weights, "" = it has none. preprocessing: names
    how images are prepared; it changes whenever `prepare` gives other pixels. prepare: image to
    (3, H, W) float32. network: (B, 3, H, W) to (B, D), in eval mode.
    """

    name: str
    weights: str
    preprocessing: str
    prepare: Callable[[Image.Image], Float32Array]
    network: nn.Module

    @property
    def identity(self) -> str:
        """What the vectors depend on beside the image."""
        return f"{self.name}/{self.weights}/{self.preprocessing}"


Load = Callable[[Path | None], Encoder]
"""load(file of weights, or None for the encoder's own) -> Encoder."""


def tiny(weights: Path | None = None) -> Encoder:
    """Describe small images without a network."""
    if weights is not None:
        raise ConfigurationError("Encoder 'tiny' has no weights; leave the weights file unset.")
    return Encoder("tiny", "", f"box{SIDE}", lambda image: pixels(image, SIDE), Tiny().eval())


ENCODERS: dict[str, Load] = {
    "tiny": tiny,
}


def load_encoder(name: str, weights: Path | None = None) -> Encoder:
    """Return the encoder `name` with the weights of a local file, or with its own.

    Raises:
        ConfigurationError: no such encoder, or its weights cannot be had; the message names the
            file to fetch and where to put it.
    """
    if name not in ENCODERS:
        raise ConfigurationError(f"Unknown encoder '{name}'; known: {', '.join(ENCODERS)}.")
    return ENCODERS[name](weights)


def pixels(image: Image.Image, side: int) -> Float32Array:
    """Return the image squeezed to (3, side, side) float32 in [0, 1], by mean of areas."""
    small = image.convert("RGB").resize((side, side), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32).transpose(2, 0, 1) / np.float32(255)
