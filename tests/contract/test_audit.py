"""The audit through Label Studio's queue: who is asked, again if need be, and when that ends."""

import json
from dataclasses import replace

import numpy as np
import pytest
from relabel.service.audit.turns import audit_rows, audited, awaited
from relabel.service.export.export import export_rows
from relabel.service.queue.stop_rule import SETTLED, stop_reason
from relabel.service.queue.undo import undo_run
from relabel.service.sync.catch_up import carry_out
from relabel.service.sync.receive import receive
from relabel.service.sync.sweep import forget_sweeps, sweep
from relabel.storage.database import reading
from relabel.storage.projects import forget_project, set_project
from relabel.storage.task_states import list_turns
from wiring import answer, deliver, publish_round, state_of, writes

TASKS = 12
POLICY = {"window": 2, "audit_share": 0.05, "retrain_after": 1000}


@pytest.fixture
def make(context, in_order):
    """Make a published project of cats, served in the order of their ids, and its audit's order."""

    def made(**policy):
        number = in_order(TASKS, **POLICY | policy)
        state = state_of(context, number)
        return number, state.counts.task_ids[audit_rows(state)].tolist()

    return made


def test_after_the_first_vote_the_first_audited_task_comes_until_two_agree(context, fake, make):
    number, order = make()
    first = next(iter(fake.tasks))
    assert answer(context, fake, 1, "cat") == first
    for person in (2,) if order[0] == first else (2, 3):
        assert answer(context, fake, person, "cat") == order[0]
    state = state_of(context, number)
    assert state.counts.task_ids[audited(state)].tolist() == order[:1]
    assert order[0] not in fake.open_tasks(number)


def test_a_settled_task_is_opened_again_and_closed_by_its_verdict(context, fake, make):
    """Two people settle everything; no label has been said by two new ones."""
    number, order = make(audit_share=0.0)
    for n in range(TASKS):
        assert answer(context, fake, 1 + n % 2, "cat") is not None
    assert stop_reason(state_of(context, number)) == SETTLED
    assert fake.open_tasks(number) == []
    with context.engine.begin() as connection:
        set_project(connection, number, extra_params=json.dumps(POLICY))
    forget_sweeps(context)
    sweep(context)
    state = state_of(context, number)
    waiting = state.counts.task_ids[awaited(state)].tolist()
    assert waiting == order[:2]  # 12 votes at .05, four times as early, two votes each
    assert sorted(fake.open_tasks(number)) == sorted(waiting)
    assert [answer(context, fake, 3, "cat") for _ in waiting] == waiting
    assert answer(context, fake, 3, "cat") is None
    state = state_of(context, number)
    assert fake.open_tasks(number) == []
    done = state.counts.task_ids[audited(state)].tolist()
    assert done == order[: len(done)]
    assert len(done) == 2
    assert stop_reason(state) == SETTLED
    rows = {row.task_id: row for row in export_rows(context, number)[1]}
    assert {n for n, row in rows.items() if row.audit} == set(done)


def test_the_order_alone_changes_where_tasks_are_left_alone(context, fake, make):
    """queue = "view": no task is opened or closed, the audited one has the first score."""
    number, order = make(queue="view")
    task = next(n for n in fake.tasks if n != order[0])
    fake.requests.clear()
    fake.annotate(task, 1, "cat")
    deliver(context, fake)
    assert not [path for method, path in writes(fake) if path.startswith("/api/tasks/")]
    state = state_of(context, number)
    scores = dict(zip(state.places.task_ids.tolist(), state.places.score.tolist(), strict=True))
    assert min(scores, key=scores.__getitem__) == order[0]


def test_who_works_alone_is_asked_once_for_each_audited_task(context, fake, make):
    number, order = make(solo=True, audit_share=0.25)
    served = []
    while (task := answer(context, fake, 1, "cat")) is not None:
        served.append(task)
    assert sorted(served) == sorted(fake.tasks)
    state = state_of(context, number)
    assert state.counts.task_ids[audited(state)].tolist() == order


def kept(context, number):
    with reading(context.engine) as connection:
        return list_turns(connection, number)


def spend(context, fake, order, votes, choice="cat"):
    """Let so many people answer the last tasks of the order, one each."""
    for n in range(votes):
        fake.annotate(order[-1 - n], 1, choice)
        deliver(context, fake)


def test_what_is_known_at_a_turn_is_kept_before_the_task_is_answered(context, fake, make):
    """The doubt of its old label, and on average of all that have had no turn by then."""
    number, order = make(audit_share=0.5, window=50)
    doubt = {task: 0.9 - 0.02 * n for n, task in enumerate(fake.tasks)}
    spend(context, fake, order, 3)
    found = kept(context, number)
    assert set(found) == set(order[:3])
    first, second, third = (found[task] for task in order[:3])
    # It is not known how long ago the first turn of all came.
    assert (first.doubt, first.rest, first.pool) == (0, 0, -1)
    for place, turn in ((1, second), (2, third)):
        assert turn.doubt == pytest.approx(doubt[order[place]], abs=1e-6)
        rest = np.mean([doubt[task] for task in order[place:]])
        assert turn.rest == pytest.approx(rest, abs=1e-6)
    # One task of the queue was settled by each vote, and one or two had had their turn before.
    assert (second.pool, third.pool) == (12 - 2 - 1, 12 - 3 - 2)


def test_what_is_kept_stays_whatever_comes_later(context, fake, make):
    """Votes changed, deleted, told twice and out of order; another round, and its undoing."""
    number, order = make(audit_share=0.5, window=50)
    spend(context, fake, order, 3)
    before = kept(context, number)
    answered = [fake.annotate(task, person, "dog") for task in order[:3] for person in (2, 3)]
    events, fake.events = fake.events[::-1], []
    for event in [*events, *events]:
        receive(context.engine, context.settings, event)
    carry_out(context, number)
    fake.delete_annotation(answered[0])
    deliver(context, fake)
    again = publish_round(context, number, dict.fromkeys(order, 0.3))
    undo_run(context, number, again.run)
    forget_sweeps(context)
    sweep(context)
    after = kept(context, number)
    # What the votes first made of each is kept once, and was not known before.
    expected = {task: replace(one, changed=True) for task, one in before.items()}
    assert {task: after[task] for task in before} == expected
    assert set(after) > set(before)


def test_a_deleted_task_and_a_forgotten_project_leave_nothing(context, fake, make):
    number, order = make(audit_share=0.5, window=50)
    spend(context, fake, order, 3)
    fake.delete_task(order[1])
    deliver(context, fake)
    assert order[1] not in kept(context, number)
    with context.engine.begin() as connection:
        forget_project(connection, number)
    assert kept(context, number) == {}
