"""Whether this backend answers at the address that Label Studio is told."""

from typing import Any
from urllib.parse import urlsplit

import httpx

from relabel.http.reach import cause, trusted
from relabel.settings import Settings

SECONDS = 5.0
"""Longest wait for an answer."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def ask_own_address(settings: Settings) -> str:
    """Return what happens instead of an answer of `relabel serve`, "" = it answers."""
    url = settings.public_url()
    try:
        answer = _get(settings, "/health")
        # Health is told under every name, all else under its own names only.
        if _get(settings, "/versions").status_code == httpx.codes.MISDIRECTED_REQUEST:
            return unknown_name(url)
    except httpx.RequestError as error:
        return f"{url}: {cause(error)}"
    if _body(answer).get("model_class") == "relabel":
        return ""
    return f"another program answers at {url} (status {answer.status_code})"


def library_there(settings: Settings) -> str:
    """Return which of label-studio-ml's own servers answers at the address, "" = none of them."""
    try:
        body = _body(_get(settings, "/health"))
    except httpx.RequestError:
        return ""
    if "v2" in body:
        return "label-studio-ml 1.0.9"
    # 2.x says nothing else, whatever model it serves.
    return "label-studio-ml 2.x" if body.keys() == {"status", "model_class"} else ""


def _get(settings: Settings, path: str) -> httpx.Response:
    return httpx.get(
        f"{settings.public_url()}{path}",
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


def unknown_name(url: str) -> str:
    """Return what to do where `relabel serve` answers 421: it does not go by that name."""
    return (
        f"`relabel serve` there does not go by the name in {url}. Set RELABEL_URL={url} where it "
        f"runs, and start it again"
    )


def is_loopback(settings: Settings) -> bool:
    """Return whether the address means the machine on which it is used."""
    return urlsplit(settings.public_url()).hostname in LOOPBACK
