"""Tasks in the form that Label Studio's import takes, with the label that was found in them.

Its own export is not that form: predictions are their ids alone there, at which its import breaks
down, and it refuses the whole file for one `meta` or `result` that is null.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relabel.accounts import EXAMPLES
from relabel.labelstudio.labels import LabelSchema
from relabel.labelstudio.payloads import person, read_annotation
from relabel.labelstudio.tags import Tag, read_tags
from relabel.storage.annotations import Kind

Body = dict[str, Any]

COUNTERS = ("total_annotations", "cancelled_annotations", "total_predictions")
"""Of a task: Label Studio counts for itself what it imports."""


def importable(
    task: Mapping[str, Any],
    predictions: Sequence[Mapping[str, Any]],
    emails: Mapping[int, str],
    *,
    own_versions: str,
) -> Body:
    """Return a task of an export so that the import takes it, with nothing left out.

    Args:
        task: as the export has it.
        predictions: of the task, whole.
        emails: of people by id. By an address everyone is found again on another server, too, where
            the same number may be somebody else; for one whom nobody knows the import refuses the
            whole file, so such annotations have no author there, see `lost_by_importing`.
        own_versions: how the model versions of this backend's predictions begin: they are left out,
            here and where an annotation remembers which prediction its author saw.

    """
    body = {key: value for key, value in task.items() if key not in COUNTERS}
    if body.get("meta") is None:
        body.pop("meta", None)
    body["annotations"] = [_annotation(a, emails, own_versions) for a in task["annotations"]]
    body["predictions"] = [
        {**prediction, "result": prediction.get("result") or []}
        for prediction in predictions
        if not _is_own(prediction, own_versions)
    ]
    return body


def _annotation(body: Mapping[str, Any], emails: Mapping[int, str], own_versions: str) -> Body:
    annotation = {**body, "result": body.get("result") or []}
    author = body.get("completed_by")
    if isinstance(author, int):
        known = {"id": author, "email": emails[author]} if author in emails else None
        annotation["completed_by"] = known
    seen = body.get("prediction")
    if isinstance(seen, Mapping) and _is_own(seen, own_versions):
        annotation |= {"prediction": {}, "parent_prediction": None}
    return annotation


def _is_own(prediction: Mapping[str, Any], own_versions: str) -> bool:
    return str(prediction.get("model_version") or "").startswith(own_versions)


def lost_by_importing(tasks: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Say what Label Studio's import does not keep of these tasks, a sentence each.

    Args:
        tasks: as `importable` returns them.

    """
    authorless = [
        task["id"]
        for task in tasks
        for annotation in task["annotations"]
        if annotation.get("completed_by") is None
    ]
    drafts = [task["id"] for task in tasks for _ in task.get("drafts") or ()]
    said = {
        "puts annotations of users who are gone under whoever imports it": authorless,
        "leaves drafts out": drafts,
    }
    return tuple(
        f"Importing this file {what}: {len(ids):,}, in task {_few(ids)}."
        for what, ids in said.items()
        if ids
    )


def _few(ids: Sequence[int]) -> str:
    different = sorted(set(ids))
    more = len(different) - EXAMPLES
    return ", ".join(map(str, different[:EXAMPLES])) + (f" and {more:,} more" if more > 0 else "")


@dataclass(frozen=True, slots=True)
class Label:
    """A class as annotations hold it.

    words: what stands for it: its name, and values that the policy says mean it; hidden: tags that
    the form does not show beside it, see `hidden_tags`.
    """

    name: str
    words: frozenset[str]
    hidden: frozenset[str] = frozenset()


