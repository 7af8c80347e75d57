"""The web process: the ML-backend protocol, status and metrics. It never imports torch.

Written in the subset of Flask that runs on 1.1.2 and on 3.x.
"""

import logging

from flask import Flask, Response, current_app, jsonify, request
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from relabel.errors import (
    ConfigurationError,
    LabelConfigError,
    NotReadyError,
    PayloadError,
    RelabelError,
)
from relabel.settings import Settings
from relabel.storage.database import open_database
from relabel.web.access import Access
from relabel.web.health import Health
from relabel.web.metrics import metrics_text
from relabel.web.overviews import Overviews
from relabel.web.pages.routes import add_dashboard
from relabel.web.protocol import Protocol

log = logging.getLogger("relabel.web")


def create_app(settings: Settings) -> Flask:
    """Build the web application; opens the store, sends nothing."""
    engine = open_database(settings.database())
    app = Flask("relabel", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = settings.max_request_bytes
    app.extensions["relabel.engine"] = engine  # whoever made the app closes it
    access = Access(engine, settings)
    app.before_request(_refuse_large_body)
    app.before_request(access.guard)
    app.register_error_handler(Exception, _answer_error)
    health = Health(engine)
    protocol = Protocol(engine, settings, access, health)
    overviews = Overviews(engine, settings)
    _add_protocol(app, protocol)
    _add_status(app, engine, overviews, health)
    add_dashboard(app, engine, settings, overviews, health, answer=protocol.health)
    return app


def _refuse_large_body() -> None:
    # Older Werkzeug looks at the length of forms alone.
    if (request.content_length or 0) > current_app.config["MAX_CONTENT_LENGTH"]:
        raise RequestEntityTooLarge


def _add_protocol(app: Flask, protocol: Protocol) -> None:
    routes = {
        "/health": (protocol.health, ["GET"]),
        "/setup": (protocol.setup, ["POST"]),
        "/predict": (protocol.predict, ["POST"]),
        "/webhook": (protocol.webhook, ["POST"]),
        "/train": (protocol.train, ["POST"]),
        "/versions": (protocol.versions, ["GET", "POST"]),
    }
    for path, (view, methods) in routes.items():
        app.add_url_rule(path, f"{view.__name__}{path}", view, methods=methods)


def _add_status(app: Flask, engine: Engine, overviews: Overviews, health: Health) -> None:
    def status(number: int) -> Response:
        return jsonify(overviews.newest(number).status)

    def metrics() -> Response:
        text = metrics_text(engine, overviews, health.findings())
        return Response(text, mimetype="text/plain; version=0.0.4")

    app.add_url_rule("/api/projects/<int:number>/status", "status", status, methods=["GET"])
    app.add_url_rule("/metrics", "metrics", metrics, methods=["GET"])


def _answer_error(error: Exception) -> Response:
    """Answer every error as JSON without a traceback."""
    if isinstance(error, HTTPException):
        code, text = error.code or 500, error.description or error.name
    elif isinstance(error, PayloadError | ConfigurationError | LabelConfigError):
        code, text = 400, str(error)
    elif isinstance(error, NotReadyError):
        code, text = 404, str(error)
    elif isinstance(error, RelabelError):
        code, text = 503, str(error)
    elif isinstance(error, OperationalError):
        log.warning("%s %s: %s", request.method, request.path, error.orig)
        code, text = 503, "the store is locked, full or away just now; nothing was changed"
    else:
        log.error("%s %s failed", request.method, request.path, exc_info=error)
        code, text = 500, "internal error; the log has the details"
    response = jsonify({"error": text})
    response.status_code = code
    return response
