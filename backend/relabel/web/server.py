"""Serving the web application with waitress."""

import logging

import waitress

from relabel.settings import Settings
from relabel.web.app import create_app

log = logging.getLogger("relabel.web")

THREADS = 8


def serve(settings: Settings) -> None:
    """Serve until interrupted."""
    app = create_app(settings)
    log.info("listening on http://%s:%s", settings.host, settings.port)
    waitress.serve(
        app,
        host=settings.host,
        port=settings.port,
        threads=THREADS,
        max_request_body_size=settings.max_request_bytes,
        ident=None,
    )
