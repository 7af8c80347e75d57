"""JPEG files decoded by a GPU: a bare loop on an H100 did 3.4 times what sixteen processes do.

What it makes of a file differs from Pillow's in single levels, so vectors are kept apart: `NAME` is
part of an encoder's identity. Which files it is given depends on the files alone, so that a vector
does not depend on what else is embedded with it.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

import torch
from PIL import Image
from torch import Tensor
from torchvision import io as files_of_images

from relabel.learning.gpu import is_gpu

NAME = "nvjpeg"
MOST_PIXELS = 2**21
"""Larger files are Pillow's, which decodes them at a fraction of their size; a batch fits."""
AT_ONCE = 2**26
"""Pixels that are brought to an encoder's size at once: 0.8 GB as floats."""


def decodes(device: str) -> bool:
    """Return whether torchvision decodes JPEG files on this device."""
    if not is_gpu(device):
        return False
    file = io.BytesIO()
    Image.new("RGB", (16, 16)).save(file, "JPEG")
    return bool(decoded({0: file.getvalue()}, device))


def decoded(files: Mapping[int, bytes], device: str) -> dict[int, Tensor]:
    """Return pixels (3, H, W) by row, on the device; rows that it cannot decode are left out."""
    found: dict[int, Tensor] = {}
    if not files:
        return found
    raw = {row: torch.frombuffer(bytearray(file), dtype=torch.uint8) for row, file in files.items()}
    # A damaged file takes its whole batch with it. Torchvision raises what it likes; a newer one
    # may have no decoders any more.
    with suppress(Exception):
        return dict(zip(raw, _decode([*raw.values()], device), strict=True))
    for row, file in raw.items():
        with suppress(Exception):
            (found[row],) = _decode([file], device)
    return found


def fitted(
    pictures: Mapping[int, Tensor], fit: Callable[[Tensor], Tensor]
) -> tuple[list[int], list[Tensor]]:
    """Bring pictures to an encoder's size, those of one size together.

    Returns:
        The rows in a new order, and their pixels (b, 3, H, W) in that order.
    """
    alike: dict[tuple[int, ...], list[int]] = {}
    for row, picture in pictures.items():
        alike.setdefault(tuple(picture.shape), []).append(row)
    rows, parts = [], []
    for (_, high, wide), same in alike.items():
        size = max(1, AT_ONCE // (high * wide))
        for start in range(0, len(same), size):
            some = same[start : start + size]
            rows += some
            parts.append(fit(torch.stack([pictures[row] for row in some])))
    return rows, parts


def _decode(files: Sequence[Tensor], device: str) -> list[Tensor]:
    rgb = files_of_images.ImageReadMode.RGB
    pictures: list[Tensor] = files_of_images.decode_jpeg(list(files), mode=rgb, device=device)
    return pictures
