"""Features for data sets that bring none, from the same encoders that a live project uses."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from relabel.errors import ConfigurationError
from relabel.files import told
from relabel.learning.encoders.embed import embed
from relabel.media.registry import MEDIUM
from relabel.simulation.data.books import keep, listed
from relabel.simulation.data.dataset import Dataset
from relabel.types import Progress, silent


def with_features(
    data: Dataset,
    encoder: str,
    cache: Path,
    progress: Progress = silent,
    *,
    max_pixels: int,
    weights: Path | None = None,
    device: str = "cpu",
) -> Dataset:
    """Return the data set with features; one that has them already is returned as it is.

    Samples whose image cannot be read are left out, and stand in the books with the reason.

    Args:
        data: the samples.
        encoder: one of `ENCODERS`.
        cache: folder where vectors are kept between runs.
        progress: told how many images are done.
        max_pixels: largest image that is decoded.
        weights: local file of the encoder's weights, instead of its own.
        device: torch device of the encoder.

    Raises:
        ConfigurationError: there are neither features nor images, or hardly an image can be read.
    """
    if data.features is not None:
        return data
    if data.images is not None:
        digests = [hashlib.sha256(image.tobytes()).hexdigest() for image in data.images]
    elif data.paths:
        digests = [_digest(path) for path in data.paths]
    else:
        raise ConfigurationError(
            f"{data.name} has neither features nor images, and selectors need one of them."
        )
    result = embed(
        lambda row: data.picture(row, max_pixels=max_pixels),
        digests,
        encoder=encoder,
        weights=weights,
        cache=cache,
        device=device,
        progress=progress,
    )
    readable = np.ones(len(data), dtype=bool)
    readable[list(result.failed)] = False
    # Files of equal content share a reason, which therefore cannot name any of them.
    reasons = [f"{told(data.paths[row])}: {told(why)}" for row, why in result.failed.items()]
    unread = listed("unreadable", "cannot be read", reasons)
    if not readable.any():
        raise ConfigurationError(f"{data.name}: no image can be read; {unread}.")
    return keep(replace(data, features=result.vectors), readable, "images", unread)


def with_images(data: Dataset, side: int, *, max_pixels: int) -> Dataset:
    """Return the data set with its images squeezed to (N, side, side, 3), as a round gives them.

    Raises:
        ConfigurationError: it has no images.
        BadImageError: one cannot be read; those without features are left out before.
    """
    if data.images is None and not data.paths:
        raise ConfigurationError(f"image_size={side}: {data.name} has no images; leave it out.")

    def load(row: str) -> Image.Image:
        return data.picture(int(row), max_pixels=max_pixels)

    rows = [str(row) for row in range(len(data))]
    return replace(data, images=MEDIUM.arrays(load, rows, side))


def _digest(path: str) -> str:
    """Return the digest of a file's bytes; of one that cannot be read, what no other file has."""
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return hashlib.sha256(b"cannot be read: " + os.fsencode(path)).hexdigest()
