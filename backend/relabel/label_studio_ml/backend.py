"""This backend under label-studio-ml's own server, 1.0.9 from PyPI or 2.x from its repository.

For deployments that are built around `label_studio_ml.api.init_app`: give it `RelabelBackend`. The
views of the library cannot do what is needed: 1.0.9 knows no project in /predict and calls every
version INITIAL, 2.x refuses events without the whole project, and neither lets a webhook in by its
secret. So the library's application hands every request to the one that `relabel serve` runs: the
same routes, checks and answers. Nothing is opened before the first request.

Import this module before `label_studio_ml.api`, which imports torch for nothing.
"""

import json
import logging
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, Response

from relabel.errors import RelabelError
from relabel.settings import Settings
from relabel.web.app import create_app

log = logging.getLogger("relabel.web")


@contextmanager
def _without_torch() -> Iterator[None]:
    """Keep a library from importing torch, which the web process has no use for: 460 MB."""
    absent = "torch" not in sys.modules
    if absent:
        sys.modules["torch"] = None  # type: ignore[assignment]  # what `import` reads as "not there"
    else:
        log.warning(
            "torch is loaded already, which takes 460 MB that nothing here needs: import "
            "relabel.label_studio_ml.backend before label_studio_ml"
        )
    try:
        yield
    finally:
        if absent:
            del sys.modules["torch"]


with _without_torch():
    from label_studio_ml import api
    from label_studio_ml.model import LabelStudioMLBase


class RelabelBackend(LabelStudioMLBase):  # type: ignore[misc]  # the library has no types
    """What `init_app` is given. No object of it is ever made: no request reaches the library."""


class _Handover:
    """The WSGI application of `relabel serve`, opened by the first request."""

    def __init__(self) -> None:
        self._opening = threading.Lock()
        self._app: Flask | None = None

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        try:
            with self._opening:
                self._app = self._app or create_app(_settings())
        except RelabelError as error:
            log.error("%s", error)  # noqa: TRY400  the message says it all
            body = json.dumps({"error": str(error)})
            return Response(body, 503, mimetype="application/json")(environ, start_response)
        return self._app(environ, start_response)


def _settings() -> Settings:
    """Read the environment; user and password that 2.x's init_app was given go first."""
    user, password = getattr(api, "BASIC_AUTH", None) or ("", "")
    return Settings.from_env(
        **({"basic_auth_user": user, "basic_auth_pass": password} if user else {})
    )


# init_app has no other door: whatever it is given, it returns this application.
api._server.wsgi_app = _Handover()  # noqa: SLF001
