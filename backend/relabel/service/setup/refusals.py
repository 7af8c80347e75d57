"""Why Label Studio does not accept this backend: one cause in plain words, each with its remedy.

Label Studio hands on what its HTTP library says, inside sentences of its own. The first pattern
that is found in them decides.
"""

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from relabel.errors import LabelStudioError
from relabel.labelstudio.answers import LONGEST
from relabel.service.setup.own_address import ask_own_address, unknown_name
from relabel.settings import Settings


def why_refused(error: LabelStudioError, settings: Settings) -> str:
    """Return the cause and what to do about it; what is no known cause is told as it is."""
    # A 5xx may be Label Studio's own trouble, and a 401 that of the token.
    is_refusal = type(error) is LabelStudioError
    causes = (*OF_ANY_ANSWER, *OF_REFUSALS) if is_refusal else OF_ANY_ANSWER
    cause = _first(causes, error.said, settings)
    if cause:
        return cause
    return f"Label Studio says: {error.said[:LONGEST]}" if is_refusal and error.said else str(error)


def known_cause(said: str, settings: Settings) -> str:
    """Return the cause of what Label Studio says of a backend, "" = it is none of the known."""
    return _first((*OF_ANY_ANSWER, *OF_REFUSALS), said, settings)


def _first(causes: "Causes", said: str, settings: Settings) -> str:
    for pattern, explain in causes:
        found = re.search(pattern, said, re.IGNORECASE | re.DOTALL)
        if found:
            return explain(settings, found)
    return ""


Explain = Callable[[Settings, re.Match[str]], str]
Causes = tuple[tuple[str, Explain], ...]


def _reserved(settings: Settings, _found: re.Match[str]) -> str:
    return (
        f"Label Studio talks to no private address, and {settings.public_url()} is one. Set "
        f"SSRF_PROTECTION_ENABLED=false and ML_BLOCK_LOCAL_IP=false in the environment of Label "
        f"Studio, and start it again."
    )


def _password(settings: Settings, _found: re.Match[str]) -> str:
    return (
        f"the backend at {settings.public_url()} asks for another password than this shell has. "
        f"Set BASIC_AUTH_USER and BASIC_AUTH_PASS here as they are where `relabel serve` runs."
    )


def _plain_http(settings: Settings, _found: re.Match[str]) -> str:
    return (
        f"the backend does not speak https at {settings.public_url()}. Begin RELABEL_URL with "
        f"http://, or put a proxy that speaks https before `relabel serve`."
    )


def _certificate(settings: Settings, _found: re.Match[str]) -> str:
    return (
        f"Label Studio does not trust the certificate of {settings.public_url()}. Let "
        f"REQUESTS_CA_BUNDLE in the environment of Label Studio name the file of its authority, or "
        f"set RELABEL_URL to an address whose certificate it trusts."
    )


def _proxy(settings: Settings, _found: re.Match[str]) -> str:
    host = urlsplit(settings.public_url()).hostname
    return (
        f"Label Studio asks a proxy for {settings.public_url()}, which refuses. Add {host} to "
        f"NO_PROXY in the environment of Label Studio, and start it again."
    )


def _name(settings: Settings, _found: re.Match[str]) -> str:
    host = urlsplit(settings.public_url()).hostname
    return (
        f"Label Studio does not know the name {host}. Set RELABEL_URL to a name or an IP address "
        f"under which the machine of Label Studio reaches this backend."
    )


def _silent(settings: Settings, _found: re.Match[str]) -> str:
    return (
        f"Label Studio got no answer from {settings.public_url()} within a second or two. See "
        f"whether a firewall stands between both, or the backend's machine is overloaded."
    )


def _refused(settings: Settings, _found: re.Match[str]) -> str:
    if ask_own_address(settings):
        return f"nothing listens at {settings.public_url()}. Start the backend: relabel serve"
    return (
        f"{settings.public_url()} answers from here, but not for Label Studio, which runs "
        f"elsewhere (in a container, localhost is the container). Set RELABEL_URL to the address "
        f"of this machine as Label Studio sees it, and RELABEL_HOST=0.0.0.0 where "
        f"`relabel serve` runs."
    )


def _other_name(settings: Settings, _found: re.Match[str]) -> str:
    return f"{unknown_name(settings.public_url())}."


def _own_words(_settings: Settings, found: re.Match[str]) -> str:
    return f"the backend refuses the project: {found[1]}"


def _stranger(settings: Settings, found: re.Match[str]) -> str:
    return (
        f"another program than `relabel serve` answers at {settings.public_url()} ({found[1]}). "
        f"Set RELABEL_URL to the address of this backend, with the path that a proxy may add."
    )


OF_ANY_ANSWER: Causes = (
    (r"reserved network address|local or private network", _reserved),
    (r"resolve hostname", _name),
)
OF_REFUSALS: Causes = (
    (r"\b401 Client Error|authentication (parameters|username)", _password),
    (r"\b400 Client Error: (.*?) for url", _own_words),
    (r"\b421 Client Error", _other_name),
    (r"WRONG_VERSION_NUMBER|record layer failure", _plain_http),
    (r"CERTIFICATE_VERIFY_FAILED|SSLError", _certificate),
    (r"ProxyError|Tunnel connection failed|407 Client Error", _proxy),
    (r"NameResolutionError|Name or service not known|getaddrinfo", _name),
    (r"timed out|Timeout", _silent),
    (r"Connection refused|No route to host|NewConnectionError", _refused),
    (r"\b(\d{3} (?:Client|Server) Error)", _stranger),
)
"""Patterns of Label Studio's words, and what to say; the latter only where it refuses a backend."""
