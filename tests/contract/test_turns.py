"""Nobody waits for a project that somebody else is changing: not other projects, and not for long.

The rule: threads of a worker never wait for a project's lock, they come back; long work gives the
lock away every few writes; and a thread is always left for votes.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest
from fake_label_studio import URL
from relabel.errors import QueueBusyError
from relabel.labelstudio.client import LabelStudio
from relabel.service import worker as worker_module
from relabel.service.context import Context
from relabel.service.export.export import write_back
from relabel.service.queue.undo import undo_run
from relabel.service.setup.detach import detach
from relabel.service.sync.receive import receive
from relabel.service.sync.sweep import forget_sweeps, sweep
from relabel.service.worker import VOTE_THREADS
from relabel.storage.database import reading
from relabel.storage.journal.events import count_events
from relabel.storage.locks import PATIENCE_SECONDS, queue_lock
from wiring import TOKEN, deliver, publish_round
from workers import working

SOON = 2.0
"""Seconds; a vote is carried out in a tenth of that."""


@pytest.fixture
def published(fake, context, connected):
    """Return a function that makes a project with an order: published(4) -> number, task ids."""

    def make(tasks, params=None):
        known = set(fake.tasks)
        number = connected(["cat", "dog"] * (tasks // 2), params)
        publish_round(context, number, {})
        deliver(context, fake)
        return number, sorted(set(fake.tasks) - known)

    return make


def one_by_one(answer):
    """Let the imitated Label Studio answer one request at a time."""
    guard = threading.Lock()

    def guarded(request):
        with guard:
            return answer(request)

    return guarded


@pytest.fixture
def own(context, fake):
    """What a worker opens for itself; the imitated Label Studio answers it one by one."""
    client = LabelStudio(URL, TOKEN, transport=httpx.MockTransport(one_by_one(fake.answer)))
    return Context(context.settings, context.engine, client)


def vote(context, fake, task, person):
    """Submit a label; its event is journalled, as the web process does."""
    fake.annotate(task, person, "bird")
    for event in fake.events:
        receive(context.engine, context.settings, event)
    fake.events.clear()


def is_done(context, number):
    with reading(context.engine) as connection:
        return count_events(connection, number)[1] == 0


def seconds_until(reached):
    """Wait until it is so; return how long that took, at most twice `SOON`."""
    began = time.monotonic()
    while not reached() and time.monotonic() - began < 2 * SOON:
        time.sleep(0.02)
    return time.monotonic() - began


def test_votes_in_a_project_that_is_being_changed_keep_no_other_project_waiting(
    context, fake, own, published
):
    one, tasks = published(6)
    other, others = published(4)
    with working(own):
        with queue_lock(context.engine, context.settings.data_dir, one):
            for person in range(1, 2 * VOTE_THREADS + 1):
                vote(context, fake, tasks[person % 6], person % 8 + 1)
            vote(context, fake, others[0], 1)
            assert seconds_until(lambda: is_done(context, other)) < SOON
            assert not is_done(context, one)
        assert seconds_until(lambda: is_done(context, one)) < SOON, "somebody comes back"


def test_however_much_else_there_is_to_do_a_thread_is_left_for_votes(
    context, fake, own, published, monkeypatch
):
    number, tasks = published(4)
    busy, ended = [], threading.Event()

    def endless(*_):
        busy.append(1)
        return ended.wait(3 * SOON) and []

    for name in ("remove_old_predictions", "sweep", "run_in_process"):
        monkeypatch.setattr(worker_module, name, endless)
    monkeypatch.setattr(worker_module, "round_due_now", lambda *_: "asked for")
    with working(own) as worker:
        for other in (number, *range(1_000, 1_010)):
            worker._rounds.offer(other)
            worker._tidying.offer(other)
        assert seconds_until(lambda: len(busy) == 3) < SOON
        vote(context, fake, tasks[0], 1)
        assert seconds_until(lambda: is_done(context, number)) < SOON
        ended.set()


def test_a_worker_that_sweeps_passes_over_a_project_that_is_being_changed(context, fake, published):
    one, _ = published(4)
    other, others = published(4)
    fake.annotate(others[0], 1, "bird")
    fake.events.clear()
    forget_sweeps(context)
    with queue_lock(context.engine, context.settings.data_dir, one):
        began = time.monotonic()
        assert [project.id for project in sweep(context)] == [other]
        assert time.monotonic() - began < SOON
    assert is_done(context, other)


@contextmanager
def slowed(fake):
    """Let Label Studio need a while for each change of a task."""

    def intercept(request):
        if request.method == "PATCH" and "/tasks/" in request.url.path:
            time.sleep(0.02)

    fake.intercept = intercept
    yield
    fake.intercept = lambda _request: None


def changed(fake):
    return sum(method == "PATCH" and "/tasks/" in path for method, path, _ in fake.requests)


def settle(context, fake, ids):
    for task in ids:
        for person in (1, 2):
            fake.annotate(task, person, "bird")
    deliver(context, fake)


LONG = {
    "writing labels back": write_back,
    "undoing that": lambda context, number: undo_run(context, number, "write-back"),
    "detaching": detach,
}


@pytest.mark.slow
@pytest.mark.parametrize("work", LONG)
def test_long_work_gives_the_lock_away_in_between(context, fake, published, work):
    number, ids = published(24, "window = 24")  # all are open, and have to be given back
    if work != "detaching":
        settle(context, fake, ids)
    if work == "undoing that":
        write_back(context, number)
    fake.requests.clear()
    with slowed(fake), ThreadPoolExecutor() as pool:
        ending = pool.submit(LONG[work], context, number)
        seconds_until(lambda: changed(fake) > 2)
        with queue_lock(context.engine, context.settings.data_dir, number, patience=1.0):
            had = changed(fake)
            time.sleep(0.1)
            assert changed(fake) == had, "nobody else writes meanwhile"
        ending.result()
    assert changed(fake) >= had + 10


def test_who_does_not_get_the_lock_says_so(context, published):
    number, _ = published(2)
    with (
        queue_lock(context.engine, context.settings.data_dir, number),
        pytest.raises(QueueBusyError, match=f"changing the queue of project {number}"),
        queue_lock(context.engine, context.settings.data_dir, number, patience=PATIENCE_SECONDS),
    ):
        pass
