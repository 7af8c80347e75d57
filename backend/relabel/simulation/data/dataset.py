"""A data set whose truth is known: what every simulated campaign runs on."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from relabel.accounts import Accounts
from relabel.errors import BadImageError, InvalidValuesError
from relabel.files import reason
from relabel.media.image.decode import open_picture
from relabel.types import Float32Array, FloatArray, IntArray

ImageArray = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Clean samples that no campaign touches. features: (M, D); labels: (M,) true classes."""

    features: Float32Array
    labels: IntArray


@dataclass(frozen=True, slots=True)
class Dataset:
    """N samples with their true label distributions.

    distributions: (N, K) rows sum to 1, what a crowd of annotators answers; `truth` is its argmax,
    lowest class on ties. features: (N, D) of a frozen encoder. images: (N, H, W) or (N, H, W, 3).
    paths: (N,) image files, where the images are too many to hold. given: (N,) labels that the
    data set itself brings (human errors, an old project), -1 = none. answers: (N, M) what M people
    said of each sample when they were asked, in this order; None = a crowd answers by
    `distributions`. accounts: what was read on the way to these samples, and what of it was left
    out.
    """

    name: str
    classes: tuple[str, ...]
    distributions: FloatArray
    features: Float32Array | None = None
    images: ImageArray | None = None
    paths: tuple[str, ...] = ()
    given: IntArray | None = None
    answers: IntArray | None = None
    held_out: HeldOut | None = field(default=None)
    accounts: Accounts = field(default_factory=lambda: Accounts(()))

    def __post_init__(self) -> None:
        shape = (len(self.distributions), len(self.classes))
        if self.distributions.shape != shape or shape[1] < 2:
            raise InvalidValuesError(
                f"Dataset.distributions has shape {self.distributions.shape}; expected (N, K) with "
                f"K = {shape[1]} classes, at least two."
            )
        if (self.distributions < 0).any() or (np.abs(self.distributions.sum(1) - 1) > 1e-6).any():
            raise InvalidValuesError("Dataset.distributions has rows that are not distributions.")
        for name in ("features", "images", "paths", "given", "answers"):
            value = getattr(self, name)
            if value is not None and len(value) not in (0, shape[0]):
                raise InvalidValuesError(
                    f"Dataset.{name} has {len(value)} rows; expected {shape[0]}."
                )

    def __len__(self) -> int:
        return len(self.distributions)

    @property
    def truth(self) -> IntArray:
        """(N,) the true class of every sample."""
        truth: IntArray = self.distributions.argmax(1).astype(np.int64)
        return truth

    def picture(self, row: int, *, max_pixels: int) -> Image.Image:
        """Return the picture of a sample, opened; `relabel.media.image.decode` makes pixels of it.

        Raises:
            BadImageError: its file is missing, no picture, or too large; says why. Which file it
                is, `paths` says.

        """
        if self.images is not None:
            return Image.fromarray(self.images[row])
        try:
            content = Path(self.paths[row]).read_bytes()
        except OSError as error:
            raise BadImageError(reason(error)) from error
        return open_picture(content, max_pixels=max_pixels)

    def rows(self, rows: IntArray) -> "Dataset":
        """Return the data set made of these rows, in this order."""
        return replace(
            self,
            distributions=self.distributions[rows],
            features=None if self.features is None else self.features[rows],
            images=None if self.images is None else self.images[rows],
            paths=tuple(self.paths[i] for i in rows) if self.paths else (),
            given=None if self.given is None else self.given[rows],
            answers=None if self.answers is None else self.answers[rows],
        )


def certain(labels: IntArray, classes: int) -> FloatArray:
    """Return (N, K) distributions of annotators who always answer `labels` (N,)."""
    rows: FloatArray = np.eye(classes)[labels]
    return rows


def normalised_entropy(distributions: FloatArray) -> FloatArray:
    """Return (N,) entropies in [0, 1]: nats divided by ln K (Bernhardt et al. 2022, Methods)."""
    logs = np.log(np.where(distributions > 0, distributions, 1.0))
    entropy: FloatArray = -(distributions * logs).sum(1) / np.log(distributions.shape[1])
    return entropy
