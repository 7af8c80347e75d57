"""Buttons work from this site's own pages only: a page elsewhere cannot press them for somebody.

Needed beside the password, which browsers send along whoever asks.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit


def same_origin(headers: Mapping[str, str], hosts: frozenset[str]) -> bool:
    """Return whether a browser says that a request comes from one of our own pages.

    Args:
        headers: of the request.
        hosts: host[:port] names that are ours.

    """
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        return site == "same-origin"
    # Browsers leave it out on plain http; then one of these is there.
    source = headers.get("Origin") or headers.get("Referer") or ""
    return urlsplit(source).netloc in hosts
