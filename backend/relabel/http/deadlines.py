"""Requests that end in time, or as soon as nobody wants their answer, whatever the other side does.

A time limit of httpx is one per read: a host that sends a byte now and then is read for ever.
"""

import math
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpcore
import httpx

SLICE_SECONDS = 0.5
"""How often a waiting request looks whether it is still wanted."""

Check = Callable[[], None]
"""check(): raises if the work is to end."""


@dataclass(frozen=True, slots=True)
class _Limit:
    """until: by time.monotonic()."""

    until: float
    check: Check


_NONE = _Limit(math.inf, lambda: None)
_limit: ContextVar[_Limit] = ContextVar("limit", default=_NONE)


@contextmanager
def ending(within: float = math.inf, check: Check | None = None) -> Iterator[None]:
    """Let every request of this block end within so many seconds in all, and when `check` raises.

    Limits of a block around this one hold as well. Threads do not take them over: run what they do
    in a copy of the context (`contextvars.copy_context`).
    """
    outer = _limit.get()
    until = min(outer.until, time.monotonic() + within)
    token = _limit.set(_Limit(until, check or outer.check))
    try:
        yield
    finally:
        _limit.reset(token)


def check_wanted() -> None:
    """Raise what the `check` of the block around raises, if it does."""
    _limit.get().check()


def punctual(client: httpx.Client) -> httpx.Client:
    """Let the limits of `ending` hold for a client's requests, also through proxies; return it."""
    for transport in (client._transport, *client._mounts.values()):  # noqa: SLF001  no other way
        pool = getattr(transport, "_pool", None)
        if isinstance(pool, httpcore.ConnectionPool):
            pool._network_backend = _Backend(pool._network_backend)  # noqa: SLF001  no other way
    return client


class _Backend(httpcore.NetworkBackend):
    """Opens connections that heed the limits."""

    def __init__(self, backend: httpcore.NetworkBackend) -> None:
        self._backend = backend

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        opened = self._backend.connect_tcp(host, port, left, local_address, socket_options)
        return _Stream(opened)

    def sleep(self, seconds: float) -> None:
        self._backend.sleep(seconds)


class _Stream(httpcore.NetworkStream):
    """A connection that heeds the limits of whoever uses it at the moment."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        end = math.inf if timeout is None else time.monotonic() + timeout
        while True:
            # A read that was cut short has taken nothing, so it may be repeated.
            left = _left(end - time.monotonic(), httpcore.ReadTimeout)
            try:
                return self._stream.read(max_bytes, min(left, SLICE_SECONDS))
            except httpcore.ReadTimeout:
                continue

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(timeout: float | None, late: type[Exception]) -> float:
    """Return how long to wait at most, in seconds.

    Raises:
        Exception: of the kind `late`, when the time is over; what the check raises.

    """
    limit = _limit.get()
    limit.check()
    left = min(limit.until - time.monotonic(), math.inf if timeout is None else timeout)
    if left <= 0:
        raise late("no whole answer within the time limit")
    return left
