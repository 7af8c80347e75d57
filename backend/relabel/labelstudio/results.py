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
    """Read the choice of the cleaned tag; what other tags say does not count."""
    paths, why = chosen_paths(result, schema.from_name)
    if not why and len(paths) > 1:
        why = f"{len(paths)} choices at once"
    if why:
        return Said(Kind.UNREADABLE, why=why)
    if not paths or not paths[0][-1]:
        return Said(Kind.EMPTY)
    return Said(Kind.LABEL, schema.name_of(paths[0]))


def chosen_paths(result: Any, from_name: str) -> tuple[list[Path], str]:
    """Return what is chosen in a Choices tag, and what keeps it from being read, "" = nothing.

    Of nested choices the editor submits each that is ticked with its whole path, and those above
    it where all below are ticked: only the ends of these paths are choices of their own.
    """
    entries = result if isinstance(result, list) else []
    paths: dict[Path, None] = {}
    for entry in entries:
        if not isinstance(entry, Mapping) or entry.get("from_name") != from_name:
            continue
        value = entry.get("value")
        choices = value.get("choices") if isinstance(value, Mapping) else None
        if not isinstance(choices, list):
            return [], "no list of choices"
        for choice in choices:
            path = tuple(choice) if isinstance(choice, list) else (choice,)
            if not all(isinstance(step, str) for step in path):
                return [], "a choice that is no text"
            paths[path] = None
    return [p for p in paths if p and not any(_leads_to(p, other) for other in paths)], ""


def _leads_to(path: Path, other: Path) -> bool:
    return len(path) < len(other) and other[: len(path)] == path
