"""What an encoder is, and how it is shown an image."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import interpolate

from relabel.learning.augment import as_float
from relabel.media.image.decode import EDITION, as_rgb
from relabel.media.image.levels import Pixels
from relabel.types import Float32Array

MEAN = (0.485, 0.456, 0.406)
SPREAD = (0.229, 0.224, 0.225)
"""Of ImageNet's pixels, per channel: what its networks were trained on."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """A frozen encoder with its preprocessing.

    name: as in `ENCODERS`. weights: digest of the weights, "" = it has none. preprocessing: names
    how images are prepared; it changes whenever `prepare` gives other numbers for the same
    pixels. prepare: image to (3, H, W), as bytes: a quarter of what floats take to a GPU. network:
    (B, 3, H, W) of what `prepare` gives to (B, D), in eval mode. fit: pixels (B, 3, H, W) of any
    size on a GPU to what `prepare` makes of such images, but for rounding; None = they are prepared
    on the CPU. mixed_precision: whether a GPU runs the network in bfloat16.
    """

    name: str
    weights: str
    preprocessing: str
    prepare: Callable[[Image.Image], Pixels | Float32Array]
    network: nn.Module
    fit: Callable[[Tensor], Tensor] | None = None
    mixed_precision: bool = False

    @property
    def identity(self) -> str:
        """What the vectors depend on beside the image."""
        return f"{self.name}/{self.weights}/{self.preprocessing}/{EDITION}"


Load = Callable[[Path | None], Encoder]
"""load(file of weights, or None for the encoder's own) -> Encoder."""


class Normalised(nn.Module):
    """Images (B, 3, H, W), bytes or in [0, 1], as ImageNet's networks know them."""

    mean: Tensor
    spread: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN)[:, None, None])
        self.register_buffer("spread", torch.tensor(SPREAD)[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        """Return them with mean 0 and spread 1 per channel, over ImageNet's pixels."""
        return (as_float(images) - self.mean) / self.spread


def squeezed(image: Image.Image, side: int) -> Pixels:
    """Return the image squeezed to (3, side, side), by mean of areas."""
    small = as_rgb(image).resize((side, side), Image.Resampling.BOX)
    return np.ascontiguousarray(np.asarray(small).transpose(2, 0, 1))


def cropped(image: Image.Image, resize: int, side: int) -> Pixels:
    """Return the middle (3, side, side) of the image, its short side resized, as ImageNet's.

    A JPEG that was not read yet is decoded at a half, a quarter or an eighth of its size where that
    is enough, in 0.4 of the time for 512 px.
    """
    upright = as_rgb(image, enough=resize)
    wide, high = _size(*upright.size, resize, side)
    sized = upright.resize((wide, high), Image.Resampling.BICUBIC)
    left, top = (wide - side) // 2, (high - side) // 2
    middle = np.asarray(sized.crop((left, top, left + side, top + side)))
    return np.ascontiguousarray(middle.transpose(2, 0, 1))


def fitted(pixels: Tensor, resize: int, side: int) -> Tensor:
    """Return what `cropped` makes of pixels (B, 3, H, W), by the device that they are on."""
    high, wide = pixels.shape[2:]
    wide, high = _size(wide, high, resize, side)
    sized = interpolate(
        pixels.float(), (high, wide), mode="bicubic", antialias=True, align_corners=False
    )
    left, top = (wide - side) // 2, (high - side) // 2
    middle = sized[:, :, top : top + side, left : left + side]
    return middle.round().clamp(0, 255).to(torch.uint8)


def _size(wide: int, high: int, resize: int, side: int) -> tuple[int, int]:
    scale = resize / min(wide, high)
    return max(side, round(wide * scale)), max(side, round(high * scale))
