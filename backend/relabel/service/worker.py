"""The worker process: takes projects that have something to do, and gives them to its threads.

What is to be done stands in the store: events in the journal, rounds and sweeps that are due. So
any number of workers share the work, and what a killed one leaves is taken by another.
"""

import logging
import os
import signal
import threading
import time
from functools import partial
from types import FrameType

from sqlalchemy.exc import SQLAlchemyError

from relabel.errors import QueueBusyError
from relabel.service.context import Context, open_context
from relabel.service.crew import Crew
from relabel.service.queue.cleanup import remove_old_predictions
from relabel.service.rounds.due import round_due_now
from relabel.service.rounds.process import run_in_process
from relabel.service.sync.catch_up import carry_out
from relabel.service.sync.retention import prune_daily
from relabel.service.sync.sweep import forget_sweeps, sweep
from relabel.settings import Settings
from relabel.storage.database import reading
from relabel.storage.journal.claims import Waiting, give_back, take, waiting
from relabel.storage.journal.wakeups import listen
from relabel.storage.locks import PATIENCE_SECONDS, round_lock
from relabel.storage.projects import list_projects

log = logging.getLogger("relabel.worker")

VOTE_THREADS = 3
"""Beside one that waits for a round's process, one that sweeps and one that tidies up."""
LOOK_SECONDS = 2.0
"""Longest pause between two looks at the journal, should nobody tell of something new."""
SWEEP_LOOK_SECONDS = 5.0
"""Longest pause between two looks for a project whose sweep is due."""
COME_BACK_SECONDS = 0.2
"""After so long a project is looked at again that somebody else was changing."""
AWAY_SECONDS = 5.0
"""Pause before a store that is away is looked at again."""
STARTING_SECONDS = 5.0
"""Workers that start within so many seconds of each other sweep once."""


def run_worker(settings: Settings, *, parent: int | None = None) -> None:
    """Work until SIGINT or SIGTERM, or until the process `parent` that started this one is gone."""
    context = open_context(settings)  # a wrong setting is told now
    forget_sweeps(context, but_for=STARTING_SECONDS)
    signal.signal(signal.SIGTERM, _interrupt)
    if parent is not None:
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    worker = Worker(context)
    try:
        worker.run()
    except KeyboardInterrupt:
        log.info("stopping")
    worker.end()
    context.close()


class Worker:
    """A worker's threads. Three are always left for what people wait for: their votes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._stop, self._bell = threading.Event(), threading.Event()
        self._seen: dict[int, Waiting] = {}
        self._not_before: dict[int, float] = {}
        self._votes = Crew("events", VOTE_THREADS, self._carry_out, self._bell.set)
        self._rounds = Crew("round", 1, self._run_round, self._bell.set)
        self._tidying = Crew("tidying up", 1, self._tidy, self._bell.set)
        hear = partial(listen, context.engine, self._bell.set, self._stop)
        self._beside = [threading.Thread(target=t, daemon=True) for t in (hear, self._sweep)]

    def run(self) -> None:
        """Give projects that wait to the threads, until `end` is called."""
        for thread in self._beside:
            thread.start()
        log.info("worker is ready")
        while not self._stop.is_set():
            try:
                pause = self._look()
            except SQLAlchemyError as error:
                log.warning("what is to be done cannot be read just now: %s", error)
                self._stop.wait(AWAY_SECONDS)
                continue
            self._bell.wait(pause)
            self._bell.clear()

    def end(self) -> None:
        """Let `run` return; what threads are at goes on, or is cut off and done again."""
        self._stop.set()
        self._bell.set()

    def join(self) -> None:
        """Wait until no thread works any more."""
        for thread in self._beside:
            thread.join()
        for crew in (self._votes, self._rounds, self._tidying):
            crew.end()

    def _look(self) -> float:
        """Offer what is due; return after how many seconds to look again, unless the bell rings."""
        now = time.monotonic()
        held = {number for number, at in list(self._not_before.items()) if at > now}
        with reading(self._context.engine) as connection:
            found = waiting(connection)
        longest = self._context.settings.sweep_seconds
        for one in found:
            if one.project_id not in held and one.due(time.time(), longest):
                self._seen[one.project_id] = one
                self._votes.offer(one.project_id)
        return COME_BACK_SECONDS if held else LOOK_SECONDS

    def _carry_out(self, number: int) -> None:
        engine, seen = self._context.engine, self._seen[number]
        with engine.begin() as connection:
            if not take(connection, seen):
                return
        try:
            done = carry_out(self._context, number, patience=PATIENCE_SECONDS)
        except QueueBusyError:
            self._not_before[number] = time.monotonic() + COME_BACK_SECONDS
            with engine.begin() as connection:
                give_back(connection, seen)
            return
        if round_due_now(self._context, number, done.connected):
            self._rounds.offer(number)

    def _run_round(self, number: int) -> None:
        context = self._context
        with round_lock(context.engine, context.settings.data_dir, number) as alone:
            # Once more: it may have waited for this thread while another worker had one free.
            if alone and round_due_now(context, number):
                context.label_studio.project(number)  # were it away, the round would fail
                run_in_process(number)

    def _tidy(self, number: int) -> None:
        remove_old_predictions(self._context, number)

    def _sweep(self) -> None:
        """Compare with Label Studio what is due, and find rounds that came due without an event."""
        every = self._context.settings.sweep_seconds
        rounds_at = 0.0
        while not self._stop.is_set():
            try:
                swept = sweep(self._context)
                for project in swept:
                    self._tidying.offer(project.id)
                if swept or time.monotonic() >= rounds_at:
                    rounds_at = time.monotonic() + every
                    self._find_due_rounds()
                    prune_daily(self._context)
            except Exception:
                # There is nobody else who would start this thread again.
                log.exception("a sweep was cut off")
                self._stop.wait(AWAY_SECONDS)
            self._stop.wait(min(every, SWEEP_LOOK_SECONDS))

    def _find_due_rounds(self) -> None:
        with reading(self._context.engine) as connection:
            numbers = [project.id for project in list_projects(connection)]
        for number in numbers:
            try:
                if round_due_now(self._context, number):
                    self._rounds.offer(number)
            except Exception:
                # Whatever is wrong with one project must not keep the others from their rounds.
                log.exception("project %s: whether a round is due is not known", number)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _follow(parent: int) -> None:
    """End this process when its parent has died without a word (SIGKILL)."""
    while os.getppid() == parent:
        time.sleep(1.0)
    log.warning("the web process is gone; stopping")
    os.kill(os.getpid(), signal.SIGTERM)
