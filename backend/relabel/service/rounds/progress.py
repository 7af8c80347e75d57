"""Where a running round is, for the log, `relabel status`, /metrics and the dashboard."""

import logging
import time

from relabel.service.context import Context
from relabel.service.rounds.watchdog import cancelled
from relabel.storage.journal.events import is_to_cancel
from relabel.storage.rounds import Round, set_round

log = logging.getLogger("relabel.round")

EVERY_SECONDS = 0.5
"""How often the row is rewritten within a stage."""


class RoundProgress:
    """A `Progress` that keeps the round's row up to date and logs each new stage."""

    def __init__(self, context: Context, current: Round) -> None:
        self._context = context
        self._round = current
        self._stage = ""
        self._stage_started_at = 0.0
        self._written_at = 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Write down stage, done and total; every writing is also the round's heartbeat.

        Raises:
            RoundCancelledError: somebody wants it to end.
            RoundLostError: it was given up, and another one may run.

        """
        now = time.time()
        if stage != self._stage:
            log.info("project %s: round %s: %s", self._round.project_id, self._round.number, stage)
            self._stage, self._stage_started_at = stage, now
        elif abs(now - self._written_at) < EVERY_SECONDS and done < total:
            return
        self._written_at = now
        with self._context.engine.begin() as connection:
            set_round(
                connection,
                self._round.id,
                stage=stage,
                done=done,
                total=total,
                stage_started_at=self._stage_started_at,
            )
            unwanted = is_to_cancel(connection, self._round.project_id, self._round.run)
        if unwanted:
            raise cancelled(self._round, stage)
