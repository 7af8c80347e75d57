"""The rounds since the last good one: when to try again, and what to say of them."""

import time
from collections.abc import Sequence
from itertools import takewhile

from relabel.storage.rounds import Round, RoundState

RETRY_SECONDS = 10.0
"""Pause before a round that came to nothing is tried again; it doubles each time."""
MAX_RETRY_SECONDS = 600.0
MAX_DOUBLINGS = 10
KILLS_TOLD = 3
"""So many rounds killed in a row are no accident."""
GB = 2**30


def retry_pause(attempts: int) -> float:
    """Return the seconds to wait after so many attempts in a row, at least 1, came to nothing."""
    doublings = min(attempts - 1, MAX_DOUBLINGS)
    return min(RETRY_SECONDS * 2.0**doublings, MAX_RETRY_SECONDS)


def retry_at(rounds: Sequence[Round]) -> float:
    """Return when to try again (Unix seconds), 0 = the last round ended well or still works.

    Args:
        rounds: all rounds of a project, oldest first.

    """
    bad = _bad(rounds)
    if not bad:
        return 0.0
    if bad[0].state is RoundState.NOT_READY:
        return _ended_at(bad[0]) + MAX_RETRY_SECONDS
    failures = list(takewhile(lambda r: r.state is not RoundState.NOT_READY, bad))
    return _ended_at(bad[0]) + retry_pause(len(failures))


def waits(rounds: Sequence[Round]) -> bool:
    """Return whether it is too early to try again; a clock that was set back makes nobody wait."""
    at = retry_at(rounds)
    return 0 < at - time.time() <= 2 * MAX_RETRY_SECONDS


def how_ended(last: Round) -> str:
    """Return how a round that came to nothing ended, as the end of a clause."""
    if last.state is RoundState.FAILED:
        return f"round {last.number} failed"
    return f"round {last.number} was {_end(last)}"


def last_error(rounds: Sequence[Round]) -> str:
    """Return why the last attempt published nothing, "" = it did, or it still works.

    Several rounds killed in a row are told also while the next try runs.
    """
    ended = rounds[:-1] if rounds and rounds[-1].works() else rounds
    killed = list(takewhile(lambda r: _end(r) is RoundState.KILLED, reversed(ended)))
    if len(killed) >= KILLS_TOLD:
        return _told_kills(killed)
    return rounds[-1].error if rounds else ""


def _told_kills(killed: Sequence[Round]) -> str:
    last, first = killed[0], killed[-1]
    return (
        f"Rounds {first.number} to {last.number} were killed one after the other, the last one in "
        f"stage {last.stage!r}: {_memory(last)}. If the system killed them for lack of memory, "
        f"give rounds more of it, or let them need less: a smaller encoder, image_size or "
        f"batch_size."
    )


def _memory(one: Round) -> str:
    if not one.peak_memory or not one.machine_memory:
        return "how much memory it had taken is not known"
    taken, there = one.peak_memory / GB, one.machine_memory / GB
    return f"it had taken {taken:.1f} of the {there:.1f} GB of memory of {one.host}"


def _bad(rounds: Sequence[Round]) -> list[Round]:
    """Return the attempts that came to nothing with which these rounds end, newest first."""
    bad = (RoundState.FAILED, RoundState.KILLED, RoundState.NOT_READY)
    return list(takewhile(lambda r: _end(r) in bad, reversed(rounds)))


def _end(one: Round) -> RoundState:
    """Return how a round ended; one whose process is gone was killed, whether noted or not."""
    if one.state is RoundState.RUNNING and not one.alive():
        return RoundState.KILLED
    return one.state


def _ended_at(one: Round) -> float:
    return one.finished_at or one.heartbeat_at
