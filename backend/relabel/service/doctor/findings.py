"""What a check of the doctor says."""

from collections.abc import Callable
from dataclasses import dataclass

from relabel.service.context import Context
from relabel.storage.projects import Project


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor: what was looked at, whether it is well, and what to do if not.

    ok: None = nobody has looked.
    """

    check: str
    ok: bool | None
    text: str


Check = Callable[[Context, Project], Finding]
