"""Whatever happens to events on their way, the votes end up as Label Studio's."""

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from acts import (
    ANNOTATE,
    CHANGE,
    CHOICES,
    DELETE,
    DELETE_TASK,
    IMPORT,
    LEAVE,
    LEAVE_ORIGINAL,
    ON_BEHALF,
    PEOPLE,
    SKIP,
    assert_same_votes,
    do,
)
from fake_label_studio import FakeLabelStudio
from hypothesis import given, settings
from hypothesis import strategies as st
from relabel.service.sync.catch_up import carry_out
from relabel.service.sync.receive import receive
from relabel.service.sync.sweep import sweep_project
from relabel.storage.database import reading
from relabel.storage.projects import get_project
from wiring import connect_project, make_context, publish_round, state_of, votes_of_store


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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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
        carry_out(context, number)  # that it was connected
        fake.annotate(fake.next_task(1), 1, "dog")
        for event in fake.events * times:
            receive(context.engine, context.settings, event)
        assert carry_out(context, number).events == times
        fake.requests.clear()
        assert carry_out(context, number).events == 0
        assert fake.requests == []
