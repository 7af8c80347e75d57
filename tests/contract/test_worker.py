"""Workers share what stands in the store, and lose nothing: on SQLite and on PostgreSQL alike."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from fake_label_studio import URL
from postgresql import MissingError, running_postgresql
from relabel.errors import LabelStudioError
from relabel.labelstudio.client import LabelStudio
from relabel.service import commands
from relabel.service import worker as worker_module
from relabel.service.context import Context
from relabel.service.sync.receive import receive
from relabel.service.sync.sweep import forget_sweeps, sweep
from relabel.storage.database import connect, open_database
from relabel.storage.journal import wakeups
from relabel.storage.journal.events import Action, journal
from relabel.storage.projects import set_project
from served import over_http, served
from sqlalchemy import create_engine
from werkzeug.wrappers import Request
from wiring import TOKEN, connect_project, make_settings, tried, votes_of_store
from workers import all_done, rest, until, working

SOON = 4.0
"""Seconds; what is told at once is carried out in a tenth of that."""


@pytest.fixture(scope="module")
def postgresql():
    try:
        with running_postgresql() as address:
            yield address
    except MissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request, tmp_path):
    """Return the address of a new store."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/shared.sqlite3"
    server = request.getfixturevalue("postgresql")
    name = f"new{time.monotonic_ns()}"
    engine = create_engine(f"{server}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return f"{server}/{name}"


@pytest.fixture
def machine(store, tmp_path, fake):
    """Return a function that opens all that a worker on one more machine has."""
    open_database(store).dispose()
    guard = threading.Lock()

    def answer(request):
        with guard:
            return fake.answer(request)

    with ExitStack() as opened:

        def make(**values):
            settings = make_settings(tmp_path, database_url=store, **values)
            client = LabelStudio(URL, TOKEN, transport=httpx.MockTransport(answer))
            made = Context(settings, connect(store), client, trial=tried)
            opened.callback(made.close)
            return made

        yield make


@pytest.fixture
def context(machine):
    return machine()


@pytest.fixture
def projects(context, fake, monkeypatch):
    """Return a function that connects so many projects, whose first round is not started."""
    monkeypatch.setattr(worker_module, "run_in_process", lambda _: None)

    def make(count):
        made = [fake.add_project(["cat", "dog"]) for _ in range(count)]
        for number in made:
            connect_project(context, number)
        with working(context):
            assert until(lambda: all(all_done(context, number) for number in made))
        fake.events.clear()
        return made

    return make


def wish(context, number, action=Action.RESUMED):
    with context.engine.begin() as connection:
        journal(connection, number, action)


def vote(context, fake, number, person=1):
    """Label the project's first task; its event is journalled."""
    fake.annotate(
        min(t for t, task in fake.tasks.items() if task["project"] == number), person, "bird"
    )
    for event in fake.events:
        receive(context.engine, context.settings, event)
    fake.events.clear()


# -- hearing of it ---------------------------------------------------------------------------
def test_a_worker_hears_at_once_of_what_another_process_journals(
    machine, context, projects, monkeypatch
):
    """Looking alone would take it a minute."""
    (number,) = projects(1)
    monkeypatch.setattr(worker_module, "LOOK_SECONDS", 60.0)
    with working(machine()):
        time.sleep(0.3)  # it has looked, and waits
        for _ in range(3):
            wish(context, number)
            assert until(lambda: all_done(context, number))


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_a_worker_whose_connection_was_cut_listens_again(machine, context, projects, monkeypatch):
    (number,) = projects(1)
    monkeypatch.setattr(worker_module, "LOOK_SECONDS", 60.0)
    monkeypatch.setattr(wakeups, "DEAF_SECONDS", 0.1)
    with working(machine()):
        time.sleep(0.3)
        with context.engine.connect() as connection:
            cut = connection.exec_driver_sql(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE query LIKE 'LISTEN%%'"
            )
            assert cut.scalar_one() == 1
        wish(context, number)
        assert until(lambda: all_done(context, number))


def test_what_was_journalled_while_no_worker_ran_is_carried_out_by_the_next(
    machine, context, fake, projects
):
    (number,) = projects(1)
    vote(context, fake, number)
    with working(machine()):
        assert until(lambda: all_done(context, number))
    assert votes_of_store(context, number) == fake.votes(number)


def test_every_wish_of_people_reaches_the_worker(machine, context, projects, monkeypatch):
    """Pausing, going on and asking for a round; each by its line in the journal alone."""
    (number,) = projects(1)
    started = []
    monkeypatch.setattr(worker_module, "run_in_process", started.append)
    with working(machine()):
        for wished in (commands.pause, commands.go_on):
            wished(context.engine, number)
            assert until(lambda: all_done(context, number))
        started.clear()
        commands.ask_for_round(context.engine, number)
        assert until(lambda: number in started)


# -- sharing the work ------------------------------------------------------------------------
@pytest.mark.slow
def test_workers_share_projects_and_take_none_twice(machine, context, projects, monkeypatch):
    """Six projects at once: three threads of one worker are not enough to do them side by side."""
    real, taken = worker_module.carry_out, []

    def slowly(context, number, **options):
        taken.append((id(context), number))
        time.sleep(0.3)
        return real(context, number, **options)

    numbers = projects(6)
    rest(context)
    monkeypatch.setattr(worker_module, "carry_out", slowly)
    one, other = machine(), machine()
    with working(one), working(other):
        time.sleep(0.3)
        with context.engine.begin() as connection:
            for number in numbers:
                journal(connection, number, Action.RESUMED)
        assert until(lambda: all(all_done(context, number) for number in numbers))
    assert sorted(number for _, number in taken) == numbers
    assert {worker for worker, _ in taken} == {id(one), id(other)}


@pytest.mark.slow
@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_a_project_that_fails_keeps_no_other_waiting_and_is_tried_less_and_less(
    machine, context, projects, monkeypatch, caplog
):
    failing, other = projects(2)
    real, tries = worker_module.carry_out, []

    def sometimes(context, number, **options):
        if number == failing:
            tries.append(time.monotonic())
            raise LabelStudioError("Label Studio does not answer.")
        return real(context, number, **options)

    monkeypatch.setattr(worker_module, "carry_out", sometimes)
    with working(machine()):
        wish(context, failing)
        assert until(lambda: tries)
        for _ in range(3):
            wish(context, other)
            assert until(lambda: all_done(context, other))
        assert until(lambda: len(tries) > 1)
        monkeypatch.setattr(worker_module, "carry_out", real)
        assert until(lambda: all_done(context, failing))
    assert tries[1] - tries[0] >= 0.9
    assert f"events, project {failing}: Label Studio does not answer." in caplog.text


def test_two_workers_start_one_round_of_a_project(machine, projects, monkeypatch):
    (number,) = projects(1)
    started, ended = [], threading.Event()

    def run(number):
        started.append(number)
        ended.wait(2 * SOON)

    monkeypatch.setattr(worker_module, "run_in_process", run)
    with working(machine()) as one, working(machine()) as other:
        for worker in (one, other):
            worker._rounds.offer(number)
        assert until(lambda: started)
        assert not until(lambda: len(started) > 1, seconds=0.5)
        ended.set()


def test_a_round_that_waits_behind_another_is_started_by_a_worker_that_has_time(
    machine, projects, monkeypatch
):
    numbers = projects(2)
    started, ended = [], threading.Event()

    def run(number):
        started.append(number)
        ended.wait(4 * SOON)

    monkeypatch.setattr(worker_module, "run_in_process", run)
    with working(machine(sweep_seconds=0.5)), working(machine(sweep_seconds=0.5)):
        assert until(lambda: len(started) == 2, seconds=2 * SOON)
        ended.set()
    assert sorted(started[:2]) == numbers


# -- sweeps ----------------------------------------------------------------------------------
def test_a_project_is_swept_once_by_all_workers_together(machine, context, projects):
    numbers = projects(2)
    other = machine()
    forget_sweeps(context)
    assert [project.id for project in sweep(context)] == numbers
    assert sweep(other) == []
    forget_sweeps(other, but_for=worker_module.STARTING_SECONDS)  # a worker that starts just now
    assert sweep(other) == []
    with context.engine.begin() as connection:
        long_ago = context.now() - context.settings.sweep_seconds - 1
        set_project(connection, numbers[1], swept_at=long_ago)
    assert [project.id for project in sweep(other)] == [numbers[1]]


def test_a_clock_that_was_set_back_keeps_no_project_from_its_sweep(context, projects):
    (number,) = projects(1)
    with context.engine.begin() as connection:
        set_project(connection, number, swept_at=context.now() + 86_400)
    assert [project.id for project in sweep(context)] == [number]


# -- processes -------------------------------------------------------------------------------
@contextmanager
def worker_process(context, address):
    """A worker as a deployment has it."""
    settings = context.settings
    environment = {
        "RELABEL_DATA_DIR": str(settings.data_dir),
        "RELABEL_DATABASE_URL": settings.database_url,
        "RELABEL_POLICY_FILE": str(settings.policy_file),
        "LABEL_STUDIO_URL": address,
        "LABEL_STUDIO_API_KEY": TOKEN,
        "PATH": os.environ["PATH"],
    }
    process = subprocess.Popen([sys.executable, "-m", "relabel", "worker"], env=environment)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGKILL)


