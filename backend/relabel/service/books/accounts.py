"""The books of one project: what became of every task, image, old label and new answer.

Computed here and nowhere else; commands, pages, the report and the metrics show what this says. A
book refuses to be built unless its parts add up to what was read (`relabel.accounts`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from relabel.accounts import EXAMPLES, Accounts, Book, Example, Part, counted_part, part_of
from relabel.media.registry import MEDIUM
from relabel.service.votes.state import AnsweredState
from relabel.storage.answers import Outcome, Saying
from relabel.storage.rounds import Round, RoundState
from relabel.types import BoolArray, State

NEWEST_TASK = "newest_task"
"""Under this name a round's record keeps the highest id of the tasks that it knew."""

LEFT_OUT = {
    Outcome.SKIPPED: "skipped",
    Outcome.NO_ANSWER: "without a choice",
    Outcome.UNKNOWN_CLASS: "are no class of this config",
    Outcome.UNREADABLE: "cannot be read as one choice",
    Outcome.REPLACED: "replaced by a newer answer of the same person",
    Outcome.IGNORED: 'changed by somebody else (policy: overwritten = "ignore")',
}
"""What is said of answers that are no votes; each outcome is a part of the books."""


def project_accounts(state: AnsweredState, newest: int) -> Accounts:
    """Return the books of a project.

    Args:
        state: the project now.
        newest: of `newest_read`.

    Raises:
        InvalidValuesError: something that was read is in no part of a book: a defect.

    """
    return Accounts((_tasks(state), _images(state, newest), _labels(state), _answers(state)))


def newest_read(rounds: Sequence[Round]) -> int:
    """Return the highest id among the tasks whose images were read, 0 = none were yet.

    Args:
        rounds: all of them, oldest first.

    """
    read = [r.record.get(NEWEST_TASK, 0) for r in rounds if r.state is RoundState.PUBLISHED]
    return int(read[-1]) if read else 0


def _tasks(state: AnsweredState) -> Book:
    """Each task is in the first part that fits; those that may still be served come last."""
    labelled: BoolArray = state.counts.votes.sum(1) > 0
    settled = state.consensus.states == State.SETTLED
    ambiguous = state.consensus.states == State.AMBIGUOUS
    everything: BoolArray = np.ones(len(labelled), dtype=np.bool_)
    parts = (
        ("settled", "settled by votes", True, settled & state.touched()),
        ("agreed", "on which the old labels agree", True, settled),
        ("no_answer", "answered without any vote", False, state.unanswered()),
        ("ambiguous", "ambiguous", True, ambiguous),
        ("no_image", "whose image cannot be used", False, ~state.places.usable),
        ("unlabelled", "without a label to check", False, ~labelled),
        ("skipped", "skipped by everybody at work", False, state.skipped()),
        ("begun", "begun", True, state.begun()),
        ("waiting", "waiting", True, everything),
    )
    left, found = everything.copy(), []
    for name, text, used, applies in parts:
        rows = np.flatnonzero(left & applies)
        left[rows] = False
        ids = state.counts.task_ids[rows].tolist()
        found.append(
            Part(name, len(ids), text) if used else _left_out(name, text, len(ids), ids, {})
        )
    return Book("tasks", len(labelled), tuple(found))


def _images(state: AnsweredState, newest: int) -> Book:
    task_ids = state.places.task_ids
    problems = [MEDIUM.kind_of(task.problem) for task in state.unusable.values()]
    unread = int(((task_ids > newest) & state.places.usable).sum())
    return Book(
        "images",
        len(task_ids),
        (
            Part("read", len(task_ids) - len(problems) - unread, "read"),
            Part("unread", unread, "not read yet"),
            part_of("failed", "cannot be used", problems, used=False),
        ),
    )


