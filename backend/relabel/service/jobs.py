"""Background work: which jobs there are, and how web and worker processes share them.

A job carries no data but a project's id. Whatever a killed process leaves undone is still to be
seen in the store, and the sweep starts it again.
"""

import logging
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from huey import Huey, PriorityRedisHuey, SqliteHuey

from relabel.errors import RelabelError
from relabel.service.context import Context
from relabel.service.ingest import carry_out
from relabel.service.rounds_due import round_due_now
from relabel.service.sweep import sweep as sweep_all
from relabel.settings import Settings

log = logging.getLogger("relabel.jobs")

WORKER_THREADS = 3
"""One may be waiting for a round's process while the others carry out votes."""


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs that any process may ask for."""

    queue: Huey
    ingest: Callable[[int], Any]
    round: Callable[[int], Any]
    sweep: Callable[[], Any]


def open_queue(settings: Settings) -> Huey:
    """Open the queue: Redis by address, else a file in the data folder."""
    if settings.queue_url:
        return PriorityRedisHuey("relabel", url=settings.queue_url, results=False)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    path = settings.data_dir / "jobs.sqlite3"
    return SqliteHuey("relabel", filename=str(path), results=False, timeout=30)


def register_jobs(queue: Huey, context: Callable[[], Context]) -> Jobs:
    """Define the jobs on a queue; the same in every process, or their names would not match.

    Args:
        queue: where they wait.
        context: returns the process's context; only called where jobs are carried out.

    """
    one_round = threading.Lock()

    def ingest(number: int) -> None:
        carry_out(context(), number)
        if round_due_now(context(), number):
            jobs.round(number)

    def run_round(number: int) -> None:
        # A round in its own process: killed or out of memory, it takes nothing else with it, and
        # neither web nor worker ever imports torch.
        if not one_round.acquire(blocking=False):
            return  # the sweep asks again
        try:
            command = [sys.executable, "-m", "relabel", "round", "--project", str(number), "--due"]
            subprocess.run(command, check=False)  # noqa: S603  our own interpreter and a number
        finally:
            one_round.release()

    def sweep() -> None:
        for project in sweep_all(context()):
            if round_due_now(context(), project.id):
                jobs.round(project.id)

    jobs = Jobs(
        queue,
        ingest=queue.task(name="ingest", priority=100)(_without_traceback(ingest)),
        round=queue.task(name="round")(run_round),
        sweep=queue.task(name="sweep", priority=50)(_without_traceback(sweep)),
    )
    return jobs


def _without_traceback(job: Callable[..., None]) -> Callable[..., None]:
    """Log expected errors in one line: the sweep will try again."""

    def run(*args: int) -> None:
        try:
            job(*args)
        except RelabelError as error:
            log.warning("%s%s: %s", job.__name__, args, error)

    return run
