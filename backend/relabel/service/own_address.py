"""Whether this backend answers at the address that Label Studio is told."""

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
        answer = httpx.get(
            f"{url}/health",
            timeout=SECONDS,
            trust_env=False,
            verify=trusted(settings.ca_bundle),
        )
    except httpx.RequestError as error:
        return f"{url}: {cause(error)}"
    try:
        body = answer.json()
    except ValueError:
        body = None
    if isinstance(body, dict) and body.get("model_class") == "relabel":
        return ""
    return f"another program answers at {url} (status {answer.status_code})"


def is_loopback(settings: Settings) -> bool:
    """Return whether the address means the machine on which it is used."""
    return urlsplit(settings.public_url()).hostname in LOOPBACK
