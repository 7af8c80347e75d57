"""What people said, and what becomes of each of it: the votes, and the reasons of all others."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from operator import attrgetter
from typing import NamedTuple

import numpy as np

from relabel.storage.annotations import Annotation, Kind
from relabel.types import IntArray

UNKNOWN_AUTHOR = "unknown author"
"""Source of what nobody is known to have said, with the annotation's number."""
BEGINNING = datetime.fromtimestamp(0, UTC)


class Outcome(StrEnum):
    """What became of an answer. Votes and abstentions count, nothing else does."""

    VOTE = "vote"
    ABSTENTION = "abstention"  # "cannot tell"
    SKIPPED = "skipped"
    NO_ANSWER = "no answer"  # submitted without a choice
    UNKNOWN_CLASS = "unknown class"  # the choice is no class of the config
    UNREADABLE = "unreadable"  # several choices, or another tag's result
    REPLACED = "replaced"  # the same person has a newer label for the task
    IGNORED = "ignored"  # changed by somebody else, and the policy ignores such


OF_KIND = {
    Kind.CANCELLED: Outcome.SKIPPED,
    Kind.EMPTY: Outcome.NO_ANSWER,
    Kind.UNREADABLE: Outcome.UNREADABLE,
}
SILENT = (Outcome.NO_ANSWER, Outcome.UNKNOWN_CLASS, Outcome.UNREADABLE)
"""Submitted without a vote: somebody was asked and the task knows no more than before."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one person, or one named source, said once about a task.

    source: id of a person in Label Studio, "unknown author N" of annotation N, or the name of
    initial labels ("predictions:VERSION", "data:FIELD"); choice: as it was read, "" = none; label:
    the class of a vote, None = no vote; annotation_id: None for a named source; initial: said
    before relabelling began.
    """

    task_id: int
    source: str
    kind: Kind
    choice: str
    at: datetime
    outcome: Outcome
    label: int | None = None
    annotation_id: int | None = None
    initial: bool = False

    @property
    def counts(self) -> bool:
        """Whether it is a vote or an abstention."""
        return self.outcome is Outcome.VOTE or self.outcome is Outcome.ABSTENTION

    @property
    def authorless(self) -> bool:
        """Whether nobody knows who said it: Label Studio forgets the author of a deleted user."""
        return self.source.startswith(UNKNOWN_AUTHOR)


class Saying(NamedTuple):
    """An answer without its number and time, so that many tasks have the same one.

    named: whether a named source said it, and no annotation; all others are those of `Answer`.
    """

    source: str
    choice: str
    outcome: Outcome
    label: int | None
    initial: bool
    named: bool

    @property
    def counts(self) -> bool:
        """Whether it is a vote or an abstention."""
        return self.outcome is Outcome.VOTE or self.outcome is Outcome.ABSTENTION

    @property
    def authorless(self) -> bool:
        """Whether nobody knows who said it."""
        return self.source.startswith(UNKNOWN_AUTHOR)


@dataclass(frozen=True, slots=True)
class Sayings:
    """Everything that was said of tasks, by task; what is the same of several tasks is there once.

    kinds: what may be said of one task, in the order of the first task of which it is; rows: (N,)
    which of them each task has.
    """

    kinds: list[tuple[Saying, ...]]
    rows: IntArray

    def times(self) -> list[int]:
        """Return of how many tasks each kind was said."""
        return [int(n) for n in np.bincount(self.rows, minlength=len(self.kinds))]

    def by_task(self) -> Iterator[tuple[Saying, ...]]:
        """Yield what was said of each task."""
        return (self.kinds[kind] for kind in self.rows.tolist())

    def texts(self) -> list[str]:
        """Return what was said of each task as the store keeps it, "" = nothing."""
        texts = [json.dumps(kind) if kind else "" for kind in self.kinds]
        return [texts[kind] for kind in self.rows.tolist()]


def sayings_of(task_ids: Iterable[int], answers: Iterable[Answer]) -> Sayings:
    """Return what was said of these tasks, in the order of the answers."""
    said: dict[int, list[Saying]] = {task_id: [] for task_id in task_ids}
    for a in answers:
        named = a.annotation_id is None
        said[a.task_id].append(Saying(a.source, a.choice, a.outcome, a.label, a.initial, named))
    number: dict[tuple[Saying, ...], int] = {}
    rows = [number.setdefault(tuple(some), len(number)) for some in said.values()]
    return Sayings(list(number), np.array(rows, dtype=np.int64))


