"""After a round that came to nothing: when it is tried again, and what people are told."""

import html
import time

import pytest
from relabel.errors import NotReadyError
from relabel.service.commands import ask_for_round
from relabel.service.doctor.checkup import examine_project
from relabel.service.insight.status import project_status
from relabel.service.rounds import run as rounds_module
from relabel.service.rounds.attempts import MAX_RETRY_SECONDS
from relabel.service.rounds.due import round_due_now
from relabel.service.rounds.run import run_round
from relabel.service.sync.sweep import forget_sweeps, sweep
from relabel.storage.database import reading
from relabel.storage.rounds import RoundState, finish_round, list_rounds
from relabel.storage.tables import rounds
from sqlalchemy import insert, update
from wiring import claim_round, deliver, publish_round, site
from workers import until, working

GB = 2**30


def end(context, number, state, **values):
    """Let a round begin and end at once."""
    current = claim_round(context, number)
    with context.engine.begin() as connection:
        finish_round(connection, current.id, state, error="no", **values)
    return current


def later(monkeypatch, seconds):
    now = time.time()
    monkeypatch.setattr("relabel.service.rounds.attempts.time.time", lambda: now + seconds)


def page(context, address):
    with site(context.settings) as web:
        answer = web.get(address, headers={"Accept": "text/html"}, follow_redirects=True)
    return html.unescape(answer.get_data(as_text=True))


def status(context, number):
    return project_status(context.engine, context.settings, number)


def test_after_thousands_of_failures_a_round_is_still_due_in_ten_minutes(
    context, connected, monkeypatch
):
    number = connected(["cat", "dog"])
    first = end(context, number, RoundState.FAILED)
    with context.engine.begin() as connection:
        row = dict(connection.execute(rounds.select()).mappings().one()) | {"id": None}
        failures = [row | {"number": n} for n in range(first.number + 1, 1100)]
        for one in failures:
            one.pop("id")
        connection.execute(insert(rounds), failures)
    assert "failed and is tried again" in status(context, number)["next_round"]
    later(monkeypatch, MAX_RETRY_SECONDS + 10)
    assert "round 1099 failed" in round_due_now(context, number)


@pytest.mark.parametrize("state", [RoundState.FAILED, RoundState.KILLED])
@pytest.mark.parametrize("votes", [0, 3])
def test_whatever_ended_a_round_the_next_waits_also_with_enough_new_votes(
    context, fake, connected, monkeypatch, state, votes
):
    """One that ends before it has read the votes would else be due at once, for ever."""
    number = connected(["cat"] * 4, params="retrain_after = 2")
    publish_round(context, number, {})
    deliver(context, fake)
    for task in list(fake.tasks)[:3]:
        fake.annotate(task, 1, "cat")
    deliver(context, fake)
    for _ in range(3):
        end(context, number, state, votes=votes)
    assert round_due_now(context, number) == ""
    assert "is tried again at" in status(context, number)["next_round"]
    later(monkeypatch, MAX_RETRY_SECONDS + 10)
    assert f"round 4 was {state}".replace("was failed", "failed") in round_due_now(context, number)


def test_a_round_that_is_asked_for_waits_for_nothing(context, connected):
    number = connected(["cat", "dog"])
    end(context, number, RoundState.KILLED)
    ask_for_round(context.engine, number)
    assert round_due_now(context, number) == "asked for"


@pytest.fixture
def killed_thrice(context, connected):
    """A project whose last three rounds were killed, the last one short of memory."""
    number = connected(["cat", "dog"])
    for _ in range(3):
        last = end(context, number, RoundState.KILLED)
    with context.engine.begin() as connection:
        values = {"peak_memory": 3.9 * GB, "machine_memory": 4 * GB, "stage": "embed"}
        connection.execute(update(rounds).where(rounds.c.id == last.id).values(**values))
    return number


TOLD = "Rounds 1 to 3 were killed one after the other"
MEMORY = "had taken 3.9 of the 4.0 GB of memory"


def test_three_kills_in_a_row_are_told_with_the_memory_that_was_wanted(context, killed_thrice):
    number = killed_thrice
    doctor = {f.check: f for f in examine_project(context, number)}["round"]
    pages = [page(context, "/"), page(context, f"/projects/{number}")]
    assert not doctor.ok
    for text in (status(context, number)["last_error"], doctor.text, *pages):
        assert TOLD in text
        assert MEMORY in text
        assert "stage 'embed'" in text


