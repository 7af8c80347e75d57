"""Reasons for images that cannot be used, made alike where only one image's figures differ."""

import re

from relabel.media.image.decode import READ

_OF_ONE_IMAGE = (
    (re.compile(rf"; {re.escape(READ)}$"), ""),
    (re.compile(r", [\d,]+ bytes\b,?"), ""),
    (re.compile(r"\s*\(\d[^()]*\)"), ""),
    (re.compile(r"^\d[\d x]* pixels\b"), "its pixels"),
)


def kind_of(reason: str) -> str:
    """Return a reason without address, size and figures of one image, so that equal ones count."""
    address, colon, rest = reason.partition(": ")
    text = rest if colon and ("/" in address or address.endswith("...")) else reason
    for pattern, instead in _OF_ONE_IMAGE:
        text = pattern.sub(instead, text)
    return text
