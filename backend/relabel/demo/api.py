"""Plain calls to Label Studio in the name of one person.

The backend's own client is not used here: what the demo asserts must not rest on the code that
it asserts about.
"""

from typing import Any

import httpx

from relabel.errors import AccessError, LabelStudioError, NotFoundError

TIMEOUT_SECONDS = 120.0
KINDS: dict[int, type[LabelStudioError]] = {401: AccessError, 403: AccessError, 404: NotFoundError}


def connect(url: str, token: str) -> httpx.Client:
    """Return a client that speaks as the owner of the legacy token and raises on any error."""
    return httpx.Client(
        base_url=url,
        headers={"Authorization": f"Token {token}"},
        timeout=TIMEOUT_SECONDS,
        trust_env=False,  # a proxy of the environment has no business on loopback
        event_hooks={"response": [raise_on_error]},
    )


def raise_on_error(response: httpx.Response) -> None:
    """Raise a LabelStudioError with the answer's text if its status is 400 or above."""
    if response.is_error:
        response.read()
        kind = KINDS.get(response.status_code, LabelStudioError)
        raise kind(
            f"{response.request.method} {response.request.url.path} answered "
            f"{response.status_code}: {response.text[:500]}"
        )


def get(client: httpx.Client, path: str, **params: Any) -> Any:
    """Return the decoded answer to GET `path`."""
    return client.get(path, params=params).json()


def post(client: httpx.Client, path: str, body: Any = None, **params: Any) -> Any:
    """Return the decoded answer to POST `path` with a JSON body."""
    return client.post(path, json=body, params=params).json()


def patch(client: httpx.Client, path: str, body: Any) -> Any:
    """Return the decoded answer to PATCH `path` with a JSON body."""
    return client.patch(path, json=body).json()
