"""The demo's images: 1,797 real handwritten digits, a fifth of them labelled wrongly.

The images come with scikit-learn, so nothing is downloaded (E. Alpaydin and C. Kaynak, "Optical
Recognition of Handwritten Digits", UCI Machine Learning Repository, 1998).
"""

import io
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps
from sklearn.datasets import load_digits

from relabel.types import IntArray

CLASSES = tuple("0123456789")
PIXEL_MAX = 16
"""The data set's grey levels go from 0 (paper) to this (ink)."""

SIDE = 128
"""Width and height of the enlarged images, pixels."""


@dataclass(frozen=True, slots=True)
class Digits:
    """The data set. pixels: (N, 8, 8) in [0, 16]; truth, given: (N,) class numbers."""

    pixels: npt.NDArray[np.float64]
    truth: IntArray
    given: IntArray

    def name(self, row: int) -> str:
        """Return the file name of an image, which tells nothing about its class."""
        return f"digit-{row:04d}.png"

    def truth_by_name(self) -> dict[str, str]:
        """Return the right class of every image: what only the demo itself may know."""
        return {self.name(row): CLASSES[label] for row, label in enumerate(self.truth)}


def load(noise_rate: float, rng: np.random.Generator, limit: int | None = None) -> Digits:
    """Return the digits, with a share of their labels replaced by a wrong one.

    Args:
        noise_rate: Share in [0, 1] of labels to replace.
        rng: Chooses which labels, and, uniformly over the other classes, what they become.
        limit: Only the first so many digits; None = all 1,797.
    """
    data = load_digits()
    truth = np.asarray(data.target[:limit], dtype=np.int64)
    given = truth.copy()
    wrong = rng.choice(len(truth), size=round(noise_rate * len(truth)), replace=False)
    shift = rng.integers(1, len(CLASSES), size=len(wrong))  # 1..K-1: never the right class again
    given[wrong] = (truth[wrong] + shift) % len(CLASSES)
    return Digits(np.asarray(data.images[:limit]), truth, given)


def png(pixels: npt.NDArray[np.float64]) -> bytes:
    """Return one (8, 8) digit as a greyscale PNG, enlarged smoothly: dark ink on white paper."""
    grey = Image.fromarray(np.uint8(pixels * (255 / PIXEL_MAX)), mode="L")
    large = ImageOps.invert(grey).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    file = io.BytesIO()
    large.save(file, format="PNG")
    return file.getvalue()


def label_config() -> str:
    """Return the labelling config: one image, one required choice, the digit as its hotkey."""
    choices = "\n".join(f'    <Choice value="{name}" hotkey="{name}"/>' for name in CLASSES)
    return f"""<View>
  <Image name="image" value="$image" width="420px"/>
  <Choices name="label" toName="image" choice="single-radio" showInline="true"
           required="true" requiredMessage="Choose the digit that you see.">
{choices}
  </Choices>
</View>
"""
