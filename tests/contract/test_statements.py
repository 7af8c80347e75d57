"""What a webhook waits for is a few statements, however much it is about."""

from contextlib import contextmanager

import pytest
from relabel.service.sync.receive import receive
from relabel.storage.database import reading
from relabel.storage.tables import annotations, tasks
from relabel.storage.tasks import Task, list_tasks, save_tasks, set_problems
from sqlalchemy import event, func, select

MANY = 10_000
FEW = 15
"""Statements of an event, and of a round's end, of whatever size."""


@contextmanager
def counted(engine):
    """Yield a list that collects the statements; one for many rows counts as one for each."""
    statements = []

    def note(_connection, _cursor, statement, rows, _context, executemany):
        statements.extend([statement] * (len(rows) if executemany else 1))

    event.listen(engine, "before_cursor_execute", note)
    yield statements
    event.remove(engine, "before_cursor_execute", note)


@pytest.fixture
def large(context, connected):
    """A project that the store knows ten thousand tasks of, one of which has an annotation."""
    number = connected(["cat"])
    seen = [Task(i, f"{i}.png", 1, True, "", 1, True, problem="") for i in range(100, 100 + MANY)]
    with context.engine.begin() as connection:
        save_tasks(connection, number, seen)
    return number, [task.task_id for task in seen]


def test_ten_thousand_deleted_tasks_are_forgotten_in_a_few_statements(context, large):
    """Label Studio waits for one second; one by one they took fifteen."""
    number, ids = large
    body = {
        "action": "TASKS_DELETED",
        "tasks": [{"id": i} for i in ids],
        "project": {"id": number},
    }
    with counted(context.engine) as statements:
        receive(context.engine, context.settings, body)
    with reading(context.engine) as connection:
        assert connection.execute(select(func.count()).select_from(tasks)).scalar_one() == 1
        assert connection.execute(select(func.count()).select_from(annotations)).scalar_one() == 1
    assert len(statements) < FEW


def test_what_a_round_found_is_noted_in_a_few_statements(context, large):
    number, ids = large
    problems = {i: f"reason {i % 3}" for i in ids[::2]}
    with counted(context.engine) as statements, context.engine.begin() as connection:
        set_problems(connection, number, problems)
    assert len(statements) < FEW
    with reading(context.engine) as connection:
        found = list_tasks(connection, number)
    assert {i: t.problem for i, t in found.items() if t.problem} == problems


def test_tasks_without_an_image_are_read_in_a_few_statements(context, large):
    number, ids = large
    seen = [Task(i, "", 1, True, "", 1, True, problem="no image") for i in ids[:2000]]
    with counted(context.engine) as statements, context.engine.begin() as connection:
        save_tasks(connection, number, seen)
    assert len(statements) < len(seen) + FEW  # a row is written with its values
    with reading(context.engine) as connection:
        found = list_tasks(connection, number)
    assert sum(task.problem == "no image" for task in found.values()) == 2000
