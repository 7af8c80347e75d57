"""What tasks write as their image: a file of Label Studio, an address elsewhere, or the picture."""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes, urlsplit

import httpx

from relabel.errors import BadImageError

IMAGE_PATHS = re.compile(
    r"/(?:data|storage-data|static)/|/(?:tasks|projects)/\d+/(?:resolve|presign)/"
    r"|/api/projects/\d+/file-proxy/"
)
"""Where Label Studio keeps or hands on images: all that is asked for with the token."""

OWN_FILES = re.compile(
    r"/(?:data/(?:upload|local-files)|storage-data/uploaded|(?:tasks|projects)/\d+/(?:resolve|presign)"
    r"|api/projects/\d+/file-proxy)/"
)
"""The beginnings of those that hardly any other server has."""

LONGEST_SHOWN = 120
USER = re.compile(r"//[^/@]*@")
WHITE = re.compile(rb"\s")


@dataclass(frozen=True, slots=True)
class OwnAddresses:
    """The addresses that mean Label Studio: of its settings alone, whatever anybody else says."""

    url: str
    bases: tuple[httpx.URL, ...]

    @classmethod
    def of(cls, url: str, aliases: Iterable[str] = ()) -> "OwnAddresses":
        """Return the address that Label Studio is asked at, and those that mean the same.

        A path belongs to an address.
        """
        bases = (httpx.URL(address.rstrip("/")) for address in (url, *aliases))
        return cls(url, tuple(sorted(bases, key=lambda base: len(base.path), reverse=True)))

    def path_of(self, reference: str) -> str | None:
        """Return the path and query below Label Studio that a reference means; None = elsewhere.

        Scheme, host and port must be alike; a reference without them lies in Label Studio. The path
        under which Label Studio is reached is taken off.

        Raises:
            httpx.InvalidURL, ValueError: it is no address.

        """
        parts = urlsplit(reference)
        text = parts.path + (f"?{parts.query}" if parts.query else "")
        if not parts.scheme and not parts.netloc:
            below = (_below(base, text) for base in self.bases if base.path.strip("/"))
            return next((path for path in below if path is not None), text)
        address = httpx.URL(reference)
        alike = (base for base in self.bases if _origin(base) == _origin(address))
        return next((path for base in alike if (path := _below(base, text)) is not None), None)

    def other_name(self, reference: str) -> str:
        """Return the address that would have to be an own one for an image to be read, "" = none.

        Raises:
            httpx.InvalidURL, ValueError: it is no address.

        """
        path = self.path_of(reference)
        parts = urlsplit(reference)
        found = OWN_FILES.search(parts.path)
        if (path is not None and IMAGE_PATHS.match(path)) or not found:
            return ""
        below = parts.path[: found.start()]
        host = parts.netloc.rpartition("@")[2]
        return (f"{parts.scheme}://{host}" if parts.scheme else self.url) + below


def set_alias(alias: str) -> str:
    """Return the setting that makes an address one of Label Studio's."""
    return f"RELABEL_LABEL_STUDIO_ALIASES='[\"{alias}\"]'"


def brief(reference: str) -> str:
    """Return a reference for messages and pages.

    Left out are the query and the user, which may hold a signature and a password, the picture of a
    data: address, and what is long.
    """
    if is_data(reference):
        kind = re.split("[;,]", reference[5:50], maxsplit=1)[0]
        return f"data:{kind[:30]} ({len(reference):,} characters)"
    return USER.sub("//", reference.split("?", 1)[0])[-LONGEST_SHOWN:]


def is_data(reference: str) -> bool:
    """Return whether a reference is the picture itself."""
    return reference[:5].lower() == "data:"


def data_content(reference: str, *, max_bytes: int) -> bytes:
    """Return the bytes that a data: address holds, base64 or percent-encoded.

    Raises:
        BadImageError: it is damaged or too large; the message does not hold the picture.

    """
    head, comma, text = reference.partition(",")
    if not comma:
        raise BadImageError(f"{brief(reference)}: no comma before its content: it is cut off")
    coded = head.lower().replace(" ", "").endswith(";base64")
    if len(text) > max_bytes * (2 if coded else 3):  # hardly more is needed for so many bytes
        raise BadImageError(too_large(reference, max_bytes))
    content = unquote_to_bytes(text)
    if coded:
        content = _decoded(reference, WHITE.sub(b"", content).rstrip(b"="))
    if len(content) > max_bytes:
        raise BadImageError(too_large(reference, max_bytes))
    return content


def too_large(reference: str, limit: int) -> str:
    """Return the reason for an image over the limit."""
    return f"{brief(reference)}: larger than {limit} bytes (RELABEL_MAX_IMAGE_BYTES)"


def _decoded(reference: str, text: bytes) -> bytes:
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), altchars=None, validate=True)
    except binascii.Error as error:
        raise BadImageError(f"{brief(reference)}: its base64 is damaged ({error})") from error


def _origin(address: httpx.URL) -> tuple[str, str, int | None]:
    return address.scheme, address.host, address.port  # None = the port that the scheme has anyway


def _below(base: httpx.URL, text: str) -> str | None:
    """Return what of a path with its query lies below a base's path."""
    above = urlsplit(str(base)).path.rstrip("/")
    rest = text.removeprefix(above)
    if not text.startswith(above) or (rest and rest[0] not in "/?"):
        return None
    return rest
