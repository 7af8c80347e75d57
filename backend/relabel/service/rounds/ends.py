"""Writing down how a round ended, whoever finds out."""

import shutil
from contextlib import suppress

from relabel.errors import NotReadyError, RelabelError, RoundCancelledError, RoundLostError
from relabel.service.context import Context
from relabel.storage.annotations import count_new_votes
from relabel.storage.journal.events import Action, journal
from relabel.storage.rounds import Round, RoundState, finish_round

UNFINISHED = "training"
"""Folder of a project's rounds in which training is kept until it has ended."""


def conclude(context: Context, current: Round, error: BaseException) -> None:
    """Close a round by what ended it; one that is published, or was replaced, stays as it is.

    A cancelled one ends as if it had never begun: votes so far start no other one.
    """
    number = current.project_id
    # Once published, only the switch is left to do, and the sweep does it.
    with suppress(RoundLostError), context.engine.begin() as connection:
        if isinstance(error, RoundCancelledError):
            shutil.rmtree(context.folder(number) / UNFINISHED, ignore_errors=True)
            votes = count_new_votes(connection, number)
            finish_round(connection, current.id, RoundState.CANCELLED, votes=votes)
            journal(connection, number, Action.ROUND_CANCELLED)
        else:
            finish_round(connection, current.id, _state(error), error=_text(error))


def _state(error: BaseException) -> RoundState:
    if isinstance(error, NotReadyError):
        return RoundState.NOT_READY
    ended = isinstance(error, KeyboardInterrupt | SystemExit)
    return RoundState.KILLED if ended else RoundState.FAILED


def _text(error: BaseException) -> str:
    return str(error) if isinstance(error, RelabelError) else f"{type(error).__name__}: {error}"
