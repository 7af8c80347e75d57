"""What people may do from the dashboard: ask for a round, pause, go on.

Each leaves a note in the journal, so that a lost job is found again by the sweep.
"""

from sqlalchemy import Engine

from relabel.storage.events import journal
from relabel.storage.projects import get_project, set_project


def ask_for_round(engine: Engine, number: int) -> None:
    """Ask for a round as soon as a worker is free.

    Raises:
        NotReadyError: the project is not connected.

    """
    with engine.begin() as connection:
        get_project(connection, number)
        set_project(connection, number, train_requested=True)
        journal(connection, number, "START_TRAINING")


def pause(engine: Engine, number: int) -> None:
    """Start no more rounds and close the queue until `go_on`; votes are still counted."""
    _set_paused(engine, number, paused=True)


def go_on(engine: Engine, number: int) -> None:
    """Undo `pause`."""
    _set_paused(engine, number, paused=False)


def _set_paused(engine: Engine, number: int, *, paused: bool) -> None:
    with engine.begin() as connection:
        get_project(connection, number)
        set_project(connection, number, paused=paused)
        journal(connection, number, "PAUSED" if paused else "RESUMED")
