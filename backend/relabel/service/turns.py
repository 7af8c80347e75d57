"""Whose turn it is among the threads of a worker, so that one is always left for votes."""

import threading
from collections.abc import Callable

from relabel.errors import QueueBusyError

COME_BACK_SECONDS = 0.2
"""After so long a project is looked at again that somebody else was changing."""


class Revisits:
    """Projects that are looked at again in a moment: one thread is at each, the others go on.

    Args:
        look: asks for a look at a project.

    """

    def __init__(self, look: Callable[[int], None]) -> None:
        self._look = look
        self._guard = threading.Lock()
        self._visited: set[int] = set()
        self._coming: set[int] = set()

    def visit(self, number: int, work: Callable[[], object]) -> bool:
        """Work on a project unless somebody else is at it; then it is looked at afterwards.

        Returns:
            Whether it was worked on.

        """
        with self._guard:
            alone = number not in self._visited
            self._visited.add(number)
        if not alone:
            self._come_back(number)
            return False
        try:
            work()
        except QueueBusyError:
            self._come_back(number)
            return False
        finally:
            with self._guard:
                self._visited.discard(number)
        return True

    def _come_back(self, number: int) -> None:
        """Look at a project in a moment: once, however many ask for it."""
        with self._guard:
            if number in self._coming:
                return
            self._coming.add(number)
        timer = threading.Timer(COME_BACK_SECONDS, self._go, [number])
        timer.daemon = True  # what is due stays in the journal
        timer.start()

    def _go(self, number: int) -> None:
        with self._guard:
            self._coming.discard(number)
        self._look(number)


def one_after_another(job: Callable[..., None]) -> Callable[..., None]:
    """Let one thread do all that is asked of a job while it is at it; nobody else waits."""
    guard = threading.Lock()
    asked: dict[tuple[int, ...], None] = {}
    busy = False

    def run(*args: int) -> None:
        nonlocal busy
        with guard:
            asked[args] = None
            if busy:
                return
            busy = True
        try:
            while (first := take()) is not None:
                job(*first)
        except BaseException:
            with guard:
                busy = False
            raise

    def take() -> tuple[int, ...] | None:
        nonlocal busy
        with guard:
            first = next(iter(asked), None)
            if first is None:
                busy = False
            else:
                del asked[first]
            return first

    return run
