"""What a medium is: all that the service needs to know of what a task shows."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from relabel.labelstudio.client import LabelStudio
from relabel.settings import Settings
from relabel.types import Progress

Load = Callable[[str], Any]
"""load(digest) -> what encoders of the medium read; raises BadImageError."""

Try = Callable[[int, str], str]
"""try(task, reference) -> why its content cannot be used, "" = it can."""


class Collect(Protocol):
    """Fetch what is not kept yet; return (N,) digests, "" = failed, and reasons by task."""

    def __call__(
        self, project_id: int, tasks: Mapping[int, str], progress: Progress
    ) -> tuple[list[str], dict[int, str]]:
        """Collect the content of tasks, reference by task."""


class Previews(Protocol):
    """Small versions for pages, of content that is kept; nothing is fetched for them."""

    def digest(self, project_id: int, reference: str) -> str:
        """Return the digest of a task's content, "" = it is not here (yet)."""

    def read(self, digest: str) -> bytes | None:
        """Return the preview, None = it cannot be made."""

    def close(self) -> None:
        """Close what is kept."""


@dataclass(frozen=True, slots=True)
class Store:
    """The content that a data folder keeps, opened by one process; `close` it."""

    collect: Collect
    load: Load
    close: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Medium:
    """How content of one kind is named, fetched, checked, read, shown and forgotten.

    tag: of a labelling config, which shows it. mimetype: of previews. open: what is kept, and the
    way to it. examine: tries single tasks, and keeps nothing. arrays: (N, side, side, 3) uint8 for
    selectors that train on the content itself. previews, keep: of what is kept. brief: a reference
    for messages and pages. kind_of: a reason without what concerns one task alone. What turns it
    into vectors stands in `learning/encoders`, which reads what `Store.load` returns.
    """

    tag: str
    mimetype: str
    open: Callable[[Settings, LabelStudio], Store]
    examine: Callable[[Settings, LabelStudio], Try]
    arrays: Callable[[Load, Sequence[str], int], npt.NDArray[np.uint8]]
    previews: Callable[[Settings], Previews]
    keep: Callable[[Path, Mapping[int, Collection[str]], float], None]
    brief: Callable[[str], str]
    kind_of: Callable[[str], str]
