"""Data sets that are a few arrays: digits, CIFAR-10H, CIFAR-10N, Fashion-MNIST, MedMNIST."""

import io
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from relabel.errors import ConfigurationError
from relabel.files import told
from relabel.media.image.decode import open_picture, pixels
from relabel.simulation.data.dataset import Dataset, HeldOut, ImageArray, certain
from relabel.simulation.data.files import (
    check_sha256,
    data_dir,
    find,
    load_array,
    load_arrays,
    whole_labels,
)
from relabel.simulation.data.sampling import keep_ambiguous
from relabel.simulation.data.sources.downloads import downloaded
from relabel.types import Float32Array

CIFAR10 = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)

FASHION = (
    "top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "boot",
)

CIFAR10H_COUNTS = "9b36b4550349af56c79083356312eb4af856cc5fd3caf1f669d40b9d0bbb69ff"
"""sha256 of cifar10h-counts.npy as published by its authors."""

CIFAR_PIXELS = 32 * 32

SUBSET = 5000
"""Images in the CIFAR-10H experiments of Bernhardt et al. 2022."""


def digits(folder: Path) -> Dataset:
    """1,797 handwritten digits, 8 x 8 grey; bundled with scikit-learn, `folder` is not read."""
    del folder
    from sklearn.datasets import load_digits  # noqa: PLC0415 - heavy, and most data sets need none

    bunch = load_digits()
    pixels = bunch.images * (255 / 16)
    return Dataset(
        name="digits",
        classes=tuple(str(c) for c in range(10)),
        distributions=certain(bunch.target.astype(np.int64), 10),
        images=pixels.round().astype(np.uint8),
    )


def cifar10h(folder: Path) -> Dataset:
    """10,000 CIFAR-10 test images with the answers of about 51 people each (Peterson 2019).

    The true class is the answer given most often, not CIFAR-10's own label.
    """
    source = "https://github.com/jcpeterson/cifar-10h (data/cifar10h-counts.npy)"
    names = ("cifar10h_test.npz", "cifar10h-counts.npy")
    path = find(folder, names, "cifar10h", source)
    if path.suffix == ".npz":
        saved = load_arrays(path, "counts", "x", optional=("features",))
        counts, images = saved["counts"].astype(np.int64), _images(saved["x"])
        features = saved["features"].astype(np.float32) if "features" in saved else None
    else:
        counts = load_array(path).astype(np.int64)
        images, features = downloaded("CIFAR10", folder, train=False)[0], None
    content = io.BytesIO()
    np.save(content, counts)
    check_sha256(content.getvalue(), CIFAR10H_COUNTS, path)
    shares = counts / counts.sum(1, keepdims=True)
    return Dataset("cifar10h", CIFAR10, shares, features=features, images=images)


def cifar10h_subset(folder: Path) -> Dataset:
    """5,000 of CIFAR-10H with all 454 ambiguous ones, as in Bernhardt et al. 2022."""
    return keep_ambiguous(cifar10h(folder), SUBSET)


def cifar10n(folder: Path) -> Dataset:
    """50,000 CIFAR-10 images with real human errors, three people's majority: 9 % wrong."""
    return _cifar10n(folder, "aggre_label")


def cifar10n_worse(folder: Path) -> Dataset:
    """50,000 CIFAR-10 images with the worst of three people's labels: 40 % wrong (Wei 2022)."""
    return _cifar10n(folder, "worse_label")


def cifar10n_people(folder: Path) -> Dataset:
    """50,000 CIFAR-10 images: one person's labels, 17 % wrong, and two others who answer."""
    data = _cifar10n(folder, "random_label1")
    path = folder / "cifar10_train_jpeg.npz"
    names = ("random_label2", "random_label3")
    saved = load_arrays(path, *names)
    said = [whole_labels(saved[name], len(CIFAR10), path) for name in names]
    return replace(data, name="cifar10n_people", answers=np.stack(said, axis=1))


def fashion_mnist(folder: Path) -> Dataset:
    """Fashion-MNIST: 28 x 28 grey images of 10 kinds of clothing."""
    packed = folder / "fashion_mnist_subset.npz"
    if packed.exists():
        saved = load_arrays(packed, "x", "y")
        images, labels = _images(saved["x"]), whole_labels(saved["y"], len(FASHION), packed)
    else:
        images, labels = downloaded("FashionMNIST", folder)
    return Dataset("fashion_mnist", FASHION, certain(labels, 10), images=images)


def medmnist(folder: Path) -> Dataset:
    """Any one MedMNIST file: its training split; the test split is kept apart."""
    found = sorted(folder.glob("*mnist*.npz"))
    if len(found) != 1:
        raise ConfigurationError(
            f"dataset='medmnist' needs exactly one file such as pathmnist.npz in "
            f"{data_dir(folder)}; found {len(found)}. Get it from: https://medmnist.com"
        )
    saved = load_arrays(found[0], "train_labels", "train_images")
    values = saved["train_labels"]
    if values.ndim == 2 and values.shape[1] > 1:
        raise ConfigurationError(
            f"{told(found[0])} has several labels per image; one is supported."
        )
    k = int(values.astype(np.int64).max(initial=0)) + 1
    labels = whole_labels(values, k, found[0])
    images = _images(saved["train_images"])
    return Dataset(
        found[0].stem, tuple(str(c) for c in range(k)), certain(labels, k), images=images
    )


def cifar10_training_features(folder: Path) -> HeldOut:
    """Return features and true labels of the 50,000 CIFAR-10 training images."""
    source = "the same encoder as the features in cifar10h_test.npz"
    path = find(folder, ("cifar10_train_features.npz",), "cifar10n", source)
    labels = find(folder, ("cifar10_train_jpeg.npz",), "cifar10n", source)
    truth = whole_labels(load_arrays(labels, "y")["y"], len(CIFAR10), labels)
    return HeldOut(_features(path), truth)


def _cifar10n(folder: Path, labels: str) -> Dataset:
    source = "https://github.com/UCSC-REAL/cifar-10-100n, packed with the images as one npz file"
    path = find(folder, ("cifar10_train_jpeg.npz",), "cifar10n", source)
    saved = load_arrays(path, "y", labels)
    truth = whole_labels(saved["y"], len(CIFAR10), path)
    given = whole_labels(saved[labels], len(CIFAR10), path)
    packed = folder / "cifar10_train_features.npz"
    features = _features(packed) if packed.exists() else None
    images = None if features is not None else cifar10_training_images(folder)
    name = "cifar10n_" + labels.removesuffix("_label")
    return Dataset(name, CIFAR10, certain(truth, 10), features=features, images=images, given=given)


def cifar10_training_images(folder: Path) -> ImageArray:
    """Return (50000, 32, 32, 3) images, decoded from the packed JPEGs."""
    saved = load_arrays(folder / "cifar10_train_jpeg.npz", "jpeg", "offsets")
    blob, ends = saved["jpeg"], saved["offsets"].astype(np.int64)
    pictures = (
        open_picture(blob[a:b].tobytes(), max_pixels=CIFAR_PIXELS) for a, b in pairwise(ends)
    )
    return np.stack([pixels(picture) for picture in pictures])


def _features(path: Path) -> Float32Array:
    saved = load_arrays(path, "features_int8", "scale")
    packed, scale = saved["features_int8"], saved["scale"]
    return packed.astype(np.float32) * scale.astype(np.float32)


def _images(array: object) -> ImageArray:
    return np.asarray(array, dtype=np.uint8)
