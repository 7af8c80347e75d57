"""Who may ask for what: people and Label Studio by password, its webhooks by a secret of their own.

Every request passes `Access.guard`: the name under which it comes, the password or the secret, and,
if it may change something, the page that asks and the type of its body. Written in the subset of
Flask that runs on 1.1.2 and on 3.x.
"""

import hmac

from flask import Response, g, jsonify, request
from sqlalchemy import Engine

from relabel.labelstudio.contract import WEBHOOK_TOKEN_HEADER
from relabel.settings import Settings
from relabel.storage.database import reading
from relabel.storage.projects import find_project, project_of_token
from relabel.web.origin import OwnHosts, Source

OPEN_PATHS = ("/health",)
"""Answered to everybody under any name; everything else asks for user and password if they are set.
"""
WEBHOOK_PATH = "/webhook"
WITHOUT_CONTENT = ("START_TRAINING",)
"""Events that Label Studio sends as it calls an ML backend: with the password, if there is one, and
without the webhook's secret. Nothing is taken from them but their project."""

LOOKING = ("GET", "HEAD", "OPTIONS")
"""Methods that change nothing here."""
FORM_VIEWS = ("dashboard.act",)
"""Views that take a form of the dashboard's own pages; all others that change something take JSON,
which browsers send for no page elsewhere without asking first."""
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data", "")

NOT_OURS = "the webhook's secret is not the one of this project; run relabel connect again"
LONGEST_NAME = 100
"""Characters of a foreign name that are repeated."""


class Access:
    """The checks before a request, and before an event is taken."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._wanted = settings.basic_auth()
        self._hosts = OwnHosts(settings)

    def guard(self) -> Response | None:
        """Answer 421, 401, 403 or 415 before a body is read; None = go on."""
        g.reports_of = None
        g.knows_password = self._wanted is not None and self._password_is_right(self._wanted)
        if request.path in OPEN_PATHS:
            return None
        return self._refuse_name() or self._refuse_person() or self._refuse_source()

    def reporting(self) -> int | None:
        """Return the project whose secret came with this request, None if none did."""
        return None if g.reports_of is None else int(g.reports_of)

    def may_report(self, number: int, action: str) -> bool:
        """Return whether this request may tell something about a project."""
        if g.reports_of is not None:
            return bool(g.reports_of == number)
        if g.knows_password or action in WITHOUT_CONTENT:
            return True
        with reading(self._engine) as connection:
            project = find_project(connection, number)
        # Projects connected by an earlier version have no secret until they are connected again.
        return project is None or not project.webhook_digest

    def may_bring_content(self, action: str) -> bool:
        """Return whether what an event holds may be taken; else only its name, as a hint."""
        return g.reports_of is not None or action in WITHOUT_CONTENT

    def _refuse_name(self) -> Response | None:
        host = request.headers.get("Host")
        if host is None or self._hosts.include(host):  # browsers never leave it out
            return None
        return answered(
            421,
            f"this backend does not go by the name {host[:LONGEST_NAME]!r}: where `relabel serve` "
            f"runs, set RELABEL_URL to the address at which it is called, and start it again",
        )

    def _refuse_person(self) -> Response | None:
        token = request.headers.get(WEBHOOK_TOKEN_HEADER)
        if token is not None and request.path == WEBHOOK_PATH:
            with reading(self._engine) as connection:
                g.reports_of = project_of_token(connection, token)
            return None if g.reports_of is not None else refused(NOT_OURS)
        if g.knows_password or self._wanted is None:
            return None
        return refused("user and password are needed")

    def _refuse_source(self) -> Response | None:
        if request.method in LOOKING or request.endpoint is None:
            return None
        source = self._hosts.source(request.headers)
        is_form = request.endpoint in FORM_VIEWS
        if source is Source.ELSEWHERE or (is_form and source is not Source.OWN):
            return answered(
                403,
                "this is no request for web pages elsewhere: buttons work from the "
                "dashboard's own pages only",
            )
        if request.mimetype in FORM_TYPES if is_form else request.is_json:
            return None
        wanted = "a form" if is_form else "JSON: send it with Content-Type: application/json"
        return answered(415, f"the request body must be {wanted}")

    def _password_is_right(self, wanted: tuple[str, str]) -> bool:
        given = request.authorization
        pair = ("", "") if given is None else (given.username or "", given.password or "")
        # Both are always compared, in constant time.
        right = [
            hmac.compare_digest(a.encode(), b.encode()) for a, b in zip(pair, wanted, strict=True)
        ]
        return all(right)


def answered(status: int, text: str) -> Response:
    """Return an error with its reason."""
    response = jsonify({"error": text})
    response.status_code = status
    return response


def refused(text: str) -> Response:
    """Return 401 with the reason."""
    response = answered(401, text)
    response.headers["WWW-Authenticate"] = 'Basic realm="relabel"'
    return response