def _labels(state: AnsweredState) -> Book:
    """What the project held before relabelling began."""
    said = _Said(state, initial=True)
    votes = said.of(Outcome.VOTE)
    written = [(one, n) for one, n in votes if not one.named and not one.authorless]
    people = _people(len({one.source for one, _ in written}))
    used = (
        Part("annotations", _total(written), f"from annotations by {people}"),
        Part("named", _total((v, n) for v, n in votes if v.named), f"from {state.policy.initial}"),
        *_other_votes(said),
    )
    return Book("labels", said.total, (*used, *_no_votes(said, state)))


def _answers(state: AnsweredState) -> Book:
    """What people said since."""
    said = _Said(state, initial=False)
    known = [(one, n) for one, n in said.of(Outcome.VOTE) if not one.authorless]
    people = _people(len({one.source for one, _ in known}))
    used = (Part("votes", _total(known), f"votes of {people}"), *_other_votes(said))
    return Book("answers", said.total, (*used, *_no_votes(said, state)))


class _Said:
    """What was said before relabelling began, or since."""

    def __init__(self, state: AnsweredState, *, initial: bool) -> None:
        self._rows = state.said.rows
        self._task_ids = state.counts.task_ids
        self._kinds = [[s for s in kind if s.initial is initial] for kind in state.said.kinds]
        self._times = state.said.times()

    @property
    def total(self) -> int:
        """How much was said."""
        times = zip(self._kinds, self._times, strict=True)
        return sum(len(kind) * n for kind, n in times)

    def of(self, outcome: Outcome) -> list[tuple[Saying, int]]:
        """Return what was said with that outcome, each with the number of its tasks."""
        times = zip(self._kinds, self._times, strict=True)
        return [(one, n) for kind, n in times for one in kind if one.outcome is outcome]

    def tasks(self, outcome: Outcome) -> dict[int, str]:
        """Return the tasks with that outcome, ids increasing, each with what was chosen last."""
        last = [[one.choice for one in kind if one.outcome is outcome][-1:] for kind in self._kinds]
        concerned = np.array([bool(found) for found in last], dtype=np.bool_)[self._rows]
        ids, kinds = self._task_ids[concerned].tolist(), self._rows[concerned].tolist()
        return {task_id: last[kind][0] for task_id, kind in zip(ids, kinds, strict=True)}


def _total(said: Iterable[tuple[Saying, int]]) -> int:
    return sum(times for _, times in said)


def _other_votes(said: _Said) -> tuple[Part, ...]:
    forgotten = _total((one, n) for one, n in said.of(Outcome.VOTE) if one.authorless)
    abstained = _total(said.of(Outcome.ABSTENTION))
    return (
        Part("authorless", forgotten, "of deleted users, together one voter per task"),
        Part("abstentions", abstained, 'say "cannot tell"'),
    )


def _no_votes(said: _Said, state: AnsweredState) -> list[Part]:
    parts = []
    for outcome, text in LEFT_OUT.items():
        name, found = outcome.value.replace(" ", "_"), said.of(outcome)
        if outcome is Outcome.UNKNOWN_CLASS:
            chosen: Counter[str] = Counter()
            for one, times in found:
                chosen[one.choice] += times
            known = state.schema.classes
            parts.append(counted_part(name, text, chosen, used=False, known=known))
        else:
            tasks = said.tasks(outcome)
            told = outcome is Outcome.UNREADABLE
            why = {task_id: f" ({choice})" for task_id, choice in tasks.items() if told}
            parts.append(_left_out(name, text, _total(found), list(tasks), why))
    return parts


def _left_out(
    name: str, text: str, count: int, task_ids: Sequence[int], why: Mapping[int, str]
) -> Part:
    """Return a part whose examples are the tasks with the lowest numbers, each with its reason.

    Args:
        name: of the part.
        text: the sentence for people.
        count: of what is left out.
        task_ids: the tasks that it concerns, increasing.
        why: reasons by task.

    """
    first = task_ids[:EXAMPLES]
    examples = tuple(Example(f"task {task_id}{why.get(task_id, '')}") for task_id in first)
    return Part(name, count, text, used=False, examples=examples, kinds=len(task_ids))


def _people(number: int) -> str:
    return "1 person" if number == 1 else f"{number:,} people"
