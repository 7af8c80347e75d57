"""Why a machine could not be reached, in words with what to do about it, and whom https trusts."""

import errno
import socket
import ssl
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple
from urllib.request import getproxies, proxy_bypass

import httpx

NO_ROUTE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN)
NOT_VALID_NOW = (9, 10)
OTHER_NAME = (62, 64)
"""OpenSSL's numbers for a certificate before or after its time, and for another name or address."""

CUT = (
    httpx.RemoteProtocolError,
    httpx.ReadError,
    httpx.WriteError,
    ConnectionResetError,
    BrokenPipeError,
)
NO_ADDRESS = (httpx.UnsupportedProtocol, httpx.InvalidURL, UnicodeError)


class Cause(NamedTuple):
    """Why a request has no answer. lasting: to ask again at once gives the same."""

    text: str
    lasting: bool


def cause(error: BaseException, proxy: str = "") -> str:
    """Say what kept a request from being answered and what to do, as part of a sentence.

    Args:
        error: what httpx or the socket below it raised.
        proxy: address of the proxy that the request went through, "" = none.

    """
    text = _cause(error).text
    if proxy:
        text += (
            f" (it was asked through the proxy {proxy}: correct HTTP_PROXY or HTTPS_PROXY, "
            f"or name the host in NO_PROXY)"
        )
    return text


def is_lasting(error: BaseException) -> bool:
    """Return whether asking again at once is of no use."""
    return _cause(error).lasting


def proxy_of(url: str) -> str:
    """Return the proxy of the environment that an address is asked through, without password."""
    address = httpx.URL(url)
    if proxy_bypass(address.host):
        return ""
    proxies = getproxies()
    found = proxies.get(address.scheme) or proxies.get("all") or ""
    return str(httpx.URL(found).copy_with(username=None, password=None)) if found else ""


@cache
def trusted(bundle: Path | None) -> ssl.SSLContext:
    """Return whom https trusts: the usual authorities and those of a file, if one is given.

    Raises:
        OSError: the file cannot be read, or holds no certificate (then an `ssl.SSLError`).

    """
    context = httpx.create_ssl_context()
    if bundle is not None:
        context.load_verify_locations(cafile=bundle)
    return context


def _cause(error: BaseException) -> Cause:
    for tell in _TOLD:
        for one in _chain(error):
            if found := tell(one):
                return found
    return Cause(f"{type(error).__name__}: {str(error)[:200]}".rstrip(": "), lasting=False)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that it came from: httpx wraps the socket's twice."""
    at: BaseException | None = error
    while at is not None:
        yield at
        at = at.__cause__ or at.__context__


def _certificate(error: BaseException) -> Cause | None:
    if not isinstance(error, ssl.SSLCertVerificationError):
        return None
    if error.verify_code in OTHER_NAME:
        text = f"its certificate is for another name ({error.verify_message.rstrip('.')}): use one "
        return Cause(text + "of the names that it is for", lasting=True)
    if error.verify_code in NOT_VALID_NOW:
        text = f"its certificate is not valid now ({error.verify_message}): renew it, or set the "
        return Cause(text + "clock of this machine right", lasting=True)
    return Cause(
        f"its certificate comes from nobody whom this machine trusts ({error.verify_message}): set "
        f"RELABEL_CA_BUNDLE to a PEM file with the certificate of its authority",
        lasting=True,
    )


def _tls(error: BaseException) -> Cause | None:
    if not isinstance(error, ssl.SSLError):
        return None
    reason = (getattr(error, "reason", None) or str(error)).replace("_", " ").lower()
    return Cause(f"no https is spoken there ({reason}): write http://, or correct the port", True)


def _name(error: BaseException) -> Cause | None:
    if not isinstance(error, socket.gaierror):
        return None
    lasting = error.errno != socket.EAI_AGAIN
    text = "the name of the host is unknown here: correct it (in a container, other containers go "
    return Cause(text + "by the names of their services)", lasting)


def _refused(error: BaseException) -> Cause | None:
    if not isinstance(error, ConnectionRefusedError):
        return None
    text = "the connection is refused: nothing listens there; start the server, or correct the port"
    return Cause(text, lasting=False)


def _no_route(error: BaseException) -> Cause | None:
    if not (isinstance(error, OSError) and error.errno in NO_ROUTE):
        return None
    return Cause("there is no way to that host: look at the network (VPN, firewall)", lasting=False)


def _proxy(error: BaseException) -> Cause | None:
    if not isinstance(error, httpx.ProxyError):
        return None
    return Cause(f"the proxy does not pass it on ({error})", lasting=True)


def _slow(error: BaseException) -> Cause | None:
    if isinstance(error, httpx.ConnectTimeout):
        text = "no connection came about in time: the machine is off, or a firewall is silent"
        return Cause(text, lasting=False)
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return Cause(
            "it took the request, but gave no answer in time: it is overloaded, or the limit is "
            "too short (RELABEL_REQUEST_TIMEOUT_SECONDS, of images RELABEL_IMAGE_TIMEOUT_SECONDS)",
            lasting=False,
        )
    return None


def _cut(error: BaseException) -> Cause | None:
    if not isinstance(error, CUT):
        return None
    text = "the connection broke before the answer was there: it restarts, or wants https://"
    return Cause(text, lasting=False)


def _address(error: BaseException) -> Cause | None:
    if not isinstance(error, NO_ADDRESS):
        return None
    return Cause("this is no address of the web: correct it (http://host:port)", lasting=True)


def _packed(error: BaseException) -> Cause | None:
    if not isinstance(error, httpx.DecodingError):
        return None
    return Cause(f"the answer is wrongly compressed ({error})", lasting=True)


_TOLD: tuple[Callable[[BaseException], Cause | None], ...] = (
    _certificate,
    _tls,
    _name,
    _refused,
    _no_route,
    _proxy,
    _slow,
    _cut,
    _packed,
    _address,
)
"""Asked in this order, each of the whole chain of errors: the more telling kinds come first."""
