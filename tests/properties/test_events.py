"""Whatever happens to events on their way, the votes end up as Label Studio's."""

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from fake_label_studio import ORIGINAL, FakeLabelStudio
from hypothesis import given, settings
from hypothesis import strategies as st
from relabel.service.ingest import carry_out
from relabel.service.receiving import receive
from relabel.service.sweep import sweep_project
from relabel.storage.database import reading
from relabel.storage.projects import get_project
from wiring import connect_project, make_context, publish_round, state_of, votes_of_store

PEOPLE = [1, 2, 3]
CHOICES = ["cat", "dog", "bird", "fish"]
"""The last is no class of the project."""

ANNOTATE = st.tuples(
    st.just("annotate"), st.integers(0, 3), st.sampled_from(PEOPLE), st.sampled_from([*CHOICES, ""])
)
ON_BEHALF = st.tuples(
    st.just("on behalf"),
    st.integers(0, 3),
    st.sampled_from(PEOPLE),
    st.sampled_from(PEOPLE),
    st.sampled_from(CHOICES),
)
SKIP = st.tuples(st.just("skip"), st.integers(0, 3), st.sampled_from(PEOPLE))
CHANGE = st.tuples(
    st.just("change"),
    st.integers(0, 99),
    st.sampled_from([*PEOPLE, ORIGINAL]),
    st.sampled_from([*CHOICES, "", "(skip)"]),
)
"""Most of what there is to change are old labels."""
LEAVE = st.tuples(st.just("leave"), st.sampled_from([*PEOPLE, ORIGINAL]))
LEAVE_ORIGINAL = st.tuples(st.just("leave"), st.just(ORIGINAL))
DELETE = st.tuples(st.just("delete"), st.integers(0, 99))
DELETE_TASK = st.tuples(st.just("delete task"), st.integers(0, 3))
IMPORT = st.tuples(st.just("import"), st.sampled_from([*CHOICES[:3], None]))


def do(fake, number, act):
    """Let a person do something; what is impossible just now is left out."""
    kind, *rest = act
    if fake.deleted & {person for person in rest[1:3] if isinstance(person, int)}:
        return
    tasks = [n for n, t in fake.tasks.items() if t["project"] == number]
    annotations = list(fake.annotations)
    if kind == "import":
        fake.add_tasks(number, rest)
    elif kind in ("annotate", "skip") and tasks:
        task, person, *choice = tasks[rest[0] % len(tasks)], rest[1], *rest[2:]
        fake.annotate(task, person, *filter(None, choice), cancelled=kind == "skip")
    elif kind == "on behalf" and tasks:
        fake.annotate(tasks[rest[0] % len(tasks)], rest[1], rest[3], posted_by=rest[2])
    elif kind == "change" and annotations:
        change(fake, annotations[rest[0] % len(annotations)], *rest[1:])
    elif kind == "leave":
        fake.delete_user(rest[0])
    elif kind == "delete" and annotations:
        fake.delete_annotation(annotations[rest[0] % len(annotations)])
    elif kind == "delete task" and len(tasks) > 1:
        fake.delete_task(tasks[rest[0] % len(tasks)])


def change(fake, annotation, by, what):
    """Change what an annotation says to something that it has not said before.

    Who made it say so again can only be known to somebody who saw it say something else meanwhile.
    """
    told = {text for _, text in fake.said[annotation]}
    # Nor what a label was at first that was imported and changed before anybody read it.
    known = annotation not in fake.initial or fake.annotations[annotation]["task"] in fake.old
    if known and (what or "(0 choices)") not in told:
        choices = [] if what in ("", "(skip)") else [what]
        fake.change(annotation, *choices, by=by, cancelled=what == "(skip)")


def votes(fake, found):
    """Leave out which of those who are gone it was, where nobody can know."""
    gone = {str(ORIGINAL)} if ORIGINAL in fake.deleted else set()
    return {
        (task, "gone" if person in gone or person.startswith("unknown") else person, label)
        for task, person, label in found
    }


def assert_same_votes(context, fake, number):
    mine, theirs = votes_of_store(context, number), fake.votes(number)
    assert votes(fake, mine) == votes(fake, theirs)
    assert len(mine) == len(theirs)


@contextmanager
def project(template, *, published):
    """A fresh connected project of four tasks."""
    folder = Path(tempfile.mkdtemp())
    fake = FakeLabelStudio()
    context = make_context(folder, fake, template)
    try:
        number = fake.add_project(["cat", "dog", "cat", None])
        fake.old = frozenset(fake.tasks)
        connect_project(context, number)
        if published:
            publish_round(context, number, {})
        fake.events.clear()
        yield fake, context, number
    finally:
        context.close()
        shutil.rmtree(folder)


