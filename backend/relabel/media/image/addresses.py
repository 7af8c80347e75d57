"""Which machines a web address leads to, and whether these are public."""

import ipaddress
import socket

from relabel.errors import BadImageError, PassingImageError
from relabel.http.reach import cause, is_lasting

MAX_PORT = 65_535
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def public_machines(host: str, port: int) -> list[str]:
    """Look a host up, and return its addresses; each of them is public.

    Whoever connects must use one of these: a second look-up may say something else.

    Raises:
        BadImageError: the host is unknown, or one of its addresses is not public.
        PassingImageError: the name server does not answer.

    """
    if port > MAX_PORT:
        raise BadImageError(f"there is no port {port}")
    try:
        found = socket.getaddrinfo(host, port, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as error:
        kind = BadImageError if is_lasting(error) else PassingImageError
        raise kind(cause(error)) from error
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    if not all(is_public(address) for address in addresses):
        raise BadImageError(
            f"{host} is a private address; allow it with RELABEL_IMAGE_HOSTS='[\"{host}\"]'"
        )
    return addresses


def is_public(address: str) -> bool:
    """Return whether an IP address, and the one that it may wrap, is for everybody."""
    ip = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    wrapped = None
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.is_site_local:
            return False
        wrapped = ip.ipv4_mapped or ip.sixtofour or (ip.teredo or (None, None))[1]
        if ip in _NAT64:
            wrapped = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.is_global and not ip.is_multicast and (wrapped is None or is_public(str(wrapped)))
