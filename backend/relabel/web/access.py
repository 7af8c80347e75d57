"""Who may ask for what: people and Label Studio by password, its webhooks by a secret of their own.

Written in the subset of Flask that runs on 1.1.2 and on 3.x.
"""

import hmac

from flask import Response, g, jsonify, request
from sqlalchemy import Engine

from relabel.labelstudio.contract import WEBHOOK_TOKEN_HEADER
from relabel.settings import Settings
from relabel.storage.database import reading
from relabel.storage.projects import find_project, project_of_token

OPEN_PATHS = ("/health",)
"""Answered to everybody; everything else asks for user and password if they are set."""
WEBHOOK_PATH = "/webhook"
SENT_WITHOUT_TOKEN = ("START_TRAINING",)
"""Events that Label Studio sends as it calls an ML backend: with the password, if there is one."""

NOT_OURS = "the webhook's secret is not the one of this project; run relabel connect again"


class Access:
    """The checks before a request, and before an event is taken."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._wanted = settings.basic_auth()

    def guard(self) -> Response | None:
        """Answer 401 before a body is read; None = go on."""
        g.reports_of = None
        g.knows_password = self._wanted is not None and self._password_is_right(self._wanted)
        if g.knows_password or request.path in OPEN_PATHS:
            return None
        token = request.headers.get(WEBHOOK_TOKEN_HEADER)
        if token is not None and request.path == WEBHOOK_PATH:
            with reading(self._engine) as connection:
                g.reports_of = project_of_token(connection, token)
            return None if g.reports_of is not None else refused(NOT_OURS)
        return None if self._wanted is None else refused("user and password are needed")

    def reporting(self) -> int | None:
        """Return the project whose secret came with this request, None if none did."""
        return None if g.reports_of is None else int(g.reports_of)

    def may_report(self, number: int, action: str) -> bool:
        """Return whether this request may tell something about a project."""
        if g.knows_password:
            return True
        if g.reports_of is not None:
            return bool(g.reports_of == number)
        with reading(self._engine) as connection:
            project = find_project(connection, number)
        # Projects connected by an earlier version have no secret until they are connected again.
        return project is None or not project.webhook_digest or action in SENT_WITHOUT_TOKEN

    def _password_is_right(self, wanted: tuple[str, str]) -> bool:
        given = request.authorization
        pair = ("", "") if given is None else (given.username or "", given.password or "")
        # Both are always compared, in constant time.
        right = [
            hmac.compare_digest(a.encode(), b.encode()) for a, b in zip(pair, wanted, strict=True)
        ]
        return all(right)


def refused(text: str) -> Response:
    """Return 401 with the reason."""
    response = jsonify({"error": text})
    response.status_code = 401
    response.headers["WWW-Authenticate"] = 'Basic realm="relabel"'
    return response
