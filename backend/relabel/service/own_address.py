"""Whether this backend answers at the address that Label Studio is told."""

from typing import Any
from urllib.parse import urlsplit

import httpx

from relabel.settings import Settings
from relabel.transport import cause, trusted

SECONDS = 5.0
"""Longest wait for an answer."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def ask_own_address(settings: Settings) -> str:
    """Return what happens instead of an answer of `relabel serve`, "" = it answers."""
    url = settings.public_url()
    try:
        answer = _health(settings)
    except httpx.RequestError as error:
        return f"{url}: {cause(error)}"
    if _body(answer).get("model_class") == "relabel":
        return ""
    return f"another program answers at {url} (status {answer.status_code})"


def library_there(settings: Settings) -> str:
    """Return which of label-studio-ml's own servers answers at the address, "" = none of them."""
    try:
        body = _body(_health(settings))
    except httpx.RequestError:
        return ""
    if "v2" in body:
        return "label-studio-ml 1.0.9"
    # 2.x says nothing else, whatever model it serves.
    return "label-studio-ml 2.x" if body.keys() == {"status", "model_class"} else ""


def _health(settings: Settings) -> httpx.Response:
    return httpx.get(
        f"{settings.public_url()}/health",
        timeout=SECONDS,
        trust_env=False,
        verify=trusted(settings.ca_bundle),
    )


def _body(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def is_loopback(settings: Settings) -> bool:
    """Return whether the address means the machine on which it is used."""
    return urlsplit(settings.public_url()).hostname in LOOPBACK