def read_sayings(texts: Iterable[str]) -> Sayings:
    """Return what `Sayings.texts` was made of."""
    number: dict[str, int] = {}
    rows = [number.setdefault(text, len(number)) for text in texts]
    kinds = [
        tuple(
            Saying(source, choice, Outcome(outcome), label, initial, named)
            for source, choice, outcome, label, initial, named in json.loads(text or "[]")
        )
        for text in number
    ]
    return Sayings(kinds, np.array(rows, dtype=np.int64))


def meanings(
    classes: Sequence[str], *, cannot_tell: str = "", renamed: Mapping[str, str] | None = None
) -> dict[str, int | None]:
    """Return what each choice stands for: a class, or None for "cannot tell".

    Args:
        classes: (K,) names.
        cannot_tell: choice that is an abstention, "" = there is none.
        renamed: other values and the choices that they stand for.

    """
    known: dict[str, int | None] = {name: number for number, name in enumerate(classes)}
    if cannot_tell:
        known[cannot_tell] = None
    return known | {value: known[name] for value, name in (renamed or {}).items()}


def outcome_of(choice: str, means: Mapping[str, int | None]) -> tuple[Outcome, int | None]:
    """Return what becomes of a choice, and its class."""
    if choice not in means:
        return Outcome.UNKNOWN_CLASS, None
    label = means[choice]
    return (Outcome.ABSTENTION if label is None else Outcome.VOTE), label


def answers_of(
    found: Iterable[Annotation], means: Mapping[str, int | None], *, overwritten: str = "editor"
) -> list[Answer]:
    """Return everything that was said, by task, with one vote per task and person.

    An annotation made before relabelling began holds what it said then; what it says now, if that
    is something else, is a new answer of whoever changed it. Of several labels of one person for a
    task the newest counts, among the initial ones and among the new ones: initial labels are a
    source of their own.

    Args:
        found: live annotations.
        means: of `meanings`.
        overwritten: whose answer an annotation is that another person changed: "editor", "author",
            or nobody's ("ignore").

    """
    answers: list[Answer] = []
    newest: dict[tuple[str, bool], tuple[str, int, int]] = {}
    task = 0
    for a in sorted(found, key=attrgetter("task_id")):
        if a.task_id != task:
            newest.clear()
            task = a.task_id
        for answer, saved_at in _answers(a, means, overwritten):
            answers.append(answer)
            if not answer.counts:
                continue
            mine = (saved_at, a.annotation_id, len(answers) - 1)
            key = (answer.source, answer.initial)
            other = newest.setdefault(key, mine)
            if other is not mine:
                newest[key] = max(mine, other)
                older = min(mine, other)[2]
                answers[older] = replace(answers[older], outcome=Outcome.REPLACED, label=None)
    return answers


def _answers(
    a: Annotation, means: Mapping[str, int | None], overwritten: str
) -> list[tuple[Answer, str]]:
    """Return the one or two answers that an annotation holds, and when each was saved."""
    if not a.initial_kind:
        said = _answer(a, a.kind, a.choice, a.editor, a.created_at, a.initial, means, overwritten)
        return [(said, a.updated_at)]
    kind, choice, editor = Kind(a.initial_kind), a.initial_choice, a.initial_editor
    first = _answer(a, kind, choice, editor, a.created_at, True, means, overwritten)
    if not a.changed:
        return [(first, a.initial_at)]
    now = _answer(a, a.kind, a.choice, a.editor, a.updated_at, False, means, overwritten)
    return [(first, a.initial_at), (now, a.updated_at)]


def _answer(
    a: Annotation,
    kind: Kind,
    choice: str,
    editor: str,
    at: str,
    initial: bool,
    means: Mapping[str, int | None],
    overwritten: str,
) -> Answer:
    if kind is Kind.LABEL:
        outcome, label = outcome_of(choice, means)
        if editor and overwritten == "ignore" and outcome is not Outcome.UNKNOWN_CLASS:
            outcome, label = Outcome.IGNORED, None
    else:
        outcome, label = OF_KIND[kind], None
    person = editor if editor and overwritten == "editor" else a.annotator
    return Answer(
        a.task_id,
        person or f"{UNKNOWN_AUTHOR} {a.annotation_id}",
        kind,
        choice,
        datetime.fromisoformat(at) if at else BEGINNING,
        outcome,
        label,
        a.annotation_id,
        initial,
    )
