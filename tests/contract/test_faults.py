"""What may go wrong between people, Label Studio and the store, and that it is repaired.

Faults of whole processes (SIGKILL, restarts, slowness) are tried in tests/live.
"""

import contextlib
import time
from datetime import timedelta
from email.utils import format_datetime

import httpx
import pytest
import stamina
from relabel.errors import ConfigurationError, RelabelError
from relabel.labelstudio.contract import settings_to_change
from relabel.service.context import Context
from relabel.service.insight.status import project_status
from relabel.service.setup.connect import connect, plan_connect
from relabel.service.sync.catch_up import carry_out
from relabel.service.sync.receive import receive
from relabel.service.sync.sweep import forget_sweeps, sweep
from relabel.storage import database
from relabel.storage.database import reading
from relabel.storage.journal.events import count_events
from relabel.storage.projects import set_project
from relabel.web.app import create_app
from store_template import SQLITE
from wiring import (
    connect_project,
    deliver,
    make_context,
    report,
    state_of,
    votes_of_store,
)
from workers import all_done, until, working

of_sqlite = pytest.mark.skipif(not SQLITE, reason="a lock and a limit that SQLite has")


@pytest.fixture(autouse=True)
def no_pauses():
    with stamina.set_testing(True, attempts=2):
        yield


def sweep_now(context):
    """Sweep although the last sweep has just ended."""
    forget_sweeps(context)
    return sweep(context)


def assert_repaired(context, fake, number):
    """The store says what Label Studio says, the order is in force, nothing is left to do."""
    assert votes_of_store(context, number) == fake.votes(number)
    state = state_of(context, number)
    assert list(state.tasks) == sorted(n for n, t in fake.tasks.items() if t["project"] == number)
    version = fake.projects[number]["model_version"]
    assert version.startswith("relabel-")
    assert settings_to_change(fake.projects[number], version) == {}
    with reading(context.engine) as connection:
        assert count_events(connection, number)[1] == 0
    fake.requests.clear()
    sweep_now(context)
    assert fake.writes() == [], "a repair must end"


# -- Label Studio answers anything but what it should ----------------------------------------
ANSWERS = {
    "401": httpx.Response(401, json={"detail": "Invalid token."}),
    "403": httpx.Response(403, json={"detail": "no"}),
    "429": httpx.Response(429, text="slow down"),
    "500": httpx.Response(500, text="<h1>Server Error (500)</h1>"),
    "502": httpx.Response(502, text="Bad gateway"),
    "truncated JSON": httpx.Response(200, text='{"id": 3, "tit'),
    "empty": httpx.Response(200, text=""),
    "log-in page": httpx.Response(302, headers={"location": "/user/login"}),
    "maintenance page": httpx.Response(200, text="<html>be back soon</html>"),
    "restarting": httpx.ConnectError("connection refused"),
    "too slow": httpx.ReadTimeout("nothing for 120 s"),
    "cut off": httpx.RemoteProtocolError("peer closed connection"),
}


def fail_with(answer):
    def intercept(_request):
        if isinstance(answer, Exception):
            raise answer
        return answer

    return intercept


@pytest.mark.slow
@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("after", [0, 2, 5])
@pytest.mark.parametrize("kind", ["names", "contents"])
def test_whatever_label_studio_answers_no_event_is_lost(context, fake, running, name, after, kind):
    """After some good answers, only this one; until it works again."""
    number, ids = running
    good = iter(range(after))
    fake.intercept = lambda r: None if next(good, None) is not None else fail_with(ANSWERS[name])(r)
    fake.annotate(ids[0], 1, "cat")
    fake.annotate(ids[1], 1, "bird")
    fake.annotate(ids[1], 2, "bird")
    for body in fake.events:
        if kind == "names":
            report(context, body)
        else:
            receive(context.engine, context.settings, body)
    fake.events.clear()
    with contextlib.suppress(RelabelError):
        carry_out(context, number)
    sweep_now(context)
    if kind == "contents":
        assert votes_of_store(context, number) == fake.votes(number), "known at once"
    fake.intercept = lambda _request: None
    sweep_now(context)
    deliver(context, fake)
    assert_repaired(context, fake, number)
    assert set(fake.open_tasks(number)) == {ids[2], ids[3]}


@pytest.mark.parametrize("name", ["500", "truncated JSON", "restarting"])
def test_a_project_is_not_emptied_by_an_answer_that_is_none(context, fake, running, name):
    """Least of all by a listing that could not be read."""
    number, ids = running
    listing = ("/export", "/api/tasks")
    fake.intercept = lambda request: (
        fail_with(ANSWERS[name])(request) if request.url.path.endswith(listing) else None
    )
    fake.add_tasks(number, ["cat"])
    sweep_now(context)
    assert set(state_of(context, number).tasks) >= set(ids)


# -- the store is locked or its disk is full -------------------------------------------------
def send(web, fake):
    """Post all events that wait; return the statuses."""
    statuses = [web.post("/webhook", json=body).status_code for body in fake.events]
    fake.events.clear()
    return statuses


@pytest.fixture
def unguarded(context, running):
    """As if connected before there were secrets: these tests are not about them."""
    number, ids = running
    with context.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE projects SET webhook_digest = ''")
    return number, ids


@of_sqlite
def test_events_are_answered_while_the_store_is_locked_and_read_again_later(
    context, fake, unguarded, monkeypatch
):
    number, ids = unguarded
    monkeypatch.setattr(database, "LOCK_WAIT_SECONDS", 0.1)
    web = create_app(context.settings).test_client()
    fake.events.clear()
    fake.annotate(ids[0], 1, "cat")
    with context.engine.begin():  # holds the write lock
        assert send(web, fake) == [503]
    assert votes_of_store(context, number) != fake.votes(number)
    sweep_now(context)
    assert_repaired(context, fake, number)


