"""Names of annotators, as Label Studio has them: asked for when a page shows them, never kept."""

import logging
import threading
import time
from collections import Counter
from typing import Any

from relabel.errors import RelabelError
from relabel.labelstudio.client import LabelStudio
from relabel.settings import Settings

log = logging.getLogger("relabel.names")

FRESH_SECONDS = 600.0
"""How long names are kept in memory."""
FAILED_SECONDS = 30.0
"""How long nobody asks again after Label Studio did not answer."""
WAIT_SECONDS = 3.0
"""Longest wait of somebody who opens the page."""


class Names:
    """The names of everybody in Label Studio, by id. Safe in several threads."""

    def __init__(self, settings: Settings, label_studio: LabelStudio | None = None) -> None:
        self._settings = settings
        self._label_studio = label_studio
        self._guard = threading.Lock()
        self._known: dict[str, str] = {}
        self._until = 0.0

    def get(self) -> dict[str, str]:
        """Return name by id; what is known from before, or nothing, if Label Studio is silent."""
        with self._guard:
            if time.monotonic() >= self._until:
                self._read()
            return self._known

    def _read(self) -> None:
        try:
            if self._label_studio is None:
                self._label_studio = LabelStudio(
                    self._settings.label_studio_url,
                    self._settings.api_key(),
                    timeout_seconds=WAIT_SECONDS,
                    ca_bundle=self._settings.ca_bundle,
                )
            self._known = names_of(self._label_studio.users())
            self._until = time.monotonic() + FRESH_SECONDS
        except RelabelError as error:
            log.warning("names of annotators: %s", error)
            self._until = time.monotonic() + FAILED_SECONDS


def names_of(users: list[dict[str, Any]]) -> dict[str, str]:
    """Return what people are called, by id: by name, else by e-mail; with both where names meet."""
    names = {str(user.get("id")): _name(user) for user in users}
    often = Counter(names.values())
    emails = {str(user.get("id")): str(user.get("email") or "") for user in users}
    return {
        number: f"{name} ({emails[number]})" if often[name] > 1 else name
        for number, name in names.items()
        if name
    }


def called(source: str, names: dict[str, str]) -> str:
    """Return what a source of labels is called: a person by name, else by id, else as it stands."""
    if source in names or not source.isdigit():
        return names.get(source, source)
    return f"user {source} (gone from Label Studio)" if names else f"user {source}"


def _name(user: dict[str, Any]) -> str:
    parts = (str(user.get(key) or "").strip() for key in ("first_name", "last_name"))
    return " ".join(part for part in parts if part) or str(user.get("email") or "")