def test_kills_are_told_while_the_next_try_runs_and_forgotten_once_one_ends_well(
    context, killed_thrice
):
    current = claim_round(context, killed_thrice)
    assert TOLD in status(context, killed_thrice)["last_error"]
    with context.engine.begin() as connection:
        finish_round(connection, current.id, RoundState.PUBLISHED)
    assert status(context, killed_thrice)["last_error"] == ""


@pytest.mark.slow
def test_a_running_round_records_the_memory_that_it_has_taken(context, connected, monkeypatch):
    number = connected(["cat", "dog"])

    def work(_context, _project, _current, **_):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline and not seen():
            time.sleep(0.05)

    def seen():
        with reading(context.engine) as connection:
            (one,) = list_rounds(connection, number)
        return one.peak_memory

    monkeypatch.setattr(rounds_module, "_run", work)
    run_round(context, number)
    with reading(context.engine) as connection:
        (one,) = list_rounds(connection, number)
    assert 0.01 * GB < one.peak_memory < one.machine_memory


# -- not ready is no failure -------------------------------------------------------------------
@pytest.fixture
def not_ready(context, connected, monkeypatch):
    """A project of two labelled tasks that are too few to learn from."""
    number = connected(["cat", "dog"])

    def refuse(*_args):
        raise NotReadyError("Too few labels to learn from.")

    monkeypatch.setattr(rounds_module, "_run", refuse)
    with pytest.raises(NotReadyError):
        run_round(context, number)
    return number


def test_too_few_labels_are_no_failure(context, not_ready):
    with reading(context.engine) as connection:
        (one,) = list_rounds(connection, not_ready)
    assert one.state == "not ready"
    shown = page(context, f"/projects/{not_ready}")
    assert "failed" not in shown
    assert "Not ready for a round:" in shown
    assert "Too few labels to learn from." in shown
    said = status(context, not_ready)
    assert said["last_end"] == "not ready"
    assert said["next_round"].startswith(
        "There was too little for round 1. The next starts when tasks, labels or the policy change"
    )


@pytest.mark.parametrize("change", ["task", "label", "policy", "nothing"])
def test_what_was_missing_starts_the_next_round_as_soon_as_something_comes(
    context, fake, not_ready, change
):
    assert round_due_now(context, not_ready) == ""
    if change == "task":
        fake.add_tasks(not_ready, ["cat"])
    if change == "label":
        fake.annotate(min(fake.tasks), 1, "cat")
    deliver(context, fake)
    if change == "policy":
        with context.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE projects SET extra_params = 'seed = 7'")
    expected = "" if change == "nothing" else "round 1 was not ready"
    assert round_due_now(context, not_ready) == expected


def test_images_that_may_be_there_again_are_looked_for_every_ten_minutes(
    context, not_ready, monkeypatch
):
    later(monkeypatch, MAX_RETRY_SECONDS + 10)
    assert round_due_now(context, not_ready) == "round 1 was not ready"


# -- one project's error ---------------------------------------------------------------------
@pytest.mark.parametrize("where", ["reading", "comparing", "looking for a round"])
def test_an_error_of_one_project_never_keeps_the_sweep_from_the_others(
    context, connected, monkeypatch, caplog, where
):
    from relabel.service import worker as worker_module
    from relabel.service.sync import sweep as sweep_module

    first, second = connected(["cat", "dog"]), connected(["cat", "dog"])
    places = {
        "reading": (sweep_module, "take_over", lambda _, p: p.id),
        "comparing": (sweep_module, "sweep_project", lambda _, p: p.id),
        "looking for a round": (worker_module, "round_due_now", lambda _, n, *_opened: n),
    }
    module, name, number_of = places[where]
    real = getattr(module, name)

    def fail(context, what, *more, **options):
        if number_of(context, what) == first:
            raise OverflowError("a mistake")
        return real(context, what, *more, **options)

    monkeypatch.setattr(module, name, fail)
    started = []
    monkeypatch.setattr(worker_module, "run_in_process", started.append)
    with working(context, sweeps=True):
        assert until(lambda: second in started and "OverflowError" in caplog.text)
    assert f"project {first}" in caplog.text
    assert "OverflowError" in caplog.text
    if where != "looking for a round":
        forget_sweeps(context)
        assert [project.id for project in sweep(context)] == [second]
