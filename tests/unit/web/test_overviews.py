"""Overviews are kept, and never older than promised."""

from relabel.demo.annotators import poll
from relabel.storage.projects import set_project
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
    open_task = next(t for t in after.state.tasks.values() if not t.is_labeled)
    with own.engine.begin() as connection:
        set_task(connection, 1, open_task.task_id, is_labeled=True)
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
