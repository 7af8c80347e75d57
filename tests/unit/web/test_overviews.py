"""Overviews are kept, and never older than promised."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from relabel.demo.annotators import poll
from relabel.storage.projects import set_project
from relabel.storage.rounds import Round, start_round
from relabel.web import overviews as overviews_module
from relabel.web.overviews import Overviews


def test_an_unchanged_project_is_read_once(own):
    overviews = Overviews(own.engine, own.settings, fresh_seconds=0, usable_seconds=0)
    assert overviews.get(1) is overviews.get(1)


def test_a_change_is_seen_at_the_next_look(own):
    """A vote, a closed task and a pause each make a new overview."""
    from relabel.storage.annotations import Annotation, Kind, record
    from relabel.storage.tasks import set_task

    overviews = Overviews(own.engine, own.settings, fresh_seconds=0, usable_seconds=0)
    before = overviews.get(1)
    at = "2026-12-01T00:00:00+00:00"
    with own.engine.begin() as connection:
        record(connection, 1, [Annotation(999_999, 7, "9", Kind.LABEL, "3", at, at)])
    after = overviews.get(1)
    assert after.status["votes"] == before.status["votes"] + 1
    places = after.state.places
    open_task = int(places.task_ids[~places.is_labeled][0])
    with own.engine.begin() as connection:
        set_task(connection, 1, open_task, is_labeled=True)
    assert overviews.get(1).status["open_tasks"] == after.status["open_tasks"] - 1
    with own.engine.begin() as connection:
        set_project(connection, 1, paused=True)
    assert overviews.get(1).status["paused"]


def test_within_its_time_an_overview_is_kept_though_the_project_changes(own):
    overviews = Overviews(own.engine, own.settings, fresh_seconds=1000)
    before = overviews.get(1)
    with own.engine.begin() as connection:
        set_project(connection, 1, paused=True)
    assert overviews.get(1) is before
    overviews.forget(1)
    assert overviews.get(1).status["paused"]


def test_while_a_newer_one_is_read_nobody_waits(own):
    """The look after a change gets the old overview at once; a later look gets the new one."""
    overviews = Overviews(own.engine, own.settings, fresh_seconds=0, usable_seconds=1000)
    before = overviews.get(1)
    with own.engine.begin() as connection:
        set_project(connection, 1, paused=True)
    assert overviews.get(1) is before
    assert poll(lambda: overviews.get(1).status["paused"], seconds=20)


class Counted:
    """Counts the readings of whole projects, each slow enough for others to come meanwhile."""

    def __init__(self, monkeypatch):
        self.count = 0
        read = overviews_module.read_overview

        def counted(*args):
            self.count += 1
            time.sleep(0.2)
            return read(*args)

        monkeypatch.setattr(overviews_module, "read_overview", counted)


ALL = ("/projects/1", "/projects/1/queue", "/projects/1/live", "/api/projects/1/status", "/metrics")
EXACT = ("/api/projects/1/status", "/metrics")


def looked(app, paths, times=4):
    """Ask for every path as many times at once; return the answers in order."""
    with ThreadPoolExecutor(len(paths) * times) as pool:
        return list(pool.map(lambda path: app.test_client().get(path), paths * times))


@pytest.mark.slow
def test_any_number_of_readers_cause_one_reading_per_change(own, monkeypatch):
    """Pages, status and metrics of a process share it, whoever comes first."""
    readings = Counted(monkeypatch)
    app = own.client().application
    assert {answer.status_code for answer in looked(app, ALL)} == {200}
    assert readings.count == 1
    looked(app, ALL)
    assert readings.count == 1, "nothing has changed"
    for change in (1, 2):
        with own.engine.begin() as connection:
            set_project(connection, 1, title=f"Title {change}")
        answers = looked(app, EXACT)
        assert readings.count == 1 + change
        titles = {a.get_json()["title"] for a in answers if a.is_json}
        assert titles == {f"Title {change}"}, "whoever asks after a change is told of it"
        looked(app, ALL)
        assert readings.count == 1 + change


def test_what_only_time_changes_is_seen_too(own, monkeypatch):
    """A round whose process is gone at once, and all else after a while."""
    with own.engine.begin() as connection:
        start_round(connection, 1, {}, "x")
    readings = Counted(monkeypatch)
    overviews = Overviews(own.engine, own.settings)
    assert overviews.newest(1).status["round_running"]
    monkeypatch.setattr(Round, "alive", lambda _round: False)
    assert overviews.newest(1).status["round_running"] is None
    assert readings.count == 2
    monkeypatch.setattr(overviews_module, "UNCHANGED_SECONDS", 0.0)
    overviews.newest(1)
    assert readings.count == 3


@pytest.mark.slow
def test_an_open_page_asks_every_five_seconds_for_what_may_be_kept(own):
    html = own.client().get("/projects/1", headers={"Accept": "text/html"}).get_data(as_text=True)
    assert 'data-status="/projects/1/live"' in html
    with own.client().get("/static/live.js") as script:
        assert re.findall(r"EVERY_MS = (\d+)", script.get_data(as_text=True)) == ["5000"]
    client = own.client()
    live, exact = client.get("/projects/1/live"), client.get("/api/projects/1/status")
    assert live.get_json() == exact.get_json()
