"""Threads that work on projects: each project is in the hands of one of them, the others go on."""

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue

from sqlalchemy.exc import OperationalError

from relabel.errors import RelabelError

log = logging.getLogger("relabel.worker")


class Crew:
    """Threads for one kind of work.

    They remember nothing but what is in their hands: what is due is seen in the store again.
    """

    def __init__(
        self, name: str, threads: int, work: Callable[[int], None], free: Callable[[], None]
    ) -> None:
        """Start the threads.

        Args:
            name: of the work, for the log.
            threads: how many.
            work: works on the project of this number.
            free: called whenever a thread has ended a piece of work, however it ended.

        """
        self._name, self._work, self._free = name, work, free
        self._guard = threading.Lock()
        self._in_hand: set[int] = set()
        self._offered: SimpleQueue[int | None] = SimpleQueue()
        # Ended with the process: whatever is cut off is done again.
        self._threads = [threading.Thread(target=self._serve, daemon=True) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def offer(self, number: int) -> None:
        """Have a project worked on in its turn, unless it is in somebody's hands."""
        with self._guard:
            if number in self._in_hand:
                return
            self._in_hand.add(number)
        self._offered.put(number)

    def end(self) -> None:
        """Wait until the threads have ended what is in their hands."""
        for _ in self._threads:
            self._offered.put(None)
        for thread in self._threads:
            thread.join()

    def _serve(self) -> None:
        while (number := self._offered.get()) is not None:
            try:
                self._work(number)
            except RelabelError as error:
                log.warning("%s, project %s: %s", self._name, number, error)
            except OperationalError as error:  # locked, full or away
                log.warning("%s, project %s: the store: %s", self._name, number, error.orig)
            except Exception:
                # A mistake met in one project must not keep the others waiting for this thread.
                log.exception("%s, project %s", self._name, number)
            finally:
                with self._guard:
                    self._in_hand.discard(number)
                self._free()
