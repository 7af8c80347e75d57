"""A project's JSON export, read as a connected project is; the export does not say its config."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relabel.errors import PayloadError
from relabel.files import told
from relabel.labelstudio.controls import Path, class_names
from relabel.labelstudio.labels import LabelSchema
from relabel.labelstudio.payloads import field, read_annotation
from relabel.labelstudio.results import chosen_paths
from relabel.storage.annotations import Annotation, Kind
from relabel.storage.answers import Answer, answers_of, meanings

REMEDY = "In Label Studio: Export, JSON."


@dataclass(frozen=True, slots=True)
class Export:
    """What an export says of one Choices tag.

    tasks: ids, in its order; classes: (K,) all that were chosen, sorted; answers: what became of
    every annotation; oldest: class of each task's oldest label, by task.
    """

    tasks: tuple[int, ...]
    classes: tuple[str, ...]
    answers: list[Answer]
    oldest: dict[int, int]


def read_export(bodies: Any, choices: str = "") -> Export:
    """Read an export.

    Args:
        bodies: the decoded file.
        choices: name of the Choices tag to read, "" = the only one.

    Raises:
        PayloadError: it is no export as JSON, or which tag to read is not clear.

    """
    tasks = _annotations_by_task(bodies)
    schema = _schema([a.get("result") for found in tasks.values() for a in found], choices)
    said = [
        read_annotation(body, schema, connected_at="", task_id=task)
        for task, found in tasks.items()
        for body in found
    ]
    answers = answers_of(said, meanings(schema.classes))
    return Export(tuple(tasks), schema.classes, answers, _oldest(said, schema))


def _annotations_by_task(bodies: Any) -> dict[int, list[Mapping[str, Any]]]:
    if not isinstance(bodies, list):
        raise PayloadError(f"it is no list of tasks. {REMEDY}")
    tasks: dict[int, list[Mapping[str, Any]]] = {}
    for place, body in enumerate(bodies, start=1):
        where = f"task {place} of {len(bodies)}"
        found = body.get("annotations") if isinstance(body, Mapping) else None
        if not isinstance(found, list) or not all(isinstance(a, Mapping) for a in found):
            minimal = isinstance(body, Mapping) and "annotation_id" in body
            what = "this is JSON_MIN" if minimal else "this is another format"
            raise PayloadError(f"{where} holds no list of annotations: {what}. {REMEDY}")
        number = field(body, "id", int, where=where)
        if number in tasks:
            raise PayloadError(f"{where} has the number {number} of another one. {REMEDY}")
        tasks[number] = found
    return tasks


def _schema(results: Sequence[Any], choices: str) -> LabelSchema:
    """Return the tag to read and what was chosen in it."""
    entries = [e for r in results if isinstance(r, list) for e in r if _holds_choices(e)]
    tags = Counter(str(entry.get("from_name")) for entry in entries)
    listed = ", ".join(f"{told(tag)} {times:,}" for tag, times in tags.most_common()) or "none"
    if choices not in ("", *tags):
        raise PayloadError(f'nothing is chosen in "{told(choices)}", but in: {listed}.')
    if len(tags) > 1 and not choices:
        most = tags.most_common(1)[0][0]
        raise PayloadError(
            f"several <Choices> tags have answers ({listed}); name the one to read: "
            f"--choices {told(most)}."
        )
    name = choices or next(iter(tags), "")
    if any(e.get("from_name") == name and set(e["value"]) != {"choices"} for e in entries):
        raise PayloadError(f'what is chosen in "{told(name)}" are labels of regions.')
    names = _names(chosen_paths(result, name)[0] for result in results)
    classes = tuple(sorted(set(names.values())))
    return LabelSchema(classes, name, "", "", required=False, names=names)


def _holds_choices(entry: Any) -> bool:
    value = entry.get("value") if isinstance(entry, Mapping) else None
    return isinstance(value, Mapping) and "choices" in value


def _names(chosen: Iterable[list[Path]]) -> dict[Path, str]:
    """Return the classes by what leads to them; a bare name may be the end of a path."""
    paths = {ends[0] for ends in chosen if len(ends) == 1 and ends[0][-1]}
    longer = {path[-1] for path in paths if len(path) > 1}
    return class_names(sorted(p for p in paths if len(p) > 1 or p[0] not in longer))


def _oldest(said: Iterable[Annotation], schema: LabelSchema) -> dict[int, int]:
    index = {name: number for number, name in enumerate(schema.classes)}
    labels = [a for a in said if a.kind is Kind.LABEL and a.choice in index]
    labels.sort(key=lambda a: (a.created_at, a.annotation_id), reverse=True)
    return {a.task_id: index[a.choice] for a in labels}
