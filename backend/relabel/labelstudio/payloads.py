"""Label Studio's JSON to domain values, checked once; errors name the field."""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from relabel.errors import PayloadError
from relabel.labelstudio.contract import COUNTERS
from relabel.labelstudio.labels import LabelSchema
from relabel.labelstudio.results import read_result
from relabel.storage.annotations import Annotation, Kind

IMPORT_SECONDS = 20.0
"""An annotation this soon after its task's creation was imported with it, not made by a person."""
CREATION_SECONDS = 0.1
"""An annotation saved this soon after its creation was not changed since. Both times are taken by
the same request: 1 to 14 ms apart at most in imports of 2,000, by bulk and on behalf of others, on
a busy machine; the quickest change by a second request came after 390 ms."""
ID_LIMIT = 2**31
"""Ids are smaller than this in Label Studio and in the store."""


@dataclass(frozen=True, slots=True)
class TaskReading:
    """One task as Label Studio reports it; None where a listing does not say.

    image: the address of what it shows, "" = none; image_problem: why there is none; images: how
    many it shows; counters: what Label Studio has counted of its annotations, by name.
    """

    task_id: int
    image: str
    created_at: str
    updated_at: str
    overlap: int | None
    is_labeled: bool | None
    annotations: tuple[Mapping[str, Any], ...]
    predictions: tuple[Mapping[str, Any], ...] | None
    data: Mapping[str, Any]
    image_problem: str = ""
    images: int = 1
    counters: Mapping[str, int] = dataclasses.field(default_factory=dict)


def field(body: Any, name: str, kind: type, *, where: str) -> Any:
    """Return body[name].

    Raises:
        PayloadError: it is missing or of another type; names the field.

    """
    value = body.get(name) if isinstance(body, Mapping) else None
    # bool is an int in Python, but no id in JSON.
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise PayloadError(f"{where}.{name}: expected {kind.__name__}, got {type(value).__name__}.")
    if isinstance(value, int) and not 0 < value < ID_LIMIT:
        raise PayloadError(f"{where}.{name}: expected an id, got {str(value)[:20]}.")
    return value


def project_id(body: Any, *, where: str = "body") -> int:
    """Return the project's id from a number, "22.1795226729" (id and creation), or an object."""
    value = body.get("project") if isinstance(body, Mapping) else None
    if isinstance(value, Mapping):
        value = value.get("id")
    if isinstance(value, str):
        value = value.split(".", 1)[0]
        value = int(value) if value.isascii() and value.isdigit() and len(value) < 10 else None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < ID_LIMIT:
        raise PayloadError(f"{where}.project: expected a project id.")
    return value


def person(value: Any) -> str:
    """Return the id of a user given as a number or as an object; "" = nobody."""
    if isinstance(value, Mapping):
        value = value.get("id")
    return "" if value is None else str(value)


def read_task(body: Any, schema: LabelSchema) -> TaskReading:
    """Read one task from a listing, an export, a single-task answer or a webhook."""
    task_id = field(body, "id", int, where="task")
    data = body.get("data")
    data = data if isinstance(data, Mapping) else {}
    shown = schema.shown(data)
    overlap = body.get("overlap")
    is_labeled = body.get("is_labeled")
    return TaskReading(
        task_id=task_id,
        image=shown.address,
        created_at=str(body.get("created_at") or ""),
        updated_at=str(body.get("updated_at") or ""),
        overlap=overlap if isinstance(overlap, int) else None,
        is_labeled=is_labeled if isinstance(is_labeled, bool) else None,
        annotations=_mappings(body.get("annotations")),
        predictions=_mappings(body["predictions"]) if "predictions" in body else None,
        data=data,
        image_problem=shown.problem,
        images=shown.count,
        counters=read_counters(body),
    )


def read_counters(body: Mapping[str, Any]) -> Mapping[str, int]:
    """Return what Label Studio has counted of a task's annotations, {} where it does not say."""
    return {name: body[name] for name in COUNTERS if isinstance(body.get(name), int)}


def counters_to_change(
    counters: Mapping[str, int], annotations: Iterable[Mapping[str, Any]]
) -> dict[str, int]:
    """Return the counters of a task that do not fit its annotations, as they should be."""
    skips = [bool(annotation.get("was_cancelled")) for annotation in annotations]
    right = dict(zip(COUNTERS, (skips.count(False), skips.count(True)), strict=True))
    return {name: value for name, value in right.items() if counters.get(name, value) != value}


def read_annotation(
    body: Any,
    schema: LabelSchema,
    *,
    connected_at: str,
    task_id: int | None = None,
    task_created_at: str = "",
) -> Annotation:
    """Read one annotation; whether it is an initial label follows from when it was made."""
    kind, choice = _what_it_says(body, schema)
    created_at = _moment(body, "created_at")
    updated_at = _moment(body, "updated_at") or created_at
    author = person(body.get("completed_by"))
    return Annotation(
        annotation_id=field(body, "id", int, where="annotation"),
        task_id=task_id or field(body, "task", int, where="annotation"),
        annotator=author,
        kind=kind,
        choice=choice,
        created_at=created_at,
        updated_at=updated_at,
        editor=_editor(person(body.get("updated_by")), author, created_at, updated_at),
        initial=created_at <= connected_at
        # Whoever is quick may judge a task seconds after its import: only a task that came after
        # connecting can have brought labels that were not there at the time. What such a label was
        # is not known of one that was changed before anybody read it: that is a new answer.
        or (
            task_created_at > connected_at
            and _soon(created_at, task_created_at, IMPORT_SECONDS)
            and _soon(updated_at, created_at, CREATION_SECONDS)
        ),
    )


def _editor(saved_by: str, author: str, created_at: str, updated_at: str) -> str:
    """Return who else than the author changed an annotation after it was made, "" = nobody.

    Label Studio names whoever saved it last, who may have made it in the author's name.
    """
    if saved_by == author or not created_at:
        return ""
    return "" if _soon(updated_at, created_at, CREATION_SECONDS) else saved_by


def _moment(body: Mapping[str, Any], name: str) -> str:
    """Return a time as it is written, "" = none; what later code cannot read is refused here."""
    value = str(body.get(name) or "")
    try:
        if value:
            datetime.fromisoformat(value)
    except ValueError as error:
        text = f"annotation.{name}: expected an ISO time, got {value[:40]!r}."
        raise PayloadError(text) from error
    return value


def _what_it_says(body: Any, schema: LabelSchema) -> tuple[Kind, str]:
    if not isinstance(body, Mapping):
        raise PayloadError("annotation: expected an object.")
    if body.get("was_cancelled"):
        return Kind.CANCELLED, ""
    said = read_result(body.get("result"), schema)
    return said.kind, said.choice or said.why


def _soon(later: str, earlier: str, seconds: float) -> bool:
    """Return whether a time is at most so much later than another; False if one is no time."""
    try:
        between = _utc(datetime.fromisoformat(later)) - _utc(datetime.fromisoformat(earlier))
    except ValueError:
        return False
    return between < timedelta(seconds=seconds)


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _mappings(value: Any) -> tuple[Mapping[str, Any], ...]:
    return tuple(v for v in value if isinstance(v, Mapping)) if isinstance(value, list) else ()