@of_sqlite
def test_a_locked_store_keeps_the_worker_waiting_and_does_not_end_it(
    context, fake, running, monkeypatch, caplog
):
    number, ids = running
    monkeypatch.setattr(database, "LOCK_WAIT_SECONDS", 0.1)
    again = make_again(context)
    fake.annotate(ids[0], 1, "cat")
    deliver(context, fake, work=False)
    with working(again):
        with context.engine.begin():
            assert until(lambda: "the store: database is locked" in caplog.text)
        assert until(lambda: all_done(context, number))
    assert_repaired(context, fake, number)
    again.close()


def make_again(context):
    """Open the same store a second time, as another process would."""
    opened = database.connect(context.settings.database())
    return Context(context.settings, opened, context.label_studio)


@pytest.mark.slow
@of_sqlite
def test_events_are_answered_while_the_disk_is_full_and_read_again_later(
    context, fake, unguarded, monkeypatch
):
    number, ids = unguarded
    with reading(context.engine) as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    real = database._prepare_sqlite

    def full(connection, record):
        real(connection, record)
        connection.execute(f"PRAGMA max_page_count = {pages}")

    monkeypatch.setattr(database, "_prepare_sqlite", full)
    web = create_app(context.settings).test_client()
    statuses = []
    for turn in range(400):
        annotation = fake.annotate(ids[turn % 4], 10 + turn, "cat")
        fake.change(annotation, "dog")
        statuses += send(web, fake)
    assert set(statuses) == {201, 503}
    assert statuses[-1] == 503
    assert votes_of_store(context, number) != fake.votes(number)
    sweep_now(context)  # in a process with room
    assert_repaired(context, fake, number)


def test_a_full_disk_ends_the_fetching_of_images_with_its_reason(
    context, fake, running, monkeypatch
):
    """Not as a bad image of the task that happened to be next."""
    from relabel.service.rounds.run import run_round

    number, ids = running
    for task in fake.tasks.values():
        fake.files[task["data"]["image"]] = b"any bytes"

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("relabel.media.image.cache.ImageCache.add", full)
    version = fake.projects[number]["model_version"]
    with pytest.raises(OSError, match="No space left"):
        run_round(context, number)
    assert "No space left" in project_status(context.engine, context.settings, number)["last_error"]
    assert fake.projects[number]["model_version"] == version
    assert fake.next_task(1) == ids[0]
    monkeypatch.undo()


# -- clocks ----------------------------------------------------------------------------------
SKEWS = {"a day behind": -86_400.0, "ten minutes ahead": 600.0, "a year ahead": 365 * 86_400.0}


@pytest.mark.slow
@pytest.mark.parametrize("name", SKEWS)
def test_the_clock_of_this_machine_decides_nothing(context, fake, running, monkeypatch, name):
    number, ids = running
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + SKEWS[name])
    fake.annotate(ids[0], 1, "cat")
    changed = fake.annotate(ids[1], 1, "cat")
    deliver(context, fake)
    fake.change(changed, "bird")
    fake.delete_annotation(min(a for a, b in fake.annotations.items() if b["task"] == ids[2]))
    fake.events.clear()  # lost
    sweep_now(context)
    assert_repaired(context, fake, number)
    monkeypatch.setattr(time, "time", real)  # set right again
    fake.change(changed, "cat")
    fake.events.clear()
    sweep_now(context)
    assert_repaired(context, fake, number)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [-3600, -60, 0, 60, 3600])
@pytest.mark.parametrize("sweeps", [1, 3])
def test_a_clock_of_label_studios_web_server_that_is_off_loses_no_late_change(
    context, fake, running, seconds, sweeps
):
    """Its Date header may come from another machine than the times in its database."""
    number, ids = running

    def tell_time(request):
        if request.url.path != "/api/version":
            return None
        now = fake._moment + timedelta(seconds=seconds)
        return httpx.Response(
            200, json={"release": "1.23.2"}, headers={"Date": format_datetime(now, usegmt=True)}
        )

    fake.intercept = tell_time
    for _ in range(sweeps):
        sweep_now(context)
    fake.annotate(ids[0], 1, "cat")
    fake.events.clear()
    for _ in range(sweeps):
        sweep_now(context)
    if seconds > 60:
        # Far ahead it hides a change whose event was lost, until the whole project is read again.
        with context.engine.begin() as connection:
            set_project(connection, number, read_at=1.0)
        sweep_now(context)
    assert_repaired(context, fake, number)


# -- two backends ----------------------------------------------------------------------------
def test_a_second_backend_is_refused_with_the_reason_and_changes_nothing(
    tmp_path, fake, running, store_template
):
    number, _ = running
    folder = tmp_path / "second"
    folder.mkdir()
    second = make_context(folder, fake, store_template, url="http://elsewhere.test:9090")
    before = fake.picture(number)
    plan = plan_connect(second, number)
    with pytest.raises(
        ConfigurationError,
        match=rf"already connected to another backend at http://relabel\.test:9090\. "
        rf"Detach it there first \(relabel detach --project {number}\)",
    ):
        connect(second, plan)
    assert fake.picture(number) == before
    second.close()


def test_a_backend_that_has_moved_is_no_second_one(context, fake, running):
    number, _ = running
    moved = Context(
        context.settings.model_copy(update={"url": "http://moved.test:9090"}),
        context.engine,
        context.label_studio,
    )
    connect_project(moved, number)
    assert [b["url"] for b in fake.backends.values()] == ["http://moved.test:9090"]
    assert {h["url"] for h in fake.webhooks.values()} >= {"http://moved.test:9090/webhook"}
