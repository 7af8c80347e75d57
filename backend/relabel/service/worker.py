"""The worker process: carries out jobs, and sweeps at start and at regular intervals."""

import logging
import os
import signal
import threading
import time
from functools import cache

from relabel.service.context import Context, open_context
from relabel.service.jobs import WORKER_THREADS, Jobs, open_queue, register_jobs
from relabel.service.sync.sweep import forget_sweeps
from relabel.settings import Settings

log = logging.getLogger("relabel.worker")

POLL_SECONDS = 0.1
"""Longest pause between two looks at an idle queue: part of the time until a vote is in effect."""


def run_worker(settings: Settings, *, parent: int | None = None) -> None:
    """Work until SIGINT or SIGTERM, or until the process `parent` that started this one is gone."""

    @cache
    def context() -> Context:
        return open_context(settings)

    forget_sweeps(context())  # a wrong setting is told now, not by the first job
    jobs = register_jobs(open_queue(settings), context)
    stop = threading.Event()
    sweeper = threading.Thread(
        target=_sweep_regularly, args=(jobs, settings.sweep_seconds, stop), daemon=True
    )
    sweeper.start()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()
    consumer = jobs.queue.create_consumer(
        workers=WORKER_THREADS,
        periodic=False,
        initial_delay=POLL_SECONDS / 4,
        max_delay=POLL_SECONDS,
        scheduler_interval=1,
    )
    log.info("worker is ready")
    consumer.run()
    stop.set()
    context().close()


def _sweep_regularly(jobs: Jobs, seconds: float, stop: threading.Event) -> None:
    while True:
        jobs.sweep()
        if stop.wait(seconds):
            return


def _follow(parent: int) -> None:
    """End this process when its parent has died without a word (SIGKILL)."""
    while os.getppid() == parent:
        time.sleep(1.0)
    log.warning("the web process is gone; stopping")
    os.kill(os.getpid(), signal.SIGTERM)
