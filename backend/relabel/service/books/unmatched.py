"""Sources and labels that match nothing: named with what there is, and what could be meant."""

import json
from collections import Counter

from relabel.accounts import counted_part, nearest
from relabel.labelstudio.images import first_field
from relabel.policy import Policy
from relabel.service.context import Context
from relabel.service.traces import VERSION_PREFIX
from relabel.service.votes.state import AnsweredState
from relabel.storage.answers import Outcome
from relabel.storage.database import reading
from relabel.storage.projects import Project
from relabel.storage.tasks import list_splits

SHOWN = 10
"""Names of versions or fields that are listed."""


def missing_source(context: Context, project: Project, policy: Policy) -> str:
    """Return that no task has what `initial` names, and what there is instead; "" = it exists."""
    kind, _, name = policy.initial.partition(":")
    if kind == "predictions":
        found = {
            version: f"{version!r} ({count:,})"
            for version, count in context.label_studio.model_versions(project.id).items()
            if not version.startswith(VERSION_PREFIX)
        }
        return _missing("a prediction of version", name, found)
    if kind == "data":
        columns = context.label_studio.columns(project.id)
        fields = [str(column["id"]) for column in columns if column.get("parent") == "data"]
        # A path leads on from the field that it begins with.
        begun = first_field(f"${name}")
        wanted = begun if begun in fields else name
        return _missing("a field", wanted, {field: repr(field) for field in fields})
    return ""


def missing_field(context: Context, project: Project, policy: Policy) -> str:
    """Return that no task has the field that `split` names, and which there are; "" = it exists."""
    columns = context.label_studio.columns(project.id) if policy.split else []
    fields = [str(column["id"]) for column in columns if column.get("parent") == "data"]
    if not policy.split or not fields:
        return ""  # without a task nobody can say
    begun = first_field(f"${policy.split}")
    wanted = begun if begun in fields else policy.split
    missing = _missing("a field", wanted, {field: repr(field) for field in fields})
    return f"split = {policy.split!r}: {missing}" if missing else ""


def missing_values(context: Context, project: Project, policy: Policy) -> str:
    """Return that no task is of the evaluation split, and what there is; "" = some are."""
    with reading(context.engine) as connection:
        there = Counter(list_splits(connection, project.id).values())
    if any(there[value] for value in policy.evaluation):
        return ""
    found = ", ".join(f"{value!r} ({count:,})" for value, count in there.most_common(SHOWN))
    asked = ", ".join(map(repr, policy.evaluation))
    return (
        f"split = {policy.split!r}: no task has a value of evaluation ({asked}) there; there are: "
        f"{found or 'none at all'}"
    )


def unknown_labels(state: AnsweredState) -> Counter[str]:
    """Return the labels that are no class, with how often they occur."""
    found: Counter[str] = Counter()
    # Of equally frequent ones those first that a named source says, then by task.
    for named in (True, False):
        for kind, times in zip(state.said.kinds, state.said.times(), strict=True):
            for one in kind:
                if one.outcome is Outcome.UNKNOWN_CLASS and one.named is named:
                    found[one.choice] += times
    return found


def told_unknown(state: AnsweredState) -> str:
    """Return which labels are no class, and how to let them count; "" = all are."""
    found = unknown_labels(state)
    if not found:
        return ""
    classes = state.schema.classes
    part = counted_part(
        "unknown_class", "labels are no class of this config", found, used=False, known=classes
    )
    offered = offered_mapping(state) or f'classes = {{"{next(iter(found))}" = "{classes[0]}"}}'
    return (
        f"{part}. To let them count, say in the extra params which choice each stands for, as in "
        f"{offered}, or add them to the labelling config as choices"
    )


def offered_mapping(state: AnsweredState) -> str:
    """Return the policy key by which labels would count that look like a class; "" = none does."""
    first = (label for label, _ in unknown_labels(state).most_common(SHOWN))
    meant = {label: nearest(label, state.schema.classes) for label in first}
    # JSON's quoted text is TOML's as well.
    pairs = [
        f"{json.dumps(a, ensure_ascii=False)} = {json.dumps(b, ensure_ascii=False)}"
        for a, b in meant.items()
        if b
    ]
    return f"classes = {{{', '.join(pairs)}}}" if pairs else ""


def _missing(what: str, name: str, found: dict[str, str]) -> str:
    if name in found:
        return ""
    there = ", ".join(list(found.values())[:SHOWN]) or "none at all"
    alike = nearest(name, found)
    hint = f"; did you mean {alike!r}?" if alike else ""
    return f"no task has {what} {name!r}; there are: {there}{hint}"
