"""The data that several entries read."""

from pathlib import Path

from relabel.errors import ConfigurationError
from relabel.files import told
from relabel.simulation.data.dataset import Dataset, HeldOut, certain
from relabel.simulation.data.sources.arrays import CIFAR10, cifar10_training_features, cifar10h
from relabel.simulation.papers.parts.entry import Want
from relabel.types import IntArray

CIFAR10H = Want(
    "CIFAR-10H: the images, what people said of them, and features",
    "https://github.com/jcpeterson/cifar-10h, packed with the images as one npz file",
    ("cifar10h_test.npz",),
)
TRAINING_SET = Want(
    "features and labels of the CIFAR-10 training images",
    "the encoder of the features in cifar10h_test.npz; "
    "labels: https://github.com/UCSC-REAL/cifar-10-100n",
    ("cifar10_train_features.npz", "cifar10_train_jpeg.npz"),
)


def from_pool(pool: HeldOut, rows: IntArray, name: str) -> Dataset:
    """Return these rows of a pool of clean samples as a data set with certain annotators."""
    truth = certain(pool.labels[rows], len(CIFAR10))
    return Dataset(name, CIFAR10, truth, features=pool.features[rows])


def clean_test_set(folder: Path, size: int) -> HeldOut:
    """Return the last clean CIFAR-10 training samples; their images are in no CIFAR-10H set."""
    pool = cifar10_training_features(folder)
    return HeldOut(pool.features[-size:], pool.labels[-size:])


def test_images(folder: Path, size: int) -> HeldOut:
    """Return CIFAR-10 test images; their true class is what most people said (CIFAR-10H).

    Raises:
        ConfigurationError: the file has no features.

    """
    data = cifar10h(folder)
    if data.features is None:
        raise ConfigurationError(f"{told(folder)}: cifar10h_test.npz has no features.")
    return HeldOut(data.features[:size], data.truth[:size])
