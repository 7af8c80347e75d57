"""The routes that Label Studio calls on an ML backend."""

import html
import json
import logging
import re
from typing import Any

from flask import Response, jsonify, request
from sqlalchemy import Engine

from relabel import __version__
from relabel.errors import ConfigurationError, LabelConfigError, PayloadError
from relabel.labelstudio.labels import parse_label_config
from relabel.labelstudio.payloads import field, project_id
from relabel.service.connected import check_cannot_tell, policy_of
from relabel.service.sync.receive import receive
from relabel.settings import Settings
from relabel.storage.annotations import forget_beginnings
from relabel.storage.database import reading
from relabel.storage.journal.events import Action, journal
from relabel.storage.projects import find_project, set_project
from relabel.storage.rounds import list_rounds, published_round
from relabel.web.access import NOT_OURS, Access, refused
from relabel.web.health import Health
from relabel.web.predictions import UNTRAINED, stored_predictions

log = logging.getLogger("relabel.web")

MAX_REASON = 400
"""Characters of a refusal: it travels in one header line."""
_ODD_TEXT = re.compile(rb"\\u(d[89a-f]|0000)", re.IGNORECASE)
"""Escapes that may stand for half a character or for none: worth a closer look."""


class Protocol:
    """Views over the store; each is a plain method that Flask calls."""

    def __init__(self, engine: Engine, settings: Settings, access: Access, health: Health) -> None:
        self._access = access
        self._health = health
        self._engine = engine
        self._settings = settings

    def health(self) -> Response:
        """Say that the process is up, and of each part in one word how it was a moment ago.

        Everybody may ask: what is wrong is told by the doctor and on the dashboard.
        """
        checks = {finding.check: finding.ok for finding in self._health.findings()}
        return jsonify(
            {"status": "UP", "model_class": "relabel", "version": __version__, "checks": checks}
        )

    def setup(self) -> Response:
        """Check labelling config and extra params; a refusal stands in the reason phrase.

        The reason phrase is the only part of the answer that Label Studio shows to people.
        """
        body = _json()
        number = project_id(body)
        schema = field(body, "schema", str, where="body")
        params = body.get("extra_params")
        try:
            policy = policy_of(self._settings, params)
            found = parse_label_config(schema, policy.choices, policy.image, policy.cannot_tell)
            check_cannot_tell(policy, found)
        except (ConfigurationError, LabelConfigError) as error:
            return refusal(str(error))
        return jsonify({"model_version": self._take_over(number, schema, params)})

    def predict(self) -> Response:
        """Answer from the stored scores of the last round; nothing is computed here."""
        body = _json()
        wanted = [
            field(t, "id", int, where="tasks") for t in field(body, "tasks", list, where="body")
        ]
        number = project_id(body) if body.get("project") else None
        return jsonify({"results": stored_predictions(self._engine, number, wanted)})

    def webhook(self) -> Response:
        """Journal the event and answer at once."""
        body = _json()
        action = field(body, "action", str, where="body")
        # An event without content says its project by the secret alone.
        hinted = self._access.reporting() if "project" not in body else None
        number = hinted or project_id(body)
        if not self._access.may_report(number, action):
            return refused(NOT_OURS)
        if not self._access.may_bring_content(action):
            # Nobody vouches for what it holds: what has changed is read from Label Studio.
            body, hinted = {"action": action}, number
        number, work = receive(self._engine, self._settings, body, hinted)
        response = jsonify({"status": "ok", "project": number, "accepted": work})
        response.status_code = 201
        return response

    def train(self) -> Response:
        """Ask for a round (the older name of Label Studio's Start Training)."""
        number = project_id(_json())
        with self._engine.begin() as connection:
            if find_project(connection, number) is None:
                raise PayloadError(f"Project {number} is not connected.")
            set_project(connection, number, train_requested=True)
            journal(connection, number, Action.START_TRAINING)
        response = jsonify({"status": "ok", "project": number})
        response.status_code = 201
        return response

    def versions(self) -> Response:
        """List the model versions of a project's rounds, the newest first."""
        asked: Any = request.args
        if request.method == "POST" and not asked.get("project"):
            asked = _json()
        found: list[str] = []
        if asked.get("project"):
            with reading(self._engine) as connection:
                rounds = list_rounds(connection, project_id({"project": asked["project"]}))
                found = [r.model_version for r in reversed(rounds) if r.artifact]
        return jsonify({"versions": found or [UNTRAINED]})

    def _take_over(self, number: int, schema: str, params: Any) -> str:
        """Remember changed settings of a connected project; return its model version."""
        text = params if isinstance(params, str) else json.dumps(params) if params else ""
        with reading(self._engine) as connection:
            project = find_project(connection, number)
            last = published_round(connection, number)
        if project is not None and (project.label_config, project.extra_params) != (schema, text):
            with self._engine.begin() as connection:
                set_project(connection, number, label_config=schema, extra_params=text)
                forget_beginnings(connection, number)
                journal(connection, number, Action.RECONCILE)
        return last.model_version if last else UNTRAINED


def refusal(text: str) -> Response:
    """Return 400 with the text as reason phrase: one line, Latin-1, HTML-escaped."""
    printable = "".join(c if c.isprintable() else " " for c in text)
    line = html.escape(" ".join(printable.split())[:MAX_REASON], quote=False)
    phrase = line.encode("latin-1", "replace").decode("latin-1")
    response = jsonify({"error": text})
    response.status = f"400 {phrase}"
    return response


def _json() -> Any:
    try:
        body = request.get_json(force=True, silent=True)
    except RecursionError as error:
        raise PayloadError("The request body is nested too deeply.") from error
    if not isinstance(body, dict):
        raise PayloadError("The request body must be a JSON object.")
    if _ODD_TEXT.search(request.get_data()):
        _refuse_odd_text(json.dumps(body, ensure_ascii=False))
    return body


def _refuse_odd_text(text: str) -> None:
    """Refuse what no database can hold as text."""
    if "\\u0000" in text:
        raise PayloadError("The request body holds text with a zero character.")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise PayloadError("The request body holds text with half a character.") from error
