"""Jobs reach a worker through SQLite and through Redis alike, and nothing but jobs does."""

import contextlib
import json
import math
import os
import pickle
import subprocess
import sys
import time

import pytest
from postgresql import MissingError
from redis_server import running_redis
from relabel.service import jobs as jobs_module
from relabel.service.jobs import open_queue, register_jobs
from relabel.service.rounds import process
from wiring import make_settings


@pytest.fixture(scope="module")
def redis():
    try:
        with running_redis() as address:
            yield address
    except MissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture(params=["sqlite", "redis"])
def queue_url(request):
    return "" if request.param == "sqlite" else request.getfixturevalue("redis")


@pytest.fixture
def settings(tmp_path, queue_url):
    made = make_settings(tmp_path, queue_url=queue_url)
    open_queue(made).flush()
    return made


class Process:
    """What web and worker processes have of the queue; jobs are only noted down."""

    def __init__(self, settings, monkeypatch):
        self.done = []
        monkeypatch.setattr(
            jobs_module, "carry_out", lambda _, n, **_k: self.done.append(("ingest", n))
        )
        monkeypatch.setattr(jobs_module, "round_due_now", lambda *_: "")
        monkeypatch.setattr(jobs_module, "prune_daily", lambda _: None)
        monkeypatch.setattr(jobs_module, "sweep_all", lambda _: self.done.append(("sweep",)) or [])
        monkeypatch.setattr(
            process.subprocess, "run", lambda c, **_: self.done.append(("round", c[-2]))
        )
        self.queue = open_queue(settings)
        self.jobs = register_jobs(self.queue, lambda: None)

    def work(self):
        """Carry out one job; return whether there was one."""
        task = self.queue.dequeue()
        if task is not None:
            self.queue.execute(task)
        return task is not None


@pytest.fixture
def web(settings, monkeypatch):
    return Process(settings, monkeypatch)


@pytest.fixture
def worker(settings, monkeypatch):
    return Process(settings, monkeypatch)


def test_votes_are_carried_out_first_and_the_rest_in_the_order_of_asking(web, worker):
    web.jobs.round(3)
    web.jobs.sweep()
    web.jobs.ingest(3)
    web.jobs.ingest(4)
    assert worker.jobs.waiting() == 4
    while worker.work():
        pass
    # What a round leaves behind is carried out after it, before the rest.
    done = [("ingest", 3), ("ingest", 4), ("round", "3"), ("ingest", 3), ("sweep",)]
    assert worker.done == done
    assert web.jobs.waiting() == 0


class Payload:
    """Pickled, it is a command that runs wherever it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (self.mark,)


@pytest.mark.parametrize("kind", ["pickle", "unknown job", "no object"])
def test_what_somebody_else_writes_into_the_queue_is_never_run(web, worker, tmp_path, kind):
    mark = tmp_path / "executed"
    forged = {
        "pickle": pickle.dumps(Payload(str(mark))),
        "unknown job": json.dumps({"id": "1", "name": "os.mkdir", "args": [str(mark)]}).encode(),
        "no object": b"[1, 2",
    }
    web.queue.storage.enqueue(forged[kind], 999)
    web.jobs.ingest(5)
    with contextlib.suppress(Exception):  # a worker logs it and goes on
        worker.work()
    assert worker.work()
    assert worker.done == [("ingest", 5)]
    assert not mark.exists()


def test_a_round_is_started_by_number_only(web, worker):
    web.jobs.round(7)
    (written,) = web.queue.storage.enqueued_items(1)
    web.queue.flush()
    web.queue.storage.enqueue(written.replace(b"[7]", b'["7 --help"]'), 0)
    assert worker.work()
    assert worker.done == []


@contextlib.contextmanager
def worker_process(settings):
    """A worker with Label Studio away and nothing connected: jobs are taken all the same."""
    environment = {
        "RELABEL_DATA_DIR": str(settings.data_dir),
        "RELABEL_QUEUE_URL": settings.queue_url,
        "LABEL_STUDIO_URL": "http://127.0.0.1:9",
        "LABEL_STUDIO_API_KEY": "x" * 40,
        "PATH": os.environ["PATH"],
    }
    process = subprocess.Popen([sys.executable, "-m", "relabel", "worker"], env=environment)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


def await_empty(web):
    deadline = time.monotonic() + 90
    while web.jobs.waiting() != 0 and time.monotonic() < deadline:
        time.sleep(0.1)
    return web.jobs.waiting() == 0


def test_a_worker_process_takes_jobs_from_the_queue(web, settings):
    for number in (1, 2, 3):
        web.jobs.ingest(number)
    with worker_process(settings) as process:
        assert await_empty(web)
        assert process.poll() is None


def test_workers_outlive_a_restart_of_redis(tmp_path, monkeypatch):
    try:
        with running_redis() as address:
            settings = make_settings(tmp_path, queue_url=address)
            web = Process(settings, monkeypatch)
            web.jobs.ingest(1)
            with worker_process(settings) as process:
                assert await_empty(web)
                process_goes_on_without_redis(address, web, process)
    except MissingError as missing:
        pytest.skip(str(missing))


def process_goes_on_without_redis(address, web, process):
    web.queue.storage.conn.shutdown(nosave=True)
    web.jobs.ingest(2)  # nobody to ask: the store keeps the event
    assert math.isnan(web.jobs.waiting())
    time.sleep(1.0)
    assert process.poll() is None
    with running_redis(int(address.rsplit(":", 1)[1].split("/")[0])):
        web.jobs.ingest(3)
        assert await_empty(web)
        assert process.poll() is None


def test_a_queue_that_is_away_stops_nobody(tmp_path, monkeypatch, caplog):
    web = Process(make_settings(tmp_path, queue_url="redis://127.0.0.1:9/0"), monkeypatch)
    web.jobs.ingest(3)
    assert "no job can be queued, the next sweep does it" in caplog.text
    assert math.isnan(web.jobs.waiting())
