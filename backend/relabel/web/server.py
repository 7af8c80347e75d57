"""Serving the web application with waitress."""

import logging
import sys
from typing import Any

import waitress
from flask import Flask

from relabel.errors import ConfigurationError
from relabel.settings import Settings
from relabel.web.app import create_app

log = logging.getLogger("relabel.web")

THREADS = 8

CONNECTIONS = 800
"""A browser keeps about six open for a while after each page: with waitress' own limit of 100, a
dozen people who look at the dashboard would shut the webhook out."""

SWITCH_SECONDS = 0.0005
"""How long a thread computes before another one may: with Python's own 5 ms an event waits some ten
times that long, turn by turn, while an overview of ten thousand tasks is being read."""


def serve(settings: Settings) -> None:
    """Serve until interrupted."""
    sys.setswitchinterval(SWITCH_SECONDS)
    server = make_server(create_app(settings), settings)
    log.info("listening on http://%s:%s", settings.host, settings.port)
    server.run()


def make_server(app: Flask, settings: Settings) -> Any:
    """Return a listening server: `run()` serves until `close()`.

    Raises:
        ConfigurationError: it cannot listen there.

    """
    try:
        return waitress.create_server(
            app,
            host=settings.host,
            port=settings.port,
            threads=THREADS,
            connection_limit=CONNECTIONS,
            asyncore_use_poll=True,  # select() knows no more than 1,024 files
            max_request_body_size=settings.max_request_bytes,
            ident=None,
        )
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"Cannot listen on RELABEL_HOST = {settings.host!r}, RELABEL_PORT = {settings.port}: "
            f"{getattr(error, 'strerror', None) or error}. Stop the other program, or set another "
            f"port and connect the project again."
        ) from error
