"""Background work: which jobs there are, and how web and worker processes share them.

A job carries no data but a project's id. Whatever a killed process leaves undone is still to be
seen in the store, and the sweep starts it again.
"""

import json
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from huey import Huey, PriorityRedisHuey, SqliteHuey
from huey.registry import Message
from huey.serializer import Serializer
from sqlalchemy.exc import OperationalError

from relabel.errors import RelabelError
from relabel.service.context import Context
from relabel.service.queue.cleanup import remove_old_predictions
from relabel.service.rounds.due import round_due_now
from relabel.service.rounds.process import run_in_process
from relabel.service.sync.catch_up import carry_out
from relabel.service.sync.retention import prune_daily
from relabel.service.sync.sweep import sweep as sweep_all
from relabel.service.turns import Revisits, one_after_another
from relabel.settings import Settings
from relabel.storage.locks import PATIENCE_SECONDS

log = logging.getLogger("relabel.jobs")

WORKER_THREADS = 6
"""One may wait for a round's process, one sweep and one tidy up, while three carry out votes."""


class JsonMessages(Serializer):  # type: ignore[misc]  # huey has no types
    """Writes jobs as JSON. huey's own pickle lets whoever can write the queue run code."""

    def _serialize(self, data: Message) -> bytes:
        given = {key: value for key, value in data._asdict().items() if value}
        return json.dumps(given).encode()

    def _deserialize(self, data: bytes) -> Any:
        given = json.loads(data)
        return Message(**given | {"args": tuple(given.get("args", ()))})


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs that any process may ask for. Asking never fails: what is not done stays due."""

    queue: Huey
    ingest: Callable[[int], None]
    round: Callable[[int], None]
    sweep: Callable[[], None]
    tidy: Callable[[int], None]

    def waiting(self) -> float:
        """Return how many jobs wait; not a number while the queue cannot be read."""
        try:
            return float(self.queue.pending_count())
        except Exception as error:  # noqa: BLE001  every kind of queue has its own errors
            log.warning("the queue of jobs cannot be read: %s", error)
            return math.nan


def open_queue(settings: Settings) -> Huey:
    """Open the queue: Redis by address, else a file in the data folder."""
    url = settings.queue()
    if url:
        return PriorityRedisHuey("relabel", url=url, results=False, serializer=JsonMessages())
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    path = str(settings.data_dir / "jobs.sqlite3")
    return SqliteHuey(
        "relabel", filename=path, results=False, timeout=30, serializer=JsonMessages()
    )


def register_jobs(queue: Huey, context: Callable[[], Context]) -> Jobs:
    """Define the jobs on a queue; the same in every process, or their names would not match.

    Args:
        queue: where they wait.
        context: returns the process's context; only called where jobs are carried out.

    """

    def ingest(number: int) -> None:
        work = partial(carry_out, context(), number, patience=PATIENCE_SECONDS)
        if revisits.visit(number, work) and round_due_now(context(), number):
            jobs.round(number)

    revisits = Revisits(lambda number: jobs.ingest(number))  # noqa: PLW0108  made further down

    def run_round(number: int) -> None:
        run_in_process(number)
        jobs.ingest(number)  # what it had no time to carry out, if it was ended

    def sweep() -> None:
        for project in sweep_all(context()):
            try:
                if round_due_now(context(), project.id):
                    jobs.round(project.id)
            except Exception:
                # Whatever is wrong with one project must not keep the others from their rounds.
                log.exception("project %s: whether a round is due is not known", project.id)
            jobs.tidy(project.id)
        prune_daily(context())

    def tidy(number: int) -> None:
        remove_old_predictions(context(), number)

    def by_one_thread(name: str, job: Callable[..., None]) -> Callable[..., None]:
        safe = one_after_another(_without_traceback(job))
        # As urgent as each other: many sweeps in a row must not keep rounds from ever starting.
        return _asked_for(queue.task(name=name, priority=50)(safe))

    jobs = Jobs(
        queue,
        ingest=_asked_for(queue.task(name="ingest", priority=100)(_without_traceback(ingest))),
        round=by_one_thread("round", run_round),
        sweep=by_one_thread("sweep", sweep),
        tidy=by_one_thread("tidy", tidy),
    )
    return jobs


def _asked_for(put: Callable[..., object]) -> Callable[..., None]:
    """Put a job into the queue; with the queue away it waits in the store for the next sweep."""

    def ask(*args: int) -> None:
        try:
            put(*args)
        except Exception as error:  # noqa: BLE001  every kind of queue has its own errors
            log.warning("no job can be queued, the next sweep does it: %s", error)

    return ask


def _without_traceback(job: Callable[..., None]) -> Callable[..., None]:
    """Log expected errors in one line: the sweep will try again."""

    def run(*args: int) -> None:
        try:
            job(*args)
        except RelabelError as error:
            log.warning("%s%s: %s", job.__name__, args, error)
        except OperationalError as error:  # locked, full or away
            log.warning("%s%s: the store: %s", job.__name__, args, error.orig)

    return run
