"""Data sets that torchvision downloads and checks."""

from pathlib import Path

import numpy as np

from relabel.errors import ConfigurationError
from relabel.simulation.data.dataset import Dataset, ImageArray, certain
from relabel.simulation.data.sources.folders import class_folders
from relabel.types import IntArray


def downloaded(name: str, folder: Path, *, train: bool = True) -> tuple[ImageArray, IntArray]:
    """Return images (N, H, W[, 3]) and labels (N,) of one of torchvision's data sets.

    What is in `folder` already is used after its checksum; the rest is downloaded into it.
    """
    made = _torchvision(name, folder, train=train)
    return np.asarray(made.data, dtype=np.uint8), np.asarray(made.targets, dtype=np.int64)


def cifar10(folder: Path) -> Dataset:
    """50,000 CIFAR-10 training images."""
    return _cifar("CIFAR10", folder)


def cifar100(folder: Path) -> Dataset:
    """50,000 CIFAR-100 training images."""
    return _cifar("CIFAR100", folder)


def caltech256(folder: Path) -> Dataset:
    """Caltech-256 without its clutter class."""
    inside = folder / "caltech256" / "256_ObjectCategories"
    if not inside.is_dir():
        _torchvision("Caltech256", folder)
    return class_folders(inside, "caltech256", skip=("257.clutter",))


def _cifar(name: str, folder: Path) -> Dataset:
    made = _torchvision(name, folder, train=True)
    labels = np.asarray(made.targets, dtype=np.int64)
    images = np.asarray(made.data, dtype=np.uint8)
    classes = tuple(made.classes)
    return Dataset(name.lower(), classes, certain(labels, len(classes)), images=images)


def _torchvision(name: str, folder: Path, **options: bool):  # type: ignore[no-untyped-def]  # noqa: ANN202
    from torchvision import datasets  # noqa: PLC0415 - imports torch, which most data sets need not

    try:
        return getattr(datasets, name)(str(folder), download=True, **options)
    except (OSError, RuntimeError) as error:
        raise ConfigurationError(
            f"{name} is not complete in --data-dir {folder}, and torchvision could not download "
            f"it: {error}"
        ) from error
