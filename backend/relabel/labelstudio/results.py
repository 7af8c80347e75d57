"""What the result of one annotation or prediction says about the tag that is cleaned."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from relabel.labelstudio.controls import Path
from relabel.labelstudio.labels import LabelSchema
from relabel.storage.annotations import Kind


@dataclass(frozen=True, slots=True)
class Said:
    """What a result says. choice: the label, "" = none; why: what keeps it from being read."""

    kind: Kind
    choice: str = ""
    why: str = ""


def read_result(result: Any, schema: LabelSchema) -> Said:
    """Read the choice of the cleaned tag; what other tags say does not count.

    Of nested choices the editor submits each that is ticked with its whole path, and those above
    it where all below are ticked: only the ends of these paths are choices of their own.
    """
    entries = result if isinstance(result, list) else []
    mine = [e for e in entries if isinstance(e, Mapping) and e.get("from_name") == schema.from_name]
    paths: dict[Path, None] = {}
    for entry in mine:
        value = entry.get("value")
        choices = value.get("choices") if isinstance(value, Mapping) else None
        if not isinstance(choices, list):
            return Said(Kind.UNREADABLE, why="no list of choices")
        for choice in choices:
            path = tuple(choice) if isinstance(choice, list) else (choice,)
            if not all(isinstance(step, str) for step in path):
                return Said(Kind.UNREADABLE, why="a choice that is no text")
            paths[path] = None
    ends = [path for path in paths if not any(_leads_to(path, other) for other in paths)]
    if len(ends) > 1:
        return Said(Kind.UNREADABLE, why=f"{len(ends)} choices at once")
    if not ends or not ends[0] or not ends[0][-1]:
        return Said(Kind.EMPTY)
    return Said(Kind.LABEL, schema.name_of(ends[0]))


def _leads_to(path: Path, other: Path) -> bool:
    return len(path) < len(other) and other[: len(path)] == path
