"""A round that was given up for dead, and wakes: another one may have published meanwhile."""

import time

import pytest
from relabel.errors import RoundLostError
from relabel.service.queue import publish as publish_module
from relabel.service.queue.publish import publish
from relabel.service.queue.undo import undo_run
from relabel.service.rounds import run as rounds_module
from relabel.service.rounds.progress import RoundProgress
from relabel.service.rounds.run import run_round
from relabel.storage.database import reading
from relabel.storage.rounds import (
    STALE_SECONDS,
    RoundState,
    finish_round,
    list_rounds,
    set_round,
    start_round,
)
from relabel.storage.tables import rounds
from relabel.types import silent
from sqlalchemy import update
from wiring import claim_round, deliver, judge, publish_round

SUSPENDED = STALE_SECONDS + 10


@pytest.fixture
def ordered(context, fake, connected):
    """A project of four tasks after one round; (number, task ids)."""
    number = connected(["cat", "dog", "bird", "cat"])
    ids = sorted(fake.tasks)
    publish_round(context, number, {ids[0]: 0.9, ids[1]: 0.8})
    deliver(context, fake)
    return number, ids


def suspend(context, current):
    """Let the round's last sign of life be long ago, as if its laptop had been closed."""
    with context.engine.begin() as connection:
        long_ago = time.time() - SUSPENDED
        connection.execute(
            update(rounds).where(rounds.c.id == current.id).values(heartbeat_at=long_ago)
        )


def states(context, number):
    with reading(context.engine) as connection:
        return [r.state for r in list_rounds(connection, number)]


def test_a_round_that_wakes_after_another_was_published_writes_nothing(context, fake, ordered):
    number, ids = ordered
    dead = claim_round(context, number)
    judged = judge(context, number, dead, {ids[3]: 0.99})
    suspend(context, dead)
    publish_round(context, number, {ids[2]: 0.95})
    deliver(context, fake)
    picture = fake.picture(number)
    fake.requests.clear()
    with pytest.raises(RoundLostError, match="Round 2 of project"):
        publish(context, dead, judged, {}, silent)
    assert fake.writes() == []
    assert fake.picture(number) == picture
    assert states(context, number) == ["published", "killed", "published"]


@pytest.mark.slow
@pytest.mark.parametrize("place", ["predictions", "opening tasks", "the switch"])
@pytest.mark.parametrize("opened_before", [True, False])
def test_a_round_that_was_suspended_while_it_published_stops_before_its_next_write(
    context, fake, ordered, connected, monkeypatch, place, opened_before
):
    """Its predictions are shown to nobody and removed with those of other dead rounds."""
    number, ids = ordered
    if not opened_before:
        number = connected(["cat", "dog", "bird", "cat"])
        ids = sorted(i for i, t in fake.tasks.items() if t["project"] == number)
    monkeypatch.setattr(publish_module, "BATCH", 2)
    monkeypatch.setattr(publish_module, "CHUNK", 1)
    dead = claim_round(context, number)
    judged = judge(context, number, dead, {ids[2]: 0.99, ids[3]: 0.98})
    progress = RoundProgress(context, dead)
    slept = []

    def another_round_takes_over(request):
        path = {
            "predictions": ("POST", f"/api/projects/{number}/import/predictions"),
            "opening tasks": ("PATCH", f"/api/tasks/{ids[2]}/"),
            "the switch": ("PATCH", f"/api/tasks/{ids[3]}/"),
        }[place]
        if (request.method, request.url.path) == path and not slept:
            slept.append(fake.answer)
            answer = fake.answer(request)
            suspend(context, dead)
            with context.engine.begin() as connection:
                start_round(connection, number, {}, "other")
            slept.append(len(fake.writes()))
            return answer
        return None

    fake.intercept = another_round_takes_over
    with pytest.raises(RoundLostError):
        publish(context, dead, judged, {}, progress)
    assert slept
    assert len(fake.writes()) == slept[1]
    assert fake.projects[number]["model_version"] != dead.model_version or not opened_before
    assert states(context, number)[-2:] == ["killed", "running"]


@pytest.mark.slow
@pytest.mark.parametrize("end", ["returns", "fails", "is not ready", "is cancelled"])
def test_what_becomes_of_a_round_that_was_replaced_changes_no_state(
    context, ordered, monkeypatch, end
):
    from relabel.errors import NotReadyError, RoundCancelledError

    number, _ = ordered
    errors = {
        "fails": OSError(28, "No space left on device"),
        "is not ready": NotReadyError("Too few"),
        "is cancelled": RoundCancelledError("cancelled"),
    }

    def work(_context, _project, current, **_):
        suspend(context, current)
        with context.engine.begin() as connection:
            start_round(connection, number, {}, "other")
        if end in errors:
            raise errors[end]
        RoundProgress(context, current)("predictions", 0, 4)

    monkeypatch.setattr(rounds_module, "_run", work)
    with pytest.raises(RoundLostError if end == "returns" else type(errors[end])):
        run_round(context, number)
    assert states(context, number) == ["published", "killed", "running"]


def test_a_state_changes_only_from_the_one_that_is_claimed(context, ordered):
    number, _ = ordered
    with reading(context.engine) as connection:
        (published,) = list_rounds(connection, number)
    for change in (
        lambda c: set_round(c, published.id, done=3),
        lambda c: finish_round(c, published.id, RoundState.FAILED, error="late"),
        lambda c: finish_round(c, published.id, RoundState.PUBLISHED),
    ):
        with pytest.raises(RoundLostError), context.engine.begin() as connection:
            change(connection)
    assert states(context, number) == ["published"]
    undo_run(context, number, "round-1")
    assert states(context, number) == ["undone"]
