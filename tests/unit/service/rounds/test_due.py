"""What people are told about the next round: computed, and therefore true."""

import re
import time

import pytest
from relabel.service.commands import pause
from relabel.service.insight.consequences import of_undoing
from relabel.service.insight.status import project_status
from relabel.storage.projects import set_project
from relabel.storage.rounds import RoundState, finish_round
from wiring import claim_round, deliver, publish_round


def told(context, number):
    return project_status(context.engine, context.settings, number)["next_round"]


def vote(context, fake, tasks):
    for task in tasks:
        fake.annotate(task, 1, "cat")
    deliver(context, fake)


@pytest.fixture
def running(context, fake, connected):
    """A published project of eight tasks whose next round starts after five votes."""
    number = connected(["cat"] * 8, params="retrain_after = 5")
    publish_round(context, number, {})
    deliver(context, fake)
    return number


def test_the_votes_that_are_there_already_are_counted(context, fake, running):
    ids = list(fake.tasks)
    assert told(context, running) == (
        "The next round starts after 5 more votes (0 of 5 are there)."
    )
    vote(context, fake, ids[:4])
    assert told(context, running) == "The next round starts after 1 more vote (4 of 5 are there)."
    vote(context, fake, ids[4:5])
    assert told(context, running) == (
        "A round is due (5 new votes) and starts when a worker is free."
    )


def test_a_failed_round_says_when_it_is_tried_again(context, fake, running):
    vote(context, fake, list(fake.tasks)[:2])
    current = claim_round(context, running)
    with context.engine.begin() as connection:
        finish_round(connection, current.id, RoundState.FAILED, error="no")
    assert re.fullmatch(
        r"Round 2 failed and is tried again at \d{4}-\d\d-\d\d \d\d:\d\d UTC\.",
        told(context, running),
    )


def test_a_failed_round_whose_time_has_come_is_due(context, running, monkeypatch):
    current = claim_round(context, running)
    with context.engine.begin() as connection:
        finish_round(connection, current.id, RoundState.FAILED, error="no")
    later = time.time() + 3600
    monkeypatch.setattr(time, "time", lambda: later)
    assert "due (round 2 failed)" in told(context, running)


def test_a_paused_project_promises_no_round(context, running):
    pause(context.engine, running)
    assert told(context, running) == "Paused: no round starts, and no task is opened."


@pytest.mark.parametrize(
    ("budget", "words"),
    [(3, "No round starts by itself any more: the budget ends with 1 more vote."), (9, "3 more")],
)
def test_a_budget_that_ends_first_is_told(context, fake, running, budget, words):
    vote(context, fake, list(fake.tasks)[:2])
    with context.engine.begin() as connection:
        set_project(connection, running, extra_params=f"retrain_after = 5\nbudget = {budget}")
    assert words in told(context, running)


def test_what_follows_an_undoing_counts_the_votes_since_that_round(context, fake, running):
    vote(context, fake, list(fake.tasks)[:3])
    (found,) = of_undoing(context.engine, context.settings, running)
    assert found.effects[-1] == (
        "The next round starts after 2 more votes, or when you ask for it."
    )
