"""More of the audit than the votes give, asked for: who is asked, and that it is let go again."""

import pytest
from relabel.errors import NotReadyError
from relabel.service.audit.turns import audit_rows, turns_of
from relabel.service.commands import ask_for_audit
from relabel.service.insight.consequences import of_auditing
from relabel.service.queue.stop_rule import SETTLED, stop_reason
from relabel.service.sync.catch_up import carry_out
from relabel.service.sync.sweep import forget_sweeps, sweep
from relabel.service.votes.state import Part
from relabel.storage.database import reading
from relabel.storage.projects import get_project
from relabel.storage.task_states import list_turns
from wiring import answer, state_of

TASKS = 12
POLICY = {"window": 2, "audit_share": 0.0, "retrain_after": 1000}


@pytest.fixture
def make(context, in_order):
    """Make a published project of cats, served in the order of their ids, and its audit's order."""

    def made(**policy):
        number = in_order(TASKS, **POLICY | policy)
        state = state_of(context, number)
        return number, state.counts.task_ids[audit_rows(state)].tolist()

    return made


def wish(context, number, tasks):
    """Ask for so many audited tasks as a button does, and let the worker see it."""
    found = of_auditing(context.engine, context.settings, number, tasks)
    for one in found:
        ask_for_audit(context.engine, context.settings, number, one.run)
    carry_out(context, number)
    return found


def waiting(context, number):
    state = state_of(context, number)
    return state.counts.task_ids[turns_of(state).awaited].tolist()


def kept(context, number):
    with reading(context.engine) as connection:
        return list_turns(connection, number)


def test_those_asked_for_are_open_beside_the_window_and_come_first(context, fake, make):
    number, order = make()
    before = set(fake.open_tasks(number))
    (offer,) = wish(context, number, 3)
    assert offer.button == "Ask 3 more audited tasks"
    assert "3 tasks of the audit of the whole project" in offer.effects[0]
    assert "about 6 votes" in offer.effects[0]
    assert waiting(context, number) == order[:3]
    assert set(fake.open_tasks(number)) >= set(order[:2])  # a window of them at a time
    assert set(fake.open_tasks(number)) >= before - set(order)
    assert [answer(context, fake, person, "cat") for person in (1, 2, 1, 2, 1, 2)] == [
        *(order[0], order[0], order[1], order[1], order[2], order[2])
    ]
    assert waiting(context, number) == []
    assert answer(context, fake, 3, "cat") not in order[:3]


def test_each_of_them_tells_what_is_left(context, make):
    """Nothing was kept before: these come now, unlike those that an earlier version has drawn."""
    number, order = make()
    wish(context, number, 3)
    assert [kept(context, number)[task].pool for task in order[:3]] == [12, 11, 10]


def test_the_same_wish_again_asks_for_nothing_more(context, fake, make):
    number, order = make()
    (offer,) = wish(context, number, 3)
    open_now, turns = fake.open_tasks(number), kept(context, number)
    assert wish(context, number, 3) == []
    fake.requests.clear()
    ask_for_audit(context.engine, context.settings, number, offer.run)
    carry_out(context, number)
    assert fake.writes() == []
    assert (fake.open_tasks(number), kept(context, number)) == (open_now, turns)
    for person in (1, 2):
        answer(context, fake, person, "cat")
    ask_for_audit(context.engine, context.settings, number, offer.run)
    carry_out(context, number)
    assert waiting(context, number) == order[1:3]


def test_a_restart_leaves_it_as_it_is(context, fake, make):
    """The wish is carried out by the next sweep, too, and by none twice."""
    number, order = make()
    (offer,) = of_auditing(context.engine, context.settings, number, 3)
    ask_for_audit(context.engine, context.settings, number, offer.run)
    for _ in range(2):
        forget_sweeps(context)
        sweep(context)
        assert waiting(context, number) == order[:3]
        assert set(fake.open_tasks(number)) >= set(order[:2])
        assert list(kept(context, number)) == sorted(order[:3])
        carry_out(context, number)


