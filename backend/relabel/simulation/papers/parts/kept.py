"""Results that outlive the process, so that an entry which was stopped goes on."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from relabel.errors import ConfigurationError
from relabel.files import read_json, told, write_file

Figures = dict[str, list[float]]


def digest(*arrays: npt.NDArray[np.generic]) -> str:
    """Return the digest of data, for a key."""
    found = sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def kept(folder: Path, key: dict[str, Any], compute: Callable[[], Figures]) -> Figures:
    """Return what was computed for this key, from the folder where it lies there already.

    key: all that the result depends on.

    Raises:
        ConfigurationError: what lies there cannot be read.

    """
    words = json.dumps(key, sort_keys=True, default=str)
    path = folder / f"{sha256(words.encode()).hexdigest()[:24]}.json"
    if path.exists():
        try:
            found: Figures = read_json(path)["figures"]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise ConfigurationError(
                f"{told(path)} of an earlier run cannot be read ({error}); delete them."
            ) from error
        return found
    found = compute()
    folder.mkdir(parents=True, exist_ok=True)
    write_file(path, json.dumps({"key": key, "figures": found}, default=str) + "\n")
    return found
