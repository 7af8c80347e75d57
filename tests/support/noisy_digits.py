"""Digits as a Label Studio project would have them: 128 px grey PNGs with 20 % wrong labels."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image
from relabel.learning.data import TrainingData
from relabel.learning.encoders.embed import embed
from sklearn.datasets import load_digits


@dataclass(frozen=True)
class NoisyDigits:
    data: TrainingData
    truth: np.ndarray

    @property
    def wrong(self) -> np.ndarray:
        return self.data.labels != self.truth


@pytest.fixture(scope="session")
def digit_images() -> list[Image.Image]:
    scans = (load_digits().images * 255 / 16).astype(np.uint8)
    return [Image.fromarray(scan).resize((128, 128), Image.Resampling.BICUBIC) for scan in scans]


@pytest.fixture(scope="session")
def digit_vectors(digit_images, tmp_path_factory) -> np.ndarray:
    digests = [str(row) for row in range(len(digit_images))]
    cache = tmp_path_factory.mktemp("vectors")
    return embed(digit_images.__getitem__, digests, encoder="tiny", cache=cache).vectors


@pytest.fixture(scope="session")
def noisy_digits(digit_images, digit_vectors) -> Callable[..., NoisyDigits]:
    truth = load_digits().target.astype(np.int64)
    small = np.stack([np.asarray(image.resize((16, 16))) for image in digit_images])[..., None]

    def make(seed: int, *, noise: float = 0.2, size: int = len(truth)) -> NoisyDigits:
        generator = np.random.default_rng(seed)
        rows = np.sort(generator.permutation(len(truth))[:size])
        labels = truth[rows].copy()
        wrong = generator.random(size) < noise
        labels[wrong] = (labels[wrong] + generator.integers(1, 10, wrong.sum())) % 10
        counts = np.eye(10, dtype=np.int64)[labels]
        data = TrainingData(rows.astype(np.int64), counts, digit_vectors[rows], small[rows])
        return NoisyDigits(data, truth[rows])

    return make