def test_taken_back_those_with_a_verdict_stay_audited_and_the_others_are_let_go(
    context, fake, make
):
    number, order = make()
    wish(context, number, 5)
    for person in (1, 2, 1):
        answer(context, fake, person, "cat")
    stale = f"{Part.ALL}:0"
    (back,) = wish(context, number, 0)
    assert "4 audited tasks" in back.effects[0]
    assert back.takes_back
    for _ in range(2):
        state = state_of(context, number)
        assert state.counts.task_ids[turns_of(state).rows].tolist() == order[:1]
        assert set(kept(context, number)) == set(order[:5])
        # What a page of long ago wants dropped is audited meanwhile.
        ask_for_audit(context.engine, context.settings, number, stale)
        carry_out(context, number)
    assert order[0] not in fake.open_tasks(number)
    assert wish(context, number, 0) == []
    (again,) = wish(context, number, 2)
    assert again.button == "Ask 2 more audited tasks"
    assert waiting(context, number) == order[1:3]


def test_where_all_is_settled_they_open_the_queue_again(context, fake, make):
    number, order = make()
    for n in range(TASKS):
        assert answer(context, fake, 1 + n % 2, "cat") is not None
    assert stop_reason(state_of(context, number)) == SETTLED
    (offer,) = wish(context, number, 2)
    assert "2 of them say nothing of the wrong labels that are left" in offer.effects[1]
    assert stop_reason(state_of(context, number)) == ""
    assert sorted(fake.open_tasks(number)) == sorted(order[:2])
    assert [answer(context, fake, 3, "cat") for _ in range(2)] == order[:2]
    assert stop_reason(state_of(context, number)) == SETTLED
    assert fake.open_tasks(number) == []


def test_the_budget_rules_and_the_offer_says_so(context, fake, make):
    number, _ = make(budget=1)
    answer(context, fake, 1, "cat")
    (offer,) = wish(context, number, 2)
    assert any("The budget has 0 votes left" in effect for effect in offer.effects)
    assert stop_reason(state_of(context, number)) == "budget of 1 votes spent"
    assert fake.open_tasks(number) == []


def test_a_low_yield_waits_for_those_asked_for(context, fake, make, monkeypatch):
    """It says what the ranking finds, and nothing of what is left."""
    monkeypatch.setattr("relabel.service.queue.stop_rule.RECENT", 3)
    number, order = make(stop_when={"yield": 0.5})
    for person in (1, 1, 1):
        answer(context, fake, person, "cat")
    low = "only 0% of the last 3 tasks were wrong"
    assert stop_reason(state_of(context, number)) == low
    assert fake.open_tasks(number) == []
    wish(context, number, 2)
    assert set(fake.open_tasks(number)) >= set(order[:2])
    while waiting(context, number):
        answer(context, fake, 1, "cat")
        answer(context, fake, 2, "cat")
    assert stop_reason(state_of(context, number)).startswith("only 0%")
    assert fake.open_tasks(number) == []


def test_a_low_yield_waits_for_nobody_who_does_not_come(context, fake, make, monkeypatch):
    """Where everybody at work has answered those asked for, the rest is not opened for it."""
    monkeypatch.setattr("relabel.service.queue.stop_rule.RECENT", 3)
    number, order = make(stop_when={"yield": 0.5})
    for _ in range(3):
        answer(context, fake, 1, "cat")
    wish(context, number, 1)
    while order[0] in fake.open_tasks(number) and fake.next_task(1) == order[0]:
        answer(context, fake, 1, "cat")
    assert waiting(context, number) == order[:1]
    assert stop_reason(state_of(context, number)).startswith("only 0%")


@pytest.mark.parametrize("name", ["", "57", "train:3", ":x", ":-1"])
def test_a_wish_that_names_nothing_is_refused(context, make, name):
    number, _ = make()
    with pytest.raises(NotReadyError, match="names no part of the audit"):
        ask_for_audit(context.engine, context.settings, number, name)
    with reading(context.engine) as connection:
        assert get_project(connection, number).audit_until == {}
