"""What Label Studio answers: JSON, or the error that a status stands for, in plain words.

Addresses in cloud storage come as links to Label Studio itself; up to 1.22 they do so even where it
is asked for the data as stored.
"""

import base64
import html
import re
from collections.abc import Iterator
from typing import Any

import httpx

from relabel.errors import (
    AccessError,
    LabelStudioDownError,
    LabelStudioError,
    NotFoundError,
    UnreachableError,
)
from relabel.first_bytes import is_web_page, looks_like

LONGEST = 400
"""Characters of Label Studio's own words in a message."""

_LINK = re.compile(
    r"(?:https?://[^\s\"'<>?]{0,500}|(?:/[\w.~-]{1,50}){1,4})?"
    r"/tasks/\d+/(?:resolve|presign)/\?fileuri=([\w-]+={0,2})"
)


def decode(response: httpx.Response) -> Any:
    """Return an answer's JSON, or raise the error that its status stands for."""
    where = f"{response.request.method} {response.request.url.path}"
    if response.status_code >= 400:
        raise _error(response, where)
    if response.is_redirect:
        raise LabelStudioError(
            f"{where}: Label Studio redirects to {response.headers['location'][:200]}; "
            f"set LABEL_STUDIO_URL to the address that people use, https included."
        )
    if not response.content:
        return {}
    try:
        return response.json()
    except ValueError as error:
        looks, size = looks_like(response.content), f"{len(response.content):,} bytes"
        if looks == "JSON":
            text = f"{where}: Label Studio's answer is not whole JSON ({size})."
            raise LabelStudioDownError(text) from error
        raise UnreachableError(
            f"{where}: the answer is {looks}, {size}, instead of JSON: LABEL_STUDIO_URL is not the "
            f"address of Label Studio itself, or a login or proxy stands before it."
        ) from error


def as_stored(value: Any) -> Any:
    """Return a value of task.data, and what it contains, with the addresses that it stands for."""
    if isinstance(value, str):
        return _LINK.sub(_address, value)
    if isinstance(value, list):
        return [as_stored(item) for item in value]
    if isinstance(value, dict):
        return {key: as_stored(item) for key, item in value.items()}
    return value


def _error(response: httpx.Response, where: str) -> LabelStudioError:
    """Return the error that a status of 400 or more stands for."""
    status = response.status_code
    said = _plain_words(response)
    answered = f"{where}: Label Studio answered {status} ({said[:LONGEST]})."
    if status in (401, 403):
        return AccessError(
            f"{answered} Check that LABEL_STUDIO_API_KEY is valid and its user belongs to the "
            f"organization.",
            said,
        )
    if status == httpx.codes.PROXY_AUTHENTICATION_REQUIRED:
        return UnreachableError(
            f"{where}: a proxy asks for a password ({said[:LONGEST]}): correct HTTP_PROXY, or "
            f"name the host of LABEL_STUDIO_URL in NO_PROXY."
        )
    if status == httpx.codes.NOT_FOUND and _is_foreign(response):
        return UnreachableError(
            f"{where}: answered 404 with {looks_like(response.content)}, not by Label Studio: set "
            f"LABEL_STUDIO_URL to its address, with its path if it has one."
        )
    if status == httpx.codes.NOT_FOUND:
        return NotFoundError(f"{where}: not found in Label Studio.")
    if status >= 500 or status == httpx.codes.TOO_MANY_REQUESTS:
        return LabelStudioDownError(answered, said)
    return LabelStudioError(answered, said)


def _is_foreign(response: httpx.Response) -> bool:
    """Return whether a web page is another server's: Label Studio has a page of its own for 404."""
    return is_web_page(response.content) and b"Label Studio" not in response.content


def _plain_words(response: httpx.Response) -> str:
    """Return what an error's answer says: one line without JSON and without HTML."""
    try:
        body = response.json()
    except ValueError:
        is_page = is_web_page(response.content)
        body = looks_like(response.content) if is_page else response.text[:LONGEST]
    if isinstance(body, dict):
        body = body.get("validation_errors") or body.get("detail") or body
    text = re.sub(r"</?[a-zA-Z][^>]*>", "", "; ".join(_texts(body)))
    return " ".join(html.unescape(text).split())


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts within a JSON value, each after the field that it is about."""
    if isinstance(value, dict):
        for key, item in value.items():
            for text in _texts(item):
                yield text if key in ("non_field_errors", "detail") else f"{key}: {text}"
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    else:
        yield str(value)


def _address(link: re.Match[str]) -> str:
    coded = link[1].rstrip("=")
    try:
        return base64.urlsafe_b64decode(coded + "=" * (-len(coded) % 4)).decode()
    except ValueError:
        return link[0]
