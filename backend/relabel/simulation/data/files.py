"""Finding the files of a data set, and saying exactly which one is missing."""

import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

from relabel.errors import ConfigurationError
from relabel.files import reason, told
from relabel.types import IntArray

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
        f"dataset={dataset!r} needs {wanted} in {data_dir(folder)}. Get it from: {source}"
    )


def data_dir(folder: Path) -> str:
    """Return --data-dir as messages name it, with what is wrong with the folder itself."""
    there = folder.exists()
    wrong = "" if folder.is_dir() else " (a file, no folder)" if there else " (no such folder)"
    return f"--data-dir {told(folder)}{wrong}"


def load_arrays(path: Path, *names: str, optional: tuple[str, ...] = ()) -> Arrays:
    """Return the named arrays of an npz file; pickled objects are refused.

    Raises:
        ConfigurationError: the file is damaged, or lacks one that is not optional.

    """
    with _read(path), np.load(path, allow_pickle=False) as saved:
        missing = [name for name in names if name not in saved.files]
        if missing:
            raise ConfigurationError(
                f"{told(path)} has no array {missing[0]!r}, only {', '.join(saved.files)}."
            )
        return {name: saved[name] for name in (*names, *optional) if name in saved.files}


def load_array(path: Path) -> npt.NDArray[np.generic]:
    """Return the array of an npy file.

    Raises:
        ConfigurationError: the file is damaged.

    """
    with _read(path):
        found: npt.NDArray[np.generic] = np.load(path, allow_pickle=False)
        return found


@contextmanager
def _read(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        why = reason(error) if isinstance(error, OSError) else " ".join(str(error).split())
        raise ConfigurationError(
            f"{told(path)} cannot be read ({why}); it is damaged or no file of NumPy: get it again."
        ) from error


def whole_labels(values: npt.NDArray[np.generic], classes: int, path: Path) -> IntArray:
    """Return labels as (N,) classes in [0, `classes`).

    Raises:
        ConfigurationError: one is none of the classes; the message names its row.

    """
    labels: IntArray = values.reshape(-1).astype(np.int64)
    strange = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(strange):
        raise ConfigurationError(
            f"{told(path)}, row {strange[0]}: the label {labels[strange[0]]} must lie in 0 to "
            f"{classes - 1}."
        )
    return labels


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
