"""What people said, and what becomes of each of it: the votes, and the reasons of all others."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

from relabel.storage.annotations import Annotation, Kind

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
COUNTED = frozenset({Outcome.VOTE, Outcome.ABSTENTION})
SILENT = frozenset({Outcome.NO_ANSWER, Outcome.UNKNOWN_CLASS, Outcome.UNREADABLE})
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
        return self.outcome in COUNTED

    @property
    def authorless(self) -> bool:
        """Whether nobody knows who said it: Label Studio forgets the author of a deleted user."""
        return self.source.startswith(UNKNOWN_AUTHOR)


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
    """Return everything that was said, by task and time, with one vote per task and person.

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
    newest: dict[tuple[int, str, bool], int] = {}
    sayings = [(a, said) for a in found for said in _sayings(a)]
    sayings.sort(key=lambda pair: (pair[0].task_id, pair[1].saved_at, pair[0].annotation_id))
    for annotation, said in sayings:
        answer = _answer(annotation, said, means, overwritten)
        if answer.counts:
            key = (answer.task_id, answer.source, answer.initial)
            before = newest.get(key)
            if before is not None:
                older = answers[before]
                answers[before] = replace(older, outcome=Outcome.REPLACED, label=None)
            newest[key] = len(answers)
        answers.append(answer)
    return answers


class _Saying(NamedTuple):
    """What an annotation says, or said at the beginning."""

    kind: Kind
    choice: str
    editor: str
    saved_at: str
    at: str
    initial: bool


def _sayings(a: Annotation) -> Iterator[_Saying]:
    now = _Saying(a.kind, a.choice, a.editor, a.updated_at, a.created_at, a.initial)
    if not a.initial_kind:
        yield now
        return
    first = (Kind(a.initial_kind), a.initial_choice, a.initial_editor, a.initial_at)
    yield _Saying(*first, a.created_at, initial=True)
    if a.changed:
        yield now._replace(at=a.updated_at, initial=False)


def _answer(
    a: Annotation, said: _Saying, means: Mapping[str, int | None], overwritten: str
) -> Answer:
    if said.kind is Kind.LABEL:
        outcome, label = outcome_of(said.choice, means)
    else:
        outcome, label = OF_KIND[said.kind], None
    if said.editor and overwritten == "ignore" and outcome in COUNTED:
        outcome, label = Outcome.IGNORED, None
    person = said.editor if said.editor and overwritten == "editor" else a.annotator
    return Answer(
        task_id=a.task_id,
        source=person or f"{UNKNOWN_AUTHOR} {a.annotation_id}",
        kind=said.kind,
        choice=said.choice,
        at=datetime.fromisoformat(said.at) if said.at else BEGINNING,
        outcome=outcome,
        label=label,
        annotation_id=a.annotation_id,
        initial=said.initial,
    )
