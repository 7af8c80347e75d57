"""A worker within the test's own process."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from relabel.service.context import Context
from relabel.service.worker import Worker
from relabel.storage.database import reading
from relabel.storage.journal.events import count_events
from relabel.storage.projects import list_projects, set_project


@contextmanager
def working(context: Context, *, sweeps: bool = False) -> Iterator[Worker]:
    """Let a worker work until the block ends.

    sweeps: compare projects with Label Studio as a starting worker does; otherwise that has just
    been done.
    """
    if not sweeps:
        rest(context)
    worker = Worker(context)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield worker
    finally:
        worker.end()
        thread.join()
        worker.join()


def rest(context: Context) -> None:
    """Note down that every project was swept just now."""
    now = context.now()
    with context.engine.begin() as connection:
        for project in list_projects(connection):
            set_project(connection, project.id, swept_at=now)


def all_done(context: Context, number: int) -> bool:
    """Return whether every event of a project is carried out."""
    with reading(context.engine) as connection:
        return count_events(connection, number)[1] == 0


def until(reached: Callable[[], object], seconds: float = 10.0) -> bool:
    """Return whether it is so before the time is over."""
    deadline = time.monotonic() + seconds
    while not (so := bool(reached())) and time.monotonic() < deadline:
        time.sleep(0.01)
    return so
