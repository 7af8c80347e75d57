"""Finding the files of a data set, and saying exactly which one is missing."""

import hashlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from relabel.errors import ConfigurationError

Arrays = dict[str, npt.NDArray[np.generic]]


def find(folder: Path, names: tuple[str, ...], dataset: str, source: str) -> Path:
    """Return the first of `names` that exists in `folder`.

    Raises:
        ConfigurationError: none does; the message says what to get and from where.
    """
    for name in names:
        if (folder / name).exists():
            return folder / name
    wanted = " or ".join(names)
    raise ConfigurationError(
        f"dataset={dataset!r} needs {wanted} in --data-dir {folder}. Get it from: {source}"
    )


def load_arrays(path: Path) -> Arrays:
    """Return all arrays of an npz file; pickled objects are refused."""
    with np.load(path, allow_pickle=False) as saved:
        return {name: saved[name] for name in saved.files}


def check_sha256(content: bytes, expected: str, path: Path) -> None:
    """Refuse content that is not the published one.

    Raises:
        ConfigurationError: the digest differs.
    """
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise ConfigurationError(
            f"{path} is not the published file: its sha256 is {found}, expected {expected}. "
            "Download it again."
        )