def at_rest(context, number):
    """Leave nothing to do: no sweep, and no round, which would be a process of its own."""
    rest(context)
    with context.engine.begin() as connection:
        set_project(connection, number, paused=True)


def hanging(application, hang, reached):
    """Let requests that concern a task wait while `hang` is set; `reached` tells of the first."""

    @Request.application
    def answer(request):
        if hang.is_set() and "/tasks" in request.path:
            reached.set()
            while hang.is_set():
                time.sleep(0.02)
        return application

    return answer


@pytest.mark.parametrize("store", ["postgresql"], indirect=True)
def test_what_a_killed_worker_was_at_is_taken_by_another(context, fake, projects):
    (number,) = projects(1)
    at_rest(context, number)
    hang, reached = threading.Event(), threading.Event()
    with (
        served(hanging(over_http(fake), hang, reached)) as address,
        worker_process(context, address) as killed,
    ):
        hang.set()
        vote(context, fake, number)
        assert reached.wait(60)  # in the midst of it
        with worker_process(context, address):
            time.sleep(1.0)
            killed.kill()
            killed.wait()
            hang.clear()
            assert until(lambda: all_done(context, number), seconds=60)
    assert votes_of_store(context, number) == fake.votes(number)


@pytest.mark.slow
@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_an_idle_worker_needs_next_to_no_processor_time(context, projects):
    (number,) = projects(1)
    at_rest(context, number)
    begun = context.settings.data_dir / "locks" / "pruned"
    begun.unlink(missing_ok=True)
    with worker_process(context, "http://127.0.0.1:9") as process:
        assert until(begun.exists, seconds=60)
        time.sleep(1.0)
        before, began = processor_seconds(process.pid), time.monotonic()
        time.sleep(3.0)
        spent, passed = processor_seconds(process.pid) - before, time.monotonic() - began
    assert spent / passed < 0.1


def processor_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