def disturbed(events, data, *, lossy):
    """Return the events shuffled, some of them twice and, if asked for, some lost."""
    copies = [n for n in range(len(events)) for _ in range(data.draw(st.integers(not lossy, 2)))]
    return [events[n] for n in data.draw(st.permutations(copies))]


MANY = settings(max_examples=15, deadline=None)


@MANY
@given(
    acts=st.lists(
        st.one_of(ANNOTATE, ON_BEHALF, SKIP, CHANGE, DELETE, DELETE_TASK, IMPORT, LEAVE_ORIGINAL),
        max_size=12,
    ),
    published=st.booleans(),
    data=st.data(),
)
def test_lost_late_and_repeated_events_are_repaired_by_a_reading(
    store_template, acts, published, data
):
    with project(store_template, published=published) as (fake, context, number):
        for act in acts:
            do(fake, number, act)
        for event in disturbed(fake.events, data, lossy=True):
            receive(context.engine, context.settings, event)
            if data.draw(st.booleans()):
                carry_out(context, number)
        with reading(context.engine) as connection:
            known = get_project(connection, number)
        sweep_project(context, known, full=True)
        assert_same_votes(context, fake, number)
        state = state_of(context, number)
        assert list(state.tasks) == sorted(fake.tasks)
        for task_id, task in state.tasks.items():
            theirs = fake.tasks[task_id]
            assert (task.overlap, task.is_labeled) == (theirs["overlap"], theirs["is_labeled"])


@MANY
@given(
    acts=st.lists(st.one_of(ANNOTATE, ON_BEHALF, CHANGE, SKIP, LEAVE), max_size=12), data=st.data()
)
def test_without_loss_and_deletion_the_votes_are_right_before_anything_is_read(
    store_template, acts, data
):
    with project(store_template, published=False) as (fake, context, number):
        for act in acts:
            do(fake, number, act)
        fake.requests.clear()
        for event in disturbed(fake.events, data, lossy=False):
            receive(context.engine, context.settings, event)
        assert_same_votes(context, fake, number)
        assert fake.requests == []


@MANY
@given(
    acts=st.lists(st.one_of(ANNOTATE, ON_BEHALF, CHANGE, SKIP, DELETE, IMPORT, LEAVE), max_size=10),
    data=st.data(),
)
def test_carrying_out_any_event_reads_the_truth_of_its_tasks(store_template, acts, data):
    """Without loss, no sweep is needed: not even for annotations that are gone."""
    with project(store_template, published=True) as (fake, context, number):
        for act in acts:
            do(fake, number, act)
        for event in disturbed(fake.events, data, lossy=False):
            receive(context.engine, context.settings, event)
        carry_out(context, number)
        assert_same_votes(context, fake, number)


@MANY
@given(
    votes=st.lists(st.sampled_from(CHOICES[:3]), min_size=1, max_size=25),
    person=st.lists(st.sampled_from(PEOPLE), min_size=25, max_size=25),
)
def test_people_who_label_what_they_are_served_always_get_the_best_open_task(
    store_template, votes, person
):
    """The plain button's queue is exact after every single vote."""
    with project(store_template, published=True) as (fake, context, number):
        for choice, who in zip(votes, person, strict=False):
            task = fake.next_task(who)
            mine = {a["task"] for a in fake.annotations.values() if a["completed_by"] == who}
            state = state_of(context, number)
            free = [
                i
                for i, waits in zip(state.tasks, state.unsettled(), strict=True)
                if waits and state.given[list(state.tasks).index(i)] >= 0 and i not in mine
            ]
            scores = {i: state.tasks[i].score for i in fake.open_tasks(number) if i in free}
            if not free:
                assert task is None or task not in free
                break
            assert task == min(scores, key=scores.__getitem__)
            fake.annotate(task, who, choice)
            for event in fake.events:
                receive(context.engine, context.settings, event)
            fake.events.clear()
            carry_out(context, number)
        assert votes_of_store(context, number) == fake.votes(number)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_carrying_out_may_be_repeated_at_no_cost(store_template, times):
    with project(store_template, published=True) as (fake, context, number):
        fake.annotate(fake.next_task(1), 1, "dog")
        for event in fake.events * times:
            receive(context.engine, context.settings, event)
        assert carry_out(context, number) == times
        fake.requests.clear()
        assert carry_out(context, number) == 0
        assert fake.requests == []
