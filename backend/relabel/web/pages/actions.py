"""What the dashboard's buttons do, and what is told before those that need a second look."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Engine

from relabel.service import commands
from relabel.service.insight import consequences
from relabel.service.insight.consequences import Consequence
from relabel.settings import Settings


@dataclass(frozen=True, slots=True)
class Action:
    """What one button does. said: told afterwards."""

    do: Callable[[Engine, int], None]
    said: str


@dataclass(frozen=True, slots=True)
class ConfirmedAction:
    """What a button does to one run after a second look. nothing: told where there is no run."""

    do: Callable[[Engine, Settings, int, str], None]
    said: str
    title: str
    nothing: str
    preview: Callable[[Engine, Settings, int], list[Consequence]]


def _of_store(wish: Callable[[Engine, int, str], None]) -> Callable[..., None]:
    """Return a wish that needs no settings in the shape of the others."""
    return lambda engine, _settings, number, run: wish(engine, number, run)


ACTIONS: dict[str, Action] = {
    "round": Action(
        commands.ask_for_round, "A round was asked for; it starts when a worker is free."
    ),
    "pause": Action(commands.pause, "Paused: no new rounds, and the queue is being emptied."),
    "resume": Action(commands.go_on, "Work goes on: the queue is being filled again."),
}

CONFIRMED: dict[str, ConfirmedAction] = {
    "cancel": ConfirmedAction(
        _of_store(commands.cancel_round),
        "The round is being cancelled; it ends within a second or two.",
        "Cancel the running round?",
        "No round is running.",
        consequences.of_cancelling,
    ),
    "undo": ConfirmedAction(
        _of_store(commands.ask_for_undo),
        "It is being undone; the rounds page shows when it is done.",
        "Undo the last round?",
        "There is nothing to undo, or a round is running: cancel it, or wait for its end.",
        consequences.of_undoing,
    ),
    "audit": ConfirmedAction(
        commands.ask_for_audit,
        "It is noted; the queue follows within a second or two.",
        "Ask more audited tasks?",
        "None needs to be asked for: enough is known, or those that it takes wait for people.",
        consequences.of_auditing,
    ),
}


def said_after(name: str) -> str:
    """Return what is told after an action, "" = there is no such action."""
    action = ACTIONS.get(name) or CONFIRMED.get(name)
    return action.said if action else ""
