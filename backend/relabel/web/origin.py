"""Where a request comes from: under which name, and from whose page.

Needed beside the password, which browsers send along whoever asks, and where there is none.
"""

import socket
from enum import Enum
from ipaddress import ip_address
from urllib.parse import urlsplit

from werkzeug.datastructures import Headers

from relabel.settings import Settings

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
EVERY_INTERFACE = ("0.0.0.0", "::", "")  # noqa: S104  compared with, not listened on  # nosec B104


class Source(Enum):
    """Whose page a browser sends a request for. UNSAID: no browser, or none that says so."""

    OWN = "own"
    ELSEWHERE = "elsewhere"
    UNSAID = "unsaid"


class OwnHosts:
    """The names under which this backend may be called.

    A page elsewhere whose name was pointed at this machine (DNS rebinding) is of the same origin
    for its browser; only the name tells. Where the backend listens on every interface, this
    machine's own name and every address in numbers belong to it: nobody else can point those here.
    """

    def __init__(self, settings: Settings) -> None:
        own = urlsplit(settings.public_url())
        listening = settings.host.strip().strip("[]").lower()
        self._everywhere = listening in EVERY_INTERFACE
        named = {(own.hostname or "").rstrip("."), listening}
        if self._everywhere:
            named.add(socket.gethostname().lower())
        self._names = (LOOPBACK | named) - {""}
        self._public = own.netloc

    def include(self, host: str) -> bool:
        """Return whether a Host header, host[:port], names this backend."""
        name = _hostname(host)
        if name in self._names:
            return True
        try:
            return self._everywhere and bool(ip_address(name))
        except ValueError:
            return False

    def source(self, headers: Headers) -> Source:
        """Return what a browser says of the page that asks."""
        site = headers.get("Sec-Fetch-Site")
        if site in ("same-origin", "cross-site", "same-site"):
            return Source.OWN if site == "same-origin" else Source.ELSEWHERE
        # Browsers leave it out on plain http; then one of these is there.
        page = headers.get("Origin") or headers.get("Referer")
        if not page:
            return Source.UNSAID
        ours = {self._public, headers.get("Host", "")} - {""}
        return Source.OWN if _netloc(page) in ours else Source.ELSEWHERE


def _hostname(host: str) -> str:
    """Return the name within a Host header in small letters, "" = it is none."""
    if not host or set(host) & set("@/?#\\ "):
        return ""
    try:
        return (urlsplit(f"//{host}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _netloc(address: str) -> str:
    try:
        return urlsplit(address).netloc
    except ValueError:
        return ""
