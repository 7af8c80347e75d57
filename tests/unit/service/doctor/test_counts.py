"""The deep check names what is kept otherwise than the annotations say, and only looks."""

import pytest
from relabel.service.doctor.checkup import DEEP, examine_project
from relabel.service.sync.sweep import sweep_project
from relabel.storage.database import reading
from relabel.storage.tables import task_states
from relabel.storage.task_states import mark_stale
from sqlalchemy import select, update
from wiring import state_of


def counts(context, number):
    deep = {f.check: f for f in examine_project(context, number, deep=True)}
    plain = {f.check for f in examine_project(context, number)}
    assert set(deep) - plain == set(DEEP)
    return deep["counts"]


def rows(context):
    with reading(context.engine) as connection:
        return connection.execute(select(task_states).order_by(task_states.c.task_id)).all()


def test_a_healthy_project_is_well(context, running):
    before = rows(context)
    assert counts(context, running[0]).ok
    assert rows(context) == before


@pytest.mark.slow
@pytest.mark.parametrize("column", ["label", "state", "new", "occupied", "people"])
def test_a_task_that_is_kept_otherwise_is_named_and_the_remedy_mends_it(context, running, column):
    number, ids = running
    value = '["77"]' if column == "people" else 3
    with context.engine.begin() as connection:
        changed = update(task_states).where(task_states.c.task_id == ids[2])
        connection.execute(changed.values({column: value}))
    finding = counts(context, number)
    assert not finding.ok
    assert f"1 task kept otherwise than the annotations say, first task {ids[2]} ({column})" in (
        finding.text
    )
    assert f"relabel reconcile --project {number}" in finding.text
    sweep_project(context, state_of(context, number).project, full=True)
    assert counts(context, number).ok


def test_what_is_not_counted_yet_is_no_fault(context, running):
    number, ids = running
    with context.engine.begin() as connection:
        mark_stale(connection, number, ids[:2])
    finding = counts(context, number)
    assert finding.ok
    assert "2 tasks will be counted by the next sweep" in finding.text
