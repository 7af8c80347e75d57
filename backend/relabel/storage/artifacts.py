"""Arrays of rounds on disk: written under another name, then renamed, so that none is ever half."""

import os
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt


def save_arrays(folder: Path, name: str, **arrays: npt.ArrayLike) -> str:
    """Write arrays as FOLDER/NAME.npz in one step; return the file's name.

    Raises:
        TypeError: an array holds objects, which only a pickle could keep.

    """
    kept = {key: np.asarray(array) for key, array in arrays.items()}
    # numpy's own argument for it is not in all versions that are allowed.
    objects = [key for key, array in kept.items() if array.dtype.hasobject]
    if objects:
        raise TypeError(f"arrays of objects are not kept: {', '.join(objects)}")
    folder.mkdir(parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(dir=folder, prefix=name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, **kept)  # type: ignore[arg-type]  # numpy lists its own arguments
            file.flush()
            os.fsync(file.fileno())
        Path(unfinished).replace(folder / f"{name}.npz")
    finally:
        Path(unfinished).unlink(missing_ok=True)
    return f"{name}.npz"


def load_arrays(folder: Path, name: str) -> dict[str, npt.NDArray[np.generic]]:
    """Read arrays written by `save_arrays`; pickled objects are refused."""
    # Opened here: numpy would leave the file of a damaged archive open.
    with (folder / name).open("rb") as source, np.load(source, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}
