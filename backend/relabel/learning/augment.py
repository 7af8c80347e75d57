"""Random changes of images that leave their class as it is.

A whole batch at once, each image by draws of its own, from a generator that is handed in: a stopped
training goes on with the same pictures. torchvision's transforms (v2 of 0.29) have the same changes
but neither of the two. They draw once a call, so that all images of a batch are turned and lit
alike, and they draw from the global generator only. Called once an image, on one core, 256 pictures
of 32 px took 15 times as long for "photo" and 8 times for "strong"; their rotation also leaves
black corners where here the border repeats.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, avg_pool2d, grid_sample, pad

from relabel.learning.batches import Augment


@dataclass(frozen=True, slots=True)
class Changes:
    """How strongly images are changed; every 0 leaves something out.

    shift: share of the side. degrees: of rotation, both ways. area: least share of the image that a
    crop keeps. flip: chance of a mirror image. colour: range of brightness and contrast, half of it
    for saturation. grey, blur: chance.
    """

    shift: float = 0.0
    degrees: float = 0.0
    area: float = 1.0
    flip: float = 0.0
    colour: float = 0.0
    grey: float = 0.0
    blur: float = 0.0

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return images (B, C, H, W), uint8 or float in [0, 1], changed, as float in [0, 1].

        generator: of the device that the images are on; all is drawn and changed there.
        """
        images = as_float(images)
        if self.shift or self.degrees or self.flip or self.area < 1:
            images = self._moved(images, generator)
        if self.colour:
            images = self._recoloured(images, generator)
        if self.grey:
            chosen = _chance(self.grey, images, generator)
            images = torch.where(chosen, images.mean(1, keepdim=True), images)
        if self.blur:
            soft = avg_pool2d(pad(images, (1, 1, 1, 1), mode="replicate"), 3, 1)
            images = torch.where(_chance(self.blur, images, generator), soft, images)
        return images

    def _moved(self, images: Tensor, generator: torch.Generator) -> Tensor:
        angle = _between(-self.degrees, self.degrees, images, generator) * (math.pi / 180)
        scale = _between(self.area, 1.0, images, generator).sqrt()
        # A crop lies inside the image; a shift may leave it, and the border repeats.
        room = (1 - scale) + 2 * self.shift
        offsets = [_between(-1, 1, images, generator) * room for _ in range(2)]
        mirror = 1 - 2 * (_between(0, 1, images, generator) < self.flip).float()
        cos, sin = angle.cos() * scale, angle.sin() * scale
        rows = [
            torch.stack([cos * mirror, -sin, offsets[0]], 1),
            torch.stack([sin * mirror, cos, offsets[1]], 1),
        ]
        grid = affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
        return grid_sample(images, grid, padding_mode="border", align_corners=False)

    def _recoloured(self, images: Tensor, generator: torch.Generator) -> Tensor:
        light, contrast = (
            _between(1 - self.colour, 1 + self.colour, images, generator).view(-1, 1, 1, 1)
            for _ in range(2)
        )
        images = images * light
        middle = images.mean((1, 2, 3), keepdim=True)
        images = middle + (images - middle) * contrast
        if images.shape[1] == 3:
            half = self.colour / 2
            saturation = _between(1 - half, 1 + half, images, generator).view(-1, 1, 1, 1)
            grey = images.mean(1, keepdim=True)
            images = grey + (images - grey) * saturation
        return images.clamp(0, 1)


AUGMENTS: dict[str, Augment | None] = {
    "none": None,
    "shift": Changes(shift=0.1),
    "upright": Changes(shift=0.05, degrees=15, area=0.9, colour=0.5),
    "photo": Changes(shift=0.05, degrees=15, area=0.9, flip=0.5, colour=0.5),
    "strong": Changes(area=0.2, flip=0.5, colour=0.8, grey=0.2, blur=0.5),
}
"""none: the image as it is. shift: small symbols. upright: pictures whose mirror image means
something else. photo: Bernhardt et al. 2022 on CIFAR. strong: two views for self-supervision."""


def as_float(images: Tensor) -> Tensor:
    """Return images as float32 in [0, 1], from uint8 or unchanged."""
    return images.float() / 255 if images.dtype == torch.uint8 else images


def _between(low: float, high: float, images: Tensor, generator: torch.Generator) -> Tensor:
    """Return a number for each image, on the device of the images."""
    drawn = torch.rand(len(images), generator=generator, device=images.device)
    return low + (high - low) * drawn


def _chance(share: float, images: Tensor, generator: torch.Generator) -> Tensor:
    return (_between(0, 1, images, generator) < share).view(-1, 1, 1, 1)
