"""Arrays of rounds on disk: written under another name, then renamed, so that none is ever half."""

import os
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt


def save_arrays(folder: Path, name: str, **arrays: npt.ArrayLike) -> str:
    """Write arrays as FOLDER/NAME.npz in one step; return the file's name."""
    folder.mkdir(parents=True, exist_ok=True)
    handle, unfinished = tempfile.mkstemp(dir=folder, prefix=name, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
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
