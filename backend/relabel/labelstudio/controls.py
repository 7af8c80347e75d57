"""One <Choices> tag: what can be chosen in it, and whether its answers can be cleaned."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from relabel.labelstudio.images import VARIABLE
from relabel.labelstudio.tags import Tag

SWITCHES = ("perRegion", "perItem", "allowNested", "required")
"""Attributes that the editor takes in lower case alone; with anything else it shows an error."""
CONDITIONS = ("visibleWhen", "whenChoiceValue")
SEPARATOR = " > "
"""Between the choices of a path, where a class is named by all of it."""

Path = tuple[str, ...]


def class_names(paths: Iterable[Path]) -> dict[Path, str]:
    """Return the name of each path of choices: its last one, or all of it where several end so."""
    different = dict.fromkeys(paths)
    last = Counter(path[-1] for path in different)
    return {path: path[-1] if last[path[-1]] == 1 else SEPARATOR.join(path) for path in different}


def paths_of(control: Tag) -> list[Path]:
    """Return what can be chosen, as results hold it.

    With allowNested that is each choice without further ones, by all those above it; otherwise
    what stands in another choice is never shown.
    """
    nested = control.on("allowNested")
    paths = []
    for choice in _choices(control):
        outer = [tag for tag in choice.above() if tag.is_a("Choice")]
        if nested and not any(tag.is_a("Choice") for tag in choice.children):
            paths.append(tuple(_said(tag) for tag in (*reversed(outer), choice)))
        elif not nested and not outer:
            paths.append((_said(choice),))
    return paths


def condition_of(control: Tag) -> str:
    """Return what hides the tag at times, "" = nothing."""
    for tag in (control, *control.above()):
        for attribute in CONDITIONS:
            if tag.has(attribute):
                return f'{attribute}="{tag.get(attribute)}" of {tag}'
    return ""


def notes_on(control: Tag) -> Iterator[str]:
    """Yield what is good to know of a tag that is cleaned."""
    condition = condition_of(control)
    if condition:
        yield (
            f"{control} is shown at times only ({condition}): an answer given while it is hidden "
            f"holds no vote"
        )
    paths = Counter(paths_of(control))
    alike: dict[str, list[str]] = {}
    for path, times in paths.items():
        alike.setdefault("".join(path[-1].split()).casefold(), []).append(path[-1])
        if times > 1:
            yield f'"{path[-1]}" stands {times} times in {control}: one class'
    for names in (set(names) for names in alike.values()):
        if len(names) > 1:
            quoted = ", ".join(f'"{name}"' for name in sorted(names))
            yield f"{quoted} in {control} differ by case or blanks alone: different classes"


def problems_of(control: Tag, picture: Tag) -> list[str]:
    """Return why a Choices tag cannot be cleaned, the attribute first; nothing if it can."""
    found = [*(problem(control) for problem in PROBLEMS), _elsewhere(control, picture)]
    return [problem for problem in found if problem]


def _elsewhere(control: Tag, picture: Tag) -> str:
    written = control.get("toName")
    if written == picture.name:
        return ""
    if "," in written:
        return f'toName="{written}" asks for one label of several objects'
    return f'toName must be "{picture.name}", not "{written}"'


def _repeated(control: Tag) -> str:
    return "it stands in <Repeater>: several labels per task" if control.within("Repeater") else ""


def _per_region(control: Tag) -> str:
    value = control.get("perRegion")
    return f'perRegion="{value}" asks for labels of regions' if control.on("perRegion") else ""


def _switches(control: Tag) -> str:
    odd = [name for name in SWITCHES if control.get(name) not in ("", "true", "false")]
    written = ", ".join(f'{name}="{control.get(name)}"' for name in odd)
    return f'{written}: Label Studio takes "true" or "false" alone' if odd else ""


def _kind(control: Tag) -> str:
    kind = control.get("choice") or "single"
    known = ("single", "single-radio")
    return "" if kind in known else f'choice="{kind}": use choice="single-radio"'


def _dynamic(control: Tag) -> str:
    if control.get("value"):
        return f'value="{control.get("value")}": write the classes as <Choice> tags, not task data'
    for tag in _choices(control):
        if not tag.has("alias") and VARIABLE.search(tag.get("value")):
            return f'<Choice value="{tag.get("value")}"> is read from task data: give it an alias'
    return ""


def _nameless(control: Tag) -> str:
    empty = any(not step for path in paths_of(control) for step in path)
    return "a <Choice> without a name looks like no answer: give it a value" if empty else ""


PROBLEMS: tuple[Callable[[Tag], str], ...] = (
    _repeated,
    _per_region,
    _switches,
    _kind,
    _dynamic,
    _nameless,
)


def _choices(control: Tag) -> list[Tag]:
    """Return all Choice tags of a Choices tag, at any depth, in their order."""
    found: list[Tag] = []
    waiting = list(reversed(control.children))
    while waiting:
        tag = waiting.pop()
        found += [tag] if tag.is_a("Choice") else []
        waiting += reversed(tag.children)
    return found


def _said(choice: Tag) -> str:
    """Return what an annotation holds when this is chosen."""
    return choice.get("alias") if choice.has("alias") else choice.get("value")
