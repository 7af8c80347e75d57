"""A round ends within five seconds of being cancelled, wherever it is, and when it has hung."""

import io
import os
import subprocess
import sys
import threading
import time

import httpx
import pytest
from fake_label_studio import URL
from PIL import Image
from relabel.errors import RelabelError, RoundCancelledError
from relabel.service.commands import cancel_round
from relabel.service.rounds import run as rounds_module
from relabel.service.rounds import watchdog as watch_module
from relabel.service.rounds.run import run_round
from relabel.storage.database import reading
from relabel.storage.rounds import list_rounds, running_round, start_round
from served import over_http, served
from store_template import SQLITE
from wiring import connect_project

WITHIN = 5.0


def all_rounds(context, number):
    with reading(context.engine) as connection:
        return list_rounds(connection, number)


def last(context, number):
    return all_rounds(context, number)[-1]


def await_true(condition, seconds=60.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not condition():
        time.sleep(0.25)
    assert condition()


def picture(shade):
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, 0, 0)).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def running(fake, connected):
    """A project whose images are there."""
    number = connected(["cat", "cat", "dog", "dog"] * 3, params='encoder = "tiny"')
    for shade, task in enumerate(fake.tasks.values()):
        fake.files[task["data"]["image"]] = picture(20 * shade)
    return number


PLACES = {
    "reading": lambda request: request.url.path == "/api/tasks",
    "images": lambda request: request.url.path.startswith("/data/"),
    "predictions": lambda request: request.url.path.endswith("/import/predictions"),
}


@pytest.mark.skipif(not SQLITE, reason="the command opens the store of the data folder")
@pytest.mark.slow
@pytest.mark.parametrize("stage", PLACES)
def test_a_cancelled_round_whose_label_studio_does_not_answer_ends_with_its_process(
    context, fake, running, stage
):
    held, answered = threading.Event(), threading.Event()
    imitation = over_http(fake)

    def application(environ, start_response):
        path = environ["PATH_INFO"]
        asked = httpx.Request("GET", f"{URL}{path}")
        if PLACES[stage](asked):
            held.set()
            answered.wait(60)
        return imitation(environ, start_response)

    with served(application) as url:
        try:
            process = start(context, running, url)
            await_true(held.is_set)
            cancel_round(context.engine, running, "round-1")
            await_true(lambda: last(context, running).state == "cancelled", WITHIN)
            code = process.wait(WITHIN)  # taking a large process down takes a busy machine a second
        finally:
            answered.set()
            process.kill()
    assert code == 1
    assert fake.predictions == {} or stage == "predictions"


def start(context, number, url):
    environment = os.environ | {
        "LABEL_STUDIO_URL": url,
        "LABEL_STUDIO_API_KEY": "f" * 40,
        "RELABEL_DATA_DIR": str(context.settings.data_dir),
        "RELABEL_POLICY_FILE": str(context.settings.policy_file),
    }
    command = [sys.executable, "-m", "relabel", "round", "--project", str(number)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)


@pytest.mark.slow
def test_a_cancelled_round_that_does_not_hear_is_ended_and_publishes_nothing(
    context, running, monkeypatch
):
    """As in the midst of one long computation: the store says it at once, and its process ends."""
    ended, release = threading.Event(), threading.Event()

    def work(_context, _project, _current):
        cancel_round(context.engine, running, "round-1")
        release.wait(WITHIN + 3)

    monkeypatch.setattr(rounds_module, "_run", work)
    began = time.monotonic()
    outcome = in_thread(lambda: run_round(context, running, leave=ended.set))
    await_true(ended.is_set, WITHIN)
    assert time.monotonic() - began < WITHIN
    assert last(context, running).state == "cancelled"
    release.set()
    assert isinstance(outcome(), Exception) or outcome() is not None
    assert last(context, running).state == "cancelled"


def in_thread(call):
    """Call in another thread; return what waits for its result or error."""
    found = []

    def work():
        try:
            found.append(call())
        except RelabelError as error:
            found.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()

    def outcome():
        thread.join(10)
        return found[0]

    return outcome


@pytest.fixture
def impatient(monkeypatch):
    """A round may be silent for a second only."""
    monkeypatch.setattr(watch_module, "LOOK_SECONDS", 0.25)
    monkeypatch.setattr(watch_module, "HEARTBEAT_SECONDS", 0.5)
    monkeypatch.setattr(watch_module, "SILENT_SECONDS", 1.0)
    monkeypatch.setattr(watch_module, "GRACE_SECONDS", 0.2)


def impatiently(context):
    from dataclasses import replace

    settings = context.settings.model_copy(update={"request_timeout_seconds": 0.1})
    return replace(context, settings=settings)


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_a_round_that_hangs_gives_no_sign_of_life_and_another_may_start(
    context, running, monkeypatch
):
    release = threading.Event()
    monkeypatch.setattr(rounds_module, "_run", lambda *_: release.wait(20))
    outcome = in_thread(lambda: run_round(impatiently(context), running))
    time.sleep(2.5)  # to look would be to compute, in the same process
    await_true(lambda: [r.state for r in all_rounds(context, running)] == ["failed"], 10)
    assert "made no progress" in last(context, running).error
    with context.engine.begin() as connection:
        assert start_round(connection, running, {}, "other").number == 2
    release.set()
    assert outcome() is not None
    with reading(context.engine) as connection:
        assert [r.state for r in list_rounds(connection, running)] == ["failed", "running"]


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", ["computes", "gets on"])
def test_a_round_that_computes_or_gets_on_lives_however_long_it_takes(
    context, running, monkeypatch, kind
):
    from relabel.service.rounds.progress import RoundProgress

    def work(context, _project, current):
        progress, step = RoundProgress(context, current), 0
        until = time.monotonic() + 2.5
        while time.monotonic() < until:
            step += 1
            if kind == "gets on":
                time.sleep(0.6)
                progress("embed", step, 100)
            else:
                sum(n * n for n in range(50_000))
        with reading(context.engine) as connection:
            seen.append(running_round(connection, running))

    seen = []
    monkeypatch.setattr(rounds_module, "_run", work)
    run_round(impatiently(context), running)
    assert seen[0] is not None
    assert time.time() - seen[0].heartbeat_at < 1.5


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_a_round_that_waits_for_label_studio_ends_with_the_reason_to_end(context, fake, running):
    """In a request, and not after it."""

    def slow(request):
        if request.url.path == "/api/tasks":
            cancel_round(context.engine, running, "round-1")
            time.sleep(1.0)

    fake.intercept = slow
    with pytest.raises(RoundCancelledError):
        run_round(context, running)
    assert last(context, running).state == "cancelled"
    fake.intercept = lambda _request: None
    connect_project(context, running)


@pytest.mark.usefixtures("impatient")
def test_errors_of_a_watched_round_are_its_own(context, running, monkeypatch):
    def work(*_):
        raise RelabelError("of its own")

    monkeypatch.setattr(rounds_module, "_run", work)
    with pytest.raises(RelabelError, match="of its own"):
        run_round(context, running)
