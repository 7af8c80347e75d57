"""What people may do from the dashboard: ask for a round, cancel it, undo it, pause, go on.

Each is journalled, and a worker carries it out. Cancelling and undoing name the run they mean, so
that a page that was open for long cannot hit another one.
"""

from collections.abc import Callable

from sqlalchemy import Engine

from relabel.errors import NotReadyError
from relabel.service.queue.undo import wish_undone
from relabel.storage.journal.events import Action, journal
from relabel.storage.projects import get_project, set_project
from relabel.storage.rounds import running_round

Wish = Callable[[Engine, int], None]
"""wish(store, project's number): journals what is wished."""


def ask_for_round(engine: Engine, number: int) -> None:
    """Ask for a round as soon as a worker is free.

    Raises:
        NotReadyError: the project is not connected.

    """
    with engine.begin() as connection:
        get_project(connection, number)
        set_project(connection, number, train_requested=True)
        journal(connection, number, Action.START_TRAINING)


def cancel_round(engine: Engine, number: int, run: str) -> None:
    """Ask the running round to end without touching the queue; it does so within a second or two.

    Raises:
        NotReadyError: that round does not run (any more).

    """
    with engine.begin() as connection:
        get_project(connection, number)
        running = running_round(connection, number)
        if running is None or running.run != run:
            raise NotReadyError(f"{run or 'A round'} is not running (any more).")
        set_project(connection, number, train_requested=False)
        journal(connection, number, Action.CANCEL, run=run)


def ask_for_undo(engine: Engine, number: int, run: str) -> None:
    """Let a worker take back what a run wrote.

    Raises:
        NotReadyError: there is no such run, later ones stand on it, or a round is running.

    """
    with engine.begin() as connection:
        wish_undone(connection, number, run)


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
        journal(connection, number, Action.PAUSED if paused else Action.RESUMED)
