"""Watching over a running round, beside it: signs of life while it gets on, and an end if not.

A round may be waiting for a machine that never answers, or be in the midst of a long computation.
So a thread of its own looks whether somebody wants it to end, whether another one has taken its
place, and whether it still gets on; a round that does not hear is ended together with its process.
"""

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from sqlalchemy.exc import SQLAlchemyError

from relabel.errors import RelabelError, RoundCancelledError, RoundHungError, RoundLostError
from relabel.machine import all_memory, peak_memory
from relabel.service.context import Context
from relabel.service.rounds.ends import conclude
from relabel.storage.database import reading
from relabel.storage.journal.events import is_to_cancel
from relabel.storage.rounds import Round, RoundState, find_round, lost_round, set_round

log = logging.getLogger("relabel.round")

LOOK_SECONDS = 0.5
"""How often it is looked whether the round should end."""
GRACE_SECONDS = 1.0
"""Within so many seconds a round should hear; then its process is ended."""
HEARTBEAT_SECONDS = 20.0
"""How often a round that gets on says that it is alive, however long its stage is silent."""
SILENT_SECONDS = 600.0
"""A round that neither computes nor gets on for this long has hung."""
COMPUTES = 0.02
"""Share of one processor from which on a silent round is taken to compute."""
GROWTH = 1.05
"""Memory that has grown so much is written down at once: it may be what the round dies of."""


class RoundWatch:
    """Watches one round of this process within a `with` block."""

    def __init__(
        self, context: Context, current: Round, leave: Callable[[], None] | None = None
    ) -> None:
        """Prepare to watch.

        Args:
            context: settings, store and Label Studio.
            current: the round that this process runs.
            leave: ends the process, for a round that does not hear; None = only the store says that
                it has ended, and it meets that before its next write.

        """
        self._context, self._round, self._leave = context, current, leave
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="round-watch")
        self._reason: RelabelError | None = None
        self._told_at = 0.0
        self._place: tuple[object, ...] = ()
        self._processor_time = time.process_time()
        self._moved_at = self._beat_at = time.monotonic()
        self._memory = 0

    def __enter__(self) -> Self:
        """Begin to watch."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Watch no more."""
        self._done.set()
        self._thread.join()
        if isinstance(error, RoundLostError) and self._reason is not None:
            # It was this watch that had closed the round.
            raise self._reason from error

    def check(self) -> None:
        """Raise why the round should end, if it should."""
        if self._reason is not None:
            raise self._reason

    def _watch(self) -> None:
        while not self._done.wait(LOOK_SECONDS):
            if self._reason is not None and time.monotonic() - self._told_at > GRACE_SECONDS:
                self._insist(self._reason)
                return
            try:
                self._look()
            except RoundLostError as error:
                self._tell(error)
            except SQLAlchemyError as error:
                log.warning("the round's signs of life could not be stored: %s", error)

    def _look(self) -> None:
        number, run = self._round.project_id, self._round.run
        with reading(self._context.engine) as connection:
            now = find_round(connection, self._round.id)
            unwanted = is_to_cancel(connection, number, run)
        if self._reason is not None or now is None or now.state is RoundState.PUBLISHED:
            return
        if now.state is not RoundState.RUNNING:
            self._tell(lost_round(now, RoundState.RUNNING))
        elif unwanted:
            self._tell(cancelled(self._round, now.stage))
        elif self._gets_on(now):
            self._beat(now)
        else:
            self._tell(_hung(now))

    def _gets_on(self, now: Round) -> bool:
        """Return whether the round has moved, or computed, lately."""
        at = time.monotonic()
        if at - self._beat_at >= HEARTBEAT_SECONDS or not self._place:
            place = (now.stage, now.done, now.total)
            spent = time.process_time() - self._processor_time
            if place != self._place or spent > COMPUTES * (at - self._beat_at):
                self._moved_at = at
            self._place, self._processor_time = place, time.process_time()
        # One request of Label Studio's may take long, and be repeated.
        patience = max(SILENT_SECONDS, 2 * self._context.settings.request_timeout_seconds)
        return at - self._moved_at < patience

    def _beat(self, now: Round) -> None:
        """Give a sign of life if it is time, or if memory has grown."""
        memory, at = peak_memory(), time.monotonic()
        if at - self._beat_at < HEARTBEAT_SECONDS and memory <= self._memory * GROWTH:
            return
        with self._context.engine.begin() as connection:
            set_round(connection, now.id, peak_memory=memory, machine_memory=all_memory())
        self._memory, self._beat_at = memory, at

    def _tell(self, reason: RelabelError) -> None:
        self._reason, self._told_at = reason, time.monotonic()

    def _insist(self, reason: RelabelError) -> None:
        log.warning("%s It does not end by itself, so its process is ended.", reason)
        try:
            conclude(self._context, self._round, reason)
        except SQLAlchemyError as error:
            log.warning("how the round ended could not be stored: %s", error)
        if self._leave is not None:
            self._leave()


def cancelled(current: Round, stage: str) -> RoundCancelledError:
    """Return the error of a round that somebody wants to end."""
    return RoundCancelledError(
        f"Round {current.number} of project {current.project_id} was cancelled in stage {stage!r}; "
        f"the queue stays as it was."
    )


def _hung(now: Round) -> RoundHungError:
    return RoundHungError(
        f"Round {now.number} of project {now.project_id} made no progress for "
        f"{SILENT_SECONDS / 60:.0f} minutes in stage {now.stage!r} ({now.done:,} of {now.total:,})"
        f": what it waits for does not answer."
    )
