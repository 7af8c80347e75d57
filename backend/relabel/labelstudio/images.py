"""Which image a task shows: what the labelling config reads in task.data, as the editor does it.

A value that is one variable and nothing else may stand for anything, a list of addresses included;
with text around it, each variable is replaced by its text. A key of task.data that holds dots or
brackets itself goes before a path of that name.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VARIABLE = re.compile(r"\$([A-Za-z0-9_\[\].{}]+)")
_STEP = re.compile(r"\[([^\]]*)\]|([^.\[]+)")
MISSING = object()
"""Stands for what task.data does not hold."""
LONGEST = 60
"""Characters of a value that a reason quotes."""


@dataclass(frozen=True, slots=True)
class ShownImage:
    """What a task shows. address: "" = none; problem: why not, "" = none; count: of images."""

    address: str
    problem: str = ""
    count: int = 0


def first_field(value: str) -> str:
    """Return the key of task.data that an attribute reads first: "meta" of "$meta.image"."""
    found = VARIABLE.search(value)
    steps = _steps(found[1]) if found else []
    return steps[0] if steps else ""


def look_up(data: Mapping[str, Any], path: str) -> Any:
    """Return what task.data holds under a key or a path such as "pages[0].url", else MISSING."""
    if path in data:
        return data[path]
    place: Any = data
    for step in _steps(path) or [""]:
        if isinstance(place, Mapping) and step in place:
            place = place[step]
        elif isinstance(place, list) and step.isdecimal() and int(step) < len(place):
            place = place[int(step)]
        else:
            return MISSING
    return place


def shown_image(data: Mapping[str, Any], value: str, attribute: str = "value") -> ShownImage:
    """Return the one image that a task shows.

    Args:
        data: the task's data.
        value: of the Image tag's attribute, such as "$image" or "https://host/$file".
        attribute: its name, for the reason.

    """
    whole = VARIABLE.fullmatch(value)
    if whole is None:
        return _put_together(data, value)
    found = look_up(data, whole[1])
    if isinstance(found, list) and len(found) > 1:
        text = f'{attribute}="{value}" holds {len(found)} images, and one label is asked for'
        return ShownImage("", text, len(found))
    if isinstance(found, list) and found:
        found = found[0]
    problem = _problem(found, whole[1])
    if problem or not isinstance(found, str):
        return ShownImage("", problem or f"task.data.{whole[1]} is {_kind(found)}, no address")
    return ShownImage(found.strip(), "", 1)


def _put_together(data: Mapping[str, Any], value: str) -> ShownImage:
    """Replace each variable by its text; what has none is the reason why there is no address."""
    problems: list[str] = []

    def text(variable: re.Match[str]) -> str:
        found = look_up(data, variable[1])
        problem = _problem(found, variable[1])
        if not problem and not isinstance(found, str | int | float):
            problem = f"task.data.{variable[1]} is {_kind(found)}, no text"
        problems.extend([problem] if problem else [])
        # As JavaScript writes numbers.
        whole = isinstance(found, float) and found.is_integer()
        return str(int(found) if whole else found)

    address = VARIABLE.sub(text, value).strip()
    return ShownImage("", problems[0]) if problems else ShownImage(address, "", 1)


def _problem(found: Any, path: str) -> str:
    if found is MISSING:
        return f'task.data has no field "{path}"'
    if found is None or found == [] or (isinstance(found, str) and not found.strip()):
        return f"task.data.{path} is empty"
    return ""


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return f"the number {value}"
    return "a list" if isinstance(value, list) else "an object"


def _steps(path: str) -> list[str]:
    return [] if path.startswith(".") else [a or b for a, b in _STEP.findall(path)]
