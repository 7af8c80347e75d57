"""Every data set by name. A loader takes the folder of --data-dir and returns a `Dataset`."""

from collections.abc import Callable
from pathlib import Path

from relabel.catalogue.options import meant
from relabel.errors import ConfigurationError, InvalidValuesError
from relabel.files import reason, told
from relabel.simulation.data.dataset import Dataset
from relabel.simulation.data.sources.arrays import (
    cifar10h,
    cifar10h_subset,
    cifar10n,
    cifar10n_people,
    cifar10n_worse,
    digits,
    fashion_mnist,
    medmnist,
)
from relabel.simulation.data.sources.downloads import caltech256, cifar10, cifar100
from relabel.simulation.data.sources.folders import image_folder, nct_crc
from relabel.simulation.data.sources.image_lists import csv_file, isic2019
from relabel.simulation.data.sources.noisy_cxr import noisy_cxr
from relabel.simulation.data.sources.projects import label_studio

DATASETS: dict[str, Callable[[Path], Dataset]] = {
    "digits": digits,
    "cifar10h": cifar10h,
    "cifar10h_subset": cifar10h_subset,
    "cifar10": cifar10,
    "cifar100": cifar100,
    "cifar10n": cifar10n,
    "cifar10n_worse": cifar10n_worse,
    "cifar10n_people": cifar10n_people,
    "fashion_mnist": fashion_mnist,
    "caltech256": caltech256,
    "medmnist": medmnist,
    "isic2019": isic2019,
    "nct_crc": nct_crc,
    "noisy_cxr": noisy_cxr,
    "image_folder": image_folder,
    "csv": csv_file,
    "label_studio": label_studio,
}


def load_dataset(name: str, folder: Path, choices: str = "") -> Dataset:
    """Return the named data set, read from `folder`.

    Args:
        name: of the data set.
        folder: that holds its files.
        choices: name of the Choices tag to read, for label_studio.

    Raises:
        ConfigurationError: no such data set, or a file is missing (the message says which one).

    """
    if name not in DATASETS:
        raise ConfigurationError(
            f"dataset={name!r} is unknown; known: {', '.join(DATASETS)}.{meant(name, DATASETS)}"
        )
    if choices and name != "label_studio":
        raise ConfigurationError(f"choices={choices!r} is for dataset='label_studio' alone.")
    where = f"dataset={name!r} in --data-dir {told(folder)}"
    try:
        return label_studio(folder, choices) if choices else DATASETS[name](folder)
    except OSError as error:
        raise ConfigurationError(f"{where}: {reason(error)}.") from error
    except InvalidValuesError as error:
        raise ConfigurationError(f"{where} does not fit together: {error}") from error
