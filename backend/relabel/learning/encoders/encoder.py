"""What an encoder is, and how it is shown an image."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from torch import nn

from relabel.media.image.decode import EDITION, as_rgb
from relabel.types import Float32Array

MEAN = np.array([0.485, 0.456, 0.406], dtype=np.float32)
SPREAD = np.array([0.229, 0.224, 0.225], dtype=np.float32)
"""Of ImageNet's pixels, per channel: what its networks were trained on."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """A frozen encoder with its preprocessing.

    name: as in `ENCODERS`. weights: digest of the weights, "" = it has none. preprocessing: names
    how images are prepared; it changes whenever `prepare` gives other numbers for the same
    pixels. prepare: image to
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
        return f"{self.name}/{self.weights}/{self.preprocessing}/{EDITION}"


Load = Callable[[Path | None], Encoder]
"""load(file of weights, or None for the encoder's own) -> Encoder."""


def squeezed(image: Image.Image, side: int) -> Float32Array:
    """Return the image squeezed to (3, side, side) float32 in [0, 1], by mean of areas."""
    small = as_rgb(image).resize((side, side), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32).transpose(2, 0, 1) / np.float32(255)


def cropped(image: Image.Image, resize: int, side: int) -> Float32Array:
    """Return the middle (3, side, side) of the image, its short side resized, as ImageNet's.

    A JPEG that was not read yet is decoded at a half, a quarter or an eighth of its size where that
    is enough, in 0.4 of the time for 512 px.
    """
    upright = as_rgb(image, enough=resize)
    wide, high = upright.size
    scale = resize / min(wide, high)
    size = max(side, round(wide * scale)), max(side, round(high * scale))
    sized = upright.resize(size, Image.Resampling.BICUBIC)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    middle = np.asarray(sized.crop((left, top, left + side, top + side)), dtype=np.float32) / 255
    return np.ascontiguousarray(((middle - MEAN) / SPREAD).transpose(2, 0, 1))
