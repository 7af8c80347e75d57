"""Any mixture of odd labels, annotations, people and images balances the books of a project."""

from collections import Counter

import odd_projects
import pytest
from fake_label_studio import CONFIG
from hypothesis import given
from hypothesis import strategies as st
from relabel.policy import Policy
from relabel.service.books.accounts import project_accounts
from relabel.service.connected import Connected, schema_of
from relabel.service.votes.state import count_state
from relabel.storage.annotations import Annotation, Kind
from relabel.storage.projects import Project
from relabel.storage.tasks import Task

NOW = "2026-01-01T00:00:00Z"
NO_VOTE = {"skipped", "no_answer", "unknown_class", "unreadable", "replaced", "ignored"}


def projects():
    return odd_projects.projects().map(lambda drawn: count_state(*drawn))


@pytest.mark.slow
@given(projects(), st.integers(0, 9))
def test_the_books_balance_and_name_whatever_is_not_used(state, newest):
    accounts = project_accounts(state, newest)
    assert {book.name: book.total for book in accounts.books} == {
        "tasks": len(state.tasks),
        "images": len(state.tasks),
        "labels": sum(a.initial for a in state.answers),
        "answers": sum(not a.initial for a in state.answers),
    }
    text = "\n".join(accounts.lines())
    for name, initial in (("labels", True), ("answers", False)):
        book = accounts.book(name)
        said = Counter(a.outcome.replace(" ", "_") for a in state.answers if a.initial is initial)
        assert {p.name: p.count for p in book.left_out} == {n: said[n] for n in NO_VOTE & {*said}}
        used = sum(part.count for part in book.parts if part.used)
        assert used == sum(a.counts for a in state.answers if a.initial is initial)
    unknown = {a.choice for a in state.answers if a.outcome == "unknown class"}
    assert all(f'"{choice}"' in text for choice in unknown)  # fewer than are cut


@pytest.mark.slow
@given(projects())
def test_a_task_that_can_never_be_served_is_left_out_by_name(state):
    book = project_accounts(state, 0).book("tasks")
    never = sum(
        bool(task.problem) or not votes.any()
        for task, votes, unsettled in zip(
            state.tasks.values(), state.counts.votes, state.unsettled(), strict=True
        )
        if unsettled
    )
    assert book.count("no_image") + book.count("unlabelled") == never


def test_a_defect_in_the_counting_would_be_seen():
    """The property can fail: an answer of an outcome without a part breaks the books."""
    from relabel.errors import InvalidValuesError
    from relabel.service.books import accounts

    task = Task(1, "/1.png", 1, False, "", 1, False)
    project = Project(1, "", "Odd", CONFIG, "", "2026", {})
    skip = Annotation(1, 1, "1", Kind.CANCELLED, "", NOW, NOW)
    connected = Connected(project, Policy(), schema_of(project, Policy()))
    state = count_state(connected, {1: task}, [skip])
    parts = dict(accounts.LEFT_OUT)
    with pytest.MonkeyPatch.context() as patch:
        parts.pop(next(outcome for outcome in parts if outcome == "skipped"))
        patch.setattr(accounts, "LEFT_OUT", parts)
        with pytest.raises(InvalidValuesError, match="does not balance"):
            project_accounts(state, 0)