def with_label(
    task: Body, schema: LabelSchema, label: Label, *, settled: bool, new_id: int
) -> Body:
    """Return a task with its label where whoever trains on the file finds it.

    An annotation that says the label comes first, but for what its author said before, and is
    the only one of a settled task that is marked ground truth. No annotation is changed but for
    that mark. One is added where a task is settled and nobody who said the label by its name has
    filled in the other tags that were filled in at first: in the name of one who said it, with the
    other tags as they were. It repeats a vote and adds none.

    Args:
        task: as `importable` returns it.
        schema: the tags of its project.
        label: what to put in.
        settled: whether the votes agree on it.
        new_id: of an annotation that is added; no other has it.

    """
    done = [a for a in sorted(task["annotations"], key=_age) if not a.get("was_cancelled")]
    saying = _saying(done, schema, label)
    if not saying:
        return task
    chosen = saying[0]
    if settled:
        first = next(a for a in done if a["result"])
        needed = _other_tags(first, schema) - label.hidden
        by_name = [a for a in saying if _word(a, schema) == label.name]
        complete = [a for a in by_name if needed <= _other_tags(a, schema)]
        marked = [a for a in complete if a.get("ground_truth")]
        added = _completed((by_name or saying)[0], first, schema, label)
        chosen = (marked or complete or [added | {"id": new_id}])[0]
    others = [a for a in task["annotations"] if a is not chosen]
    if settled:
        others = [a | {"ground_truth": False} for a in others]
        chosen = chosen | {"ground_truth": True}
    # Of one person's labels the newest counts, which after an import is the one further down.
    outdated = [
        _author(a) == _author(chosen) and _word(a, schema) not in {"", *label.words} for a in others
    ]
    earlier = [a for a, before in zip(others, outdated, strict=True) if before]
    later = [a for a, before in zip(others, outdated, strict=True) if not before]
    return task | {"annotations": [*earlier, chosen, *later]}


def _saying(done: Sequence[Body], schema: LabelSchema, label: Label) -> list[Body]:
    """Return the annotations that say a label, without those of people who say another by now."""
    said = [(a, _word(a, schema)) for a in done]
    now = {_author(a): word for a, word in sorted(said, key=lambda pair: _saved(pair[0])) if word}
    return [a for a, word in said if word in label.words and now[_author(a)] in label.words]


def _completed(saying: Body, first: Body, schema: LabelSchema, label: Label) -> Body:
    """Return an annotation that says the label as one did, and the other tags as the first did."""
    aside = {schema.from_name, *label.hidden}
    rest = [item for item in first["result"] if item.get("from_name") not in aside]
    kept = ("completed_by", "created_at", "updated_at")
    made = {key: saying[key] for key in kept if key in saying}
    return made | {"was_cancelled": False, "result": [_choice(saying, schema, label.name), *rest]}


def _choice(saying: Body, schema: LabelSchema, name: str) -> Body:
    """Return what an annotation chose, by the class's own name."""
    item = next(item for item in saying["result"] if item.get("from_name") == schema.from_name)
    if _word(saying, schema) == name:
        return dict(item)
    return {**item, "value": {**item["value"], **schema.result(name)["value"]}}


def _word(annotation: Body, schema: LabelSchema) -> str:
    read = read_annotation(annotation, schema, connected_at="", task_id=1)
    return read.choice if read.kind is Kind.LABEL else ""


def _author(annotation: Body) -> str:
    """Return who made an annotation; each of deleted users is somebody else's."""
    return person(annotation.get("completed_by")) or f"author of {annotation.get('id')}"


def _other_tags(annotation: Body, schema: LabelSchema) -> set[str]:
    named = {str(item["from_name"]) for item in annotation["result"] if "from_name" in item}
    return named - {schema.from_name}


def _age(annotation: Body) -> tuple[str, int]:
    return str(annotation.get("created_at") or ""), int(annotation.get("id") or 0)


def _saved(annotation: Body) -> tuple[str, int]:
    made, number = _age(annotation)
    return str(annotation.get("updated_at") or made), number


def hidden_tags(config: str, tag: str, choice: str) -> frozenset[str]:
    """Return the names of the tags that the form hides while `choice` is chosen in `tag`.

    Args:
        config: a labelling config.
        tag: name of the Choices tag.
        choice: what is chosen in it.

    """
    return frozenset(
        found.name
        for found in read_tags(config)
        if found.name not in ("", tag)
        and any(_hides(part, tag, choice) for part in (found, *found.above()))
    )


def _hides(part: Tag, tag: str, choice: str) -> bool:
    shown_if = {"choice-selected": True, "choice-unselected": False}.get(part.get("visibleWhen"))
    wanted = part.get("whenChoiceValue").split(",")
    chosen = not part.has("whenChoiceValue") or choice in wanted
    return part.get("whenTagName") == tag and shown_if is not None and chosen is not shown_if
