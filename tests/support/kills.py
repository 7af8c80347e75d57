"""Processes that are killed at a chosen moment: before or after one of their writes to either side.

A write is a request to Label Studio that changes something, or a transaction of the store that is
committed. So what makes n writes can be killed at 2n moments: 0 is before its first write, 1 after
it, 2 before its second one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from fake_label_studio import FakeLabelStudio
from relabel.service.context import Context


class Killed(BaseException):
    """The process is gone."""


@contextmanager
def killed_at(context: Context, fake: FakeLabelStudio, moment: int) -> Iterator[None]:
    """Let the process die at a moment, and write nothing ever after."""
    dialect, before = context.engine.dialect, fake.intercept
    commit = dialect.do_commit
    left = moment

    def live_on() -> None:
        nonlocal left
        if left <= 0:
            raise Killed
        left -= 1

    def commit_or_die(connection: Any) -> None:
        live_on()
        commit(connection)
        live_on()

    def ask_or_die(request: httpx.Request) -> httpx.Response | None:
        if request.method != "GET":
            live_on()
        return before(request)

    def answer_or_die(request: httpx.Request) -> None:
        if request.method != "GET":
            live_on()

    dialect.do_commit = commit_or_die  # type: ignore[method-assign]
    fake.intercept, fake.answered = ask_or_die, answer_or_die
    try:
        yield
    finally:
        dialect.do_commit = commit  # type: ignore[method-assign]
        fake.intercept, fake.answered = before, lambda _request: None
