"""The books of one project: what became of every task, image, old label and new answer.

Computed here and nowhere else; commands, pages, the report and the metrics show what this says. A
book refuses to be built unless its parts add up to what was read (`relabel.accounts`).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from relabel.accounts import EXAMPLES, Accounts, Book, Example, Part, part_of
from relabel.media.registry import MEDIUM
from relabel.service.queue.state import ProjectState
from relabel.storage.answers import Answer, Outcome
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


def project_accounts(state: ProjectState, newest: int) -> Accounts:
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


def _tasks(state: ProjectState) -> Book:
    """Each task is in the first part that fits; those that may still be served come last."""
    labelled: BoolArray = state.counts.votes.sum(1) > 0
    settled = state.consensus.states == State.SETTLED
    ambiguous = state.consensus.states == State.AMBIGUOUS
    broken = np.array([bool(task.problem) for task in state.tasks.values()], dtype=np.bool_)
    everything: BoolArray = np.ones(len(labelled), dtype=np.bool_)
    parts = (
        ("settled", "settled by votes", True, settled & state.touched()),
        ("agreed", "on which the old labels agree", True, settled),
        ("no_answer", "answered without any vote", False, state.unanswered()),
        ("ambiguous", "ambiguous", True, ambiguous),
        ("no_image", "whose image cannot be used", False, broken),
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
        found.append(Part(name, len(ids), text) if used else _left_out(name, text, ids))
    return Book("tasks", len(labelled), tuple(found))


def _images(state: ProjectState, newest: int) -> Book:
    problems = [task.problem for task in state.tasks.values() if task.problem]
    unread = sum(task.task_id > newest and not task.problem for task in state.tasks.values())
    return Book(
        "images",
        len(state.tasks),
        (
            Part("read", len(state.tasks) - len(problems) - unread, "read"),
            Part("unread", unread, "not read yet"),
            part_of("failed", "cannot be used", map(MEDIUM.kind_of, problems), used=False),
        ),
    )


def _labels(state: ProjectState) -> Book:
    """What the project held before relabelling began."""
    answers = [answer for answer in state.answers if answer.initial]
    votes = [answer for answer in answers if answer.outcome is Outcome.VOTE]
    named = [answer for answer in votes if answer.annotation_id is None]
    people = {answer.source for answer in votes if answer.annotation_id and not answer.authorless}
    written = len(votes) - len(named) - sum(answer.authorless for answer in votes)
    used = (
        Part("annotations", written, f"from annotations by {_people(len(people))}"),
        Part("named", len(named), f"from {state.policy.initial}"),
        *_other_votes(answers),
    )
    return Book("labels", len(answers), (*used, *_no_votes(answers, state)))


def _answers(state: ProjectState) -> Book:
    """What people said since."""
    answers = [answer for answer in state.answers if not answer.initial]
    votes = [a for a in answers if a.outcome is Outcome.VOTE and not a.authorless]
    people = _people(len({answer.source for answer in votes}))
    used = (Part("votes", len(votes), f"votes of {people}"), *_other_votes(answers))
    return Book("answers", len(answers), (*used, *_no_votes(answers, state)))


def _other_votes(answers: Sequence[Answer]) -> tuple[Part, ...]:
    forgotten = sum(a.outcome is Outcome.VOTE and a.authorless for a in answers)
    abstained = sum(a.outcome is Outcome.ABSTENTION for a in answers)
    return (
        Part("authorless", forgotten, "of deleted users, together one voter per task"),
        Part("abstentions", abstained, 'say "cannot tell"'),
    )


def _no_votes(answers: Sequence[Answer], state: ProjectState) -> list[Part]:
    parts = []
    for outcome, text in LEFT_OUT.items():
        found = [answer for answer in answers if answer.outcome is outcome]
        name = outcome.value.replace(" ", "_")
        if outcome is Outcome.UNKNOWN_CLASS:
            values = [answer.choice for answer in found]
            parts.append(part_of(name, text, values, used=False, known=state.schema.classes))
        else:
            why = {a.task_id: f" ({a.choice})" for a in found if outcome is Outcome.UNREADABLE}
            parts.append(_left_out(name, text, [answer.task_id for answer in found], why))
    return parts


def _left_out(
    name: str, text: str, task_ids: Sequence[int], why: Mapping[int, str] | None = None
) -> Part:
    """Return a part whose examples are the tasks with the lowest numbers, each with its reason."""
    different = sorted(set(task_ids))
    first = different[:EXAMPLES]
    examples = tuple(Example(f"task {task_id}{(why or {}).get(task_id, '')}") for task_id in first)
    return Part(name, len(task_ids), text, used=False, examples=examples, kinds=len(different))


def _people(number: int) -> str:
    return "1 person" if number == 1 else f"{number:,} people"
