"""Features for data sets that bring none, from the same encoders that a live project uses."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from PIL import Image

from relabel.errors import ConfigurationError
from relabel.learning.embed import embed
from relabel.simulation.dataset import Dataset
from relabel.types import Progress, silent


def with_features(data: Dataset, encoder: str, cache: Path, progress: Progress = silent) -> Dataset:
    """Return the data set with features; one that has them already is returned as it is.

    cache: folder where vectors are kept between runs.

    Raises:
        ConfigurationError: there are neither features nor images, or an image cannot be read.
    """
    if data.features is not None:
        return data
    images = data.images
    if images is not None:
        digests = [hashlib.sha256(image.tobytes()).hexdigest() for image in images]
        load: Callable[[int], Image.Image] = lambda row: Image.fromarray(images[row])  # noqa: E731
    elif data.paths:
        digests = [hashlib.sha256(Path(p).read_bytes()).hexdigest() for p in data.paths]
        load = lambda row: Image.open(data.paths[row])  # noqa: E731
    else:
        raise ConfigurationError(
            f"{data.name} has neither features nor images, and selectors need one of them."
        )
    result = embed(load, digests, encoder=encoder, cache=cache, progress=progress)
    if result.failed:
        row, reason = next(iter(result.failed.items()))
        raise ConfigurationError(
            f"{len(result.failed)} images of {data.name} failed; the first, row {row}: {reason}"
        )
    return replace(data, features=result.vectors)
