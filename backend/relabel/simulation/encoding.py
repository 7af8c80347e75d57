"""Features for data sets that bring none, from the same encoders that a live project uses."""

import hashlib
from dataclasses import replace
from pathlib import Path

from relabel.errors import ConfigurationError
from relabel.learning.embed import embed
from relabel.simulation.dataset import Dataset
from relabel.types import Progress, silent


def with_features(
    data: Dataset, encoder: str, cache: Path, progress: Progress = silent, *, max_pixels: int
) -> Dataset:
    """Return the data set with features; one that has them already is returned as it is.

    cache: folder where vectors are kept between runs. max_pixels: largest image that is decoded.

    Raises:
        ConfigurationError: there are neither features nor images, or an image cannot be read.
    """
    if data.features is not None:
        return data
    if data.images is not None:
        contents = (image.tobytes() for image in data.images)
    elif data.paths:
        contents = (_content(path) for path in data.paths)
    else:
        raise ConfigurationError(
            f"{data.name} has neither features nor images, and selectors need one of them."
        )
    result = embed(
        lambda row: data.picture(row, max_pixels=max_pixels),
        [hashlib.sha256(content).hexdigest() for content in contents],
        encoder=encoder,
        cache=cache,
        progress=progress,
    )
    if result.failed:
        row, reason = next(iter(result.failed.items()))
        raise ConfigurationError(
            f"{len(result.failed)} images of {data.name} failed; the first, row {row}: {reason}"
        )
    return replace(data, features=result.vectors)


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}.") from error
