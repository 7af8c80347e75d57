"""`relabel serve`: the web process, with a worker beside it that is started again when it dies."""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from types import FrameType

from relabel.settings import Settings
from relabel.web.server import serve

log = logging.getLogger("relabel.serve")

RESTART_SECONDS = 1.0


class Worker:
    """A worker process that is kept alive until `stop`."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._keeper = threading.Thread(target=self._keep, daemon=True)

    def start(self) -> None:
        """Start the process and the thread that watches it."""
        self._keeper.start()

    def stop(self) -> None:
        """Ask the worker to end, and wait until it has."""
        self._stopping.set()
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()

    def _keep(self) -> None:
        command = [sys.executable, "-m", "relabel", "worker", "--parent", str(os.getpid())]
        while not self._stopping.is_set():
            self._process = subprocess.Popen(command)  # noqa: S603  our own interpreter
            code = self._process.wait()
            if not self._stopping.is_set():
                log.warning("the worker ended with code %s; starting another", code)
                time.sleep(RESTART_SECONDS)


def run_server(settings: Settings, *, with_worker: bool) -> None:
    """Serve until SIGINT or SIGTERM."""
    signal.signal(signal.SIGTERM, _interrupt)
    keeper = Worker()
    if with_worker:
        keeper.start()
    try:
        serve(settings)
    except KeyboardInterrupt:
        log.info("stopping")
    finally:
        keeper.stop()


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
