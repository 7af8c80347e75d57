"""What people may do from the dashboard: ask for a round, cancel it, undo it, pause, go on, audit.

Each is journalled, and a worker carries it out. Cancelling and undoing name the run they mean, and
asking for more of the audit how much of it is meant in all, so that a page that was open for long
cannot hit anything else.
"""

from collections.abc import Callable

from sqlalchemy import Engine

from relabel.errors import NotReadyError
from relabel.service.audit.turns import audit_rows, turns_of
from relabel.service.connected import open_connected
from relabel.service.queue.undo import wish_undone
from relabel.service.votes.state import Part
from relabel.service.votes.task_states import read_queue_state
from relabel.settings import Settings
from relabel.storage.database import reading
from relabel.storage.journal.events import Action, journal
from relabel.storage.projects import get_project, get_whole_project, set_project
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


def ask_for_audit(engine: Engine, settings: Settings, number: int, wish: str) -> None:
    """Let the audit of one part come at least so far; what has a verdict stays audited.

    Args:
        engine: the store.
        settings: where the policy file is.
        number: id of the project.
        wish: part and turns in all, see `Offer.name`.

    Raises:
        NotReadyError: the project is not connected, or there is no such wish.

    """
    part, _, turns = wish.partition(":")
    if part not in list(Part) or not turns.isdecimal():
        raise NotReadyError(f"{wish!r} names no part of the audit and its turns, as ':57' does.")
    with reading(engine) as connection:
        project = get_whole_project(connection, number)
        state = read_queue_state(connection, open_connected(settings, project)).of(Part(part))
    # To drop a task whose answers somebody has seen would be a choice by these answers.
    until = min(max(int(turns), len(turns_of(state).done)), len(audit_rows(state)))
    with engine.begin() as connection:
        known = get_project(connection, number).audit_until
        set_project(connection, number, audit_until={**known, part: until})
        journal(connection, number, Action.AUDIT)


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
