"""When a round is due, and what it leaves behind, whether it ends well or not."""

import pytest
from relabel.errors import (
    LabelStudioDownError,
    NotReadyError,
)
from relabel.service.insight.status import project_status
from relabel.service.queue.publish import publish
from relabel.service.rounds.attempts import RETRY_SECONDS
from relabel.service.rounds.due import round_due_now
from relabel.service.rounds.run import run_round
from relabel.service.sync.sweep import sweep
from relabel.storage.database import reading
from relabel.storage.projects import set_project
from relabel.storage.rounds import RoundState, finish_round, list_rounds
from relabel.types import silent
from wiring import (
    claim_round,
    deliver,
    down,
    judge,
    publish_round,
    writes,
)

pytestmark = pytest.mark.usefixtures("no_pauses")


def test_a_round_that_reached_the_queue_stays_published(context, fake, running, monkeypatch):
    """Only the switch was missing, and the sweep makes it."""
    number, ids = running

    def publish_and_fail(_context, _project, current):
        result = judge(context, number, current, {ids[3]: 0.95})
        fake.intercept = lambda request: (
            down(request)
            if (request.method, request.url.path) == ("PATCH", f"/api/projects/{number}/")
            else None
        )
        publish(context, current, result, {}, silent)

    monkeypatch.setattr("relabel.service.rounds.run._run", publish_and_fail)
    with pytest.raises(LabelStudioDownError):
        run_round(context, number)
    fake.intercept = lambda _request: None
    sweep(context)
    with reading(context.engine) as connection:
        last = list_rounds(connection, number)[-1]
    assert last.state is RoundState.PUBLISHED
    assert fake.projects[number]["model_version"] == last.model_version
    assert fake.next_task(1) == ids[3]


@pytest.mark.parametrize(
    ("error", "state", "text"),
    [
        (OSError(28, "No space left on device"), RoundState.FAILED, "No space left on device"),
        (NotReadyError("Too few labels"), RoundState.NOT_READY, "Too few labels"),
        (KeyboardInterrupt(), RoundState.KILLED, "KeyboardInterrupt"),
    ],
    ids=["full disk", "too few labels", "interrupted"],
)
def test_a_round_that_fails_says_why_and_leaves_the_queue_as_it_was(
    context, fake, running, monkeypatch, error, state, text
):
    number, ids = running

    def fail(*_args):
        raise error

    monkeypatch.setattr("relabel.service.rounds.run._run", fail)
    with pytest.raises(type(error)):
        run_round(context, number)
    assert writes(fake) == []
    assert fake.next_task(1) == ids[0]
    with reading(context.engine) as connection:
        last = list_rounds(connection, number)[-1]
    assert (last.state, text in last.error) == (state, True)
    assert text in project_status(context.engine, context.settings, number)["last_error"]


def test_the_first_round_is_due_at_once(context, connected):
    assert round_due_now(context, connected(["cat", "dog"])) == "no round yet"
    assert round_due_now(context, 999) == ""


def test_the_next_round_is_due_after_enough_new_votes(context, fake, connected):
    number = connected(["cat", "dog", "bird"], params="retrain_after = 2")
    publish_round(context, number, {})
    assert round_due_now(context, number) == ""
    for person in (1, 2):
        fake.annotate(fake.next_task(person), person, "cat")
        deliver(context, fake)
    assert "2 new votes" in round_due_now(context, number)
    publish_round(context, number, {})
    assert round_due_now(context, number) == ""


def test_a_round_is_due_when_asked_for_and_never_while_paused(context, running):
    number, _ = running
    with context.engine.begin() as connection:
        set_project(connection, number, train_requested=True)
    assert round_due_now(context, number) == "asked for"
    with context.engine.begin() as connection:
        set_project(connection, number, paused=True)
    assert round_due_now(context, number) == ""


def test_no_round_is_due_while_one_runs(context, running):
    number, _ = running
    with context.engine.begin() as connection:
        set_project(connection, number, train_requested=True)
    claim_round(context, number)
    assert round_due_now(context, number) == ""


def test_a_failed_round_is_tried_again_after_a_pause(context, running, monkeypatch):
    number, _ = running
    current = claim_round(context, number)
    with context.engine.begin() as connection:
        finish_round(connection, current.id, RoundState.FAILED, error="no labels")
    assert round_due_now(context, number) == ""
    with reading(context.engine) as connection:
        finished = list_rounds(connection, number)[-1].finished_at
    monkeypatch.setattr(
        "relabel.service.rounds.attempts.time.time", lambda: finished + RETRY_SECONDS + 1
    )
    assert "failed" in round_due_now(context, number)
