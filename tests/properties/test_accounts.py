"""Any mixture of odd labels, annotations, people and images balances the books of a project."""

from collections import Counter

import pytest
from fake_label_studio import CONFIG
from hypothesis import given
from hypothesis import strategies as st
from relabel.policy import Policy
from relabel.service.books.accounts import project_accounts
from relabel.service.connected import Connected, schema_of
from relabel.service.queue.state import count_state
from relabel.storage.annotations import Annotation, Kind
from relabel.storage.projects import Project
from relabel.storage.tasks import Task

CHOICES = ("cat", "dog", "bird", "Dog", "bird ", "0.0", "😀", "cannot tell")
PEOPLE = ("1", "2", "3", "")
MOMENTS = tuple(f"2026-01-01T00:00:{second:02d}Z" for second in range(60))
PROBLEMS = ("", "", "", "/data/upload/1/a.png: answered 404", "cannot be decoded")
NO_VOTE = {"skipped", "no_answer", "unknown_class", "unreadable", "replaced", "ignored"}

kinds = st.sampled_from([Kind.LABEL, Kind.LABEL, Kind.LABEL, *Kind])
tasks = st.lists(
    st.tuples(st.sampled_from(PROBLEMS), st.sampled_from(["", *CHOICES])), min_size=1, max_size=8
)


@st.composite
def annotations(draw, n_tasks):
    found = []
    for number in range(1, draw(st.integers(0, 24)) + 1):
        kind, first_kind = draw(kinds), draw(kinds)
        initial = draw(st.booleans())
        choice = draw(st.sampled_from(CHOICES)) if kind is Kind.LABEL else ""
        first = draw(st.sampled_from(CHOICES)) if first_kind is Kind.LABEL else ""
        made, saved = sorted(draw(st.tuples(*[st.sampled_from(MOMENTS)] * 2)))
        found.append(
            Annotation(
                annotation_id=number,
                task_id=draw(st.integers(1, n_tasks)),
                annotator=draw(st.sampled_from(PEOPLE)),
                kind=kind,
                choice=choice,
                created_at=made,
                updated_at=saved,
                editor=draw(st.sampled_from(["", "", "2", "4"])),
                initial=initial,
                initial_kind=str(first_kind) if initial else "",
                initial_choice=first if initial else "",
                initial_at=made if initial else "",
            )
        )
    return found


@st.composite
def projects(draw):
    drawn = draw(tasks)
    policy = Policy(
        initial=draw(st.sampled_from(["annotations", "data:old"])),
        overwritten=draw(st.sampled_from(["editor", "author", "ignore"])),
        cannot_tell=draw(st.sampled_from(["", "cannot tell"])),
        classes=draw(st.sampled_from([{}, {"Dog": "dog"}])),
        max_votes=draw(st.sampled_from([2, 3, 10])),
        solo=draw(st.booleans()),
    )
    named = policy.initial != "annotations"
    known = {
        i: Task(i, f"/{i}.png", 1, False, "", 1, False, given=given if named else "", problem=why)
        for i, (why, given) in enumerate(drawn, start=1)
    }
    skip_queue = draw(st.sampled_from(["REQUEUE_FOR_OTHERS", "REQUEUE_FOR_ME", "IGNORE_SKIPPED"]))
    project = Project(1, "", "Odd", CONFIG, "", "2026", {}, skip_queue=skip_queue)
    connected = Connected(project, policy, schema_of(project, policy))
    return count_state(connected, known, draw(annotations(len(known))))


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
    skip = Annotation(1, 1, "1", Kind.CANCELLED, "", MOMENTS[0], MOMENTS[0])
    connected = Connected(project, Policy(), schema_of(project, Policy()))
    state = count_state(connected, {1: task}, [skip])
    parts = dict(accounts.LEFT_OUT)
    with pytest.MonkeyPatch.context() as patch:
        parts.pop(next(outcome for outcome in parts if outcome == "skipped"))
        patch.setattr(accounts, "LEFT_OUT", parts)
        with pytest.raises(InvalidValuesError, match="does not balance"):
            project_accounts(state, 0)
