"""Every HTTP request to Label Studio.

Written on httpx rather than on the SDK's generated client, which sets no time limit on image
requests, cannot delete a model version, drops the answer of next_task, and needs four times as long
as the export for a full reading.
"""

import base64
import json
import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx

from relabel.errors import (
    AccessError,
    LabelStudioDownError,
    NotFoundError,
    UnreachableError,
)
from relabel.http.deadlines import punctual
from relabel.http.reach import cause, is_lasting, proxy_of, trusted
from relabel.labelstudio.answers import as_stored, decode
from relabel.labelstudio.contract import COUNTERS

log = logging.getLogger("relabel.labelstudio")

ATTEMPTS = 5
"""Tries of a request that may be repeated, with growing pauses."""
PAGE = 500
"""Tasks per page of a listing."""
DELETE_SECONDS = 1800.0
"""Longest wait until a model version is deleted: 6 ms per prediction on a machine at rest."""
PREDICTIONS_PAGE = 100
"""Tasks per listing of predictions."""
REFRESH_SECONDS = 240.0
"""Access tokens live 300 seconds; a new one is fetched this long after the last."""
_REFUSED = (400, 401, 403, 404)
"""Answers to a personal access token that is wrong, expired or withdrawn."""


class PersonalToken(httpx.Auth):
    """Exchanges a personal access token for a short-lived one."""

    def __init__(self, url: str, api_key: str) -> None:
        self._url = url
        self._key = api_key
        self._access = ""
        self._fetched_at = 0.0
        self._guard = threading.Lock()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Authorise one request; after a 401 try once more with a fresh access token."""
        if time.monotonic() - self._fetched_at > REFRESH_SECONDS or not self._access:
            yield from self._refresh()
        request.headers["Authorization"] = f"Bearer {self._access}"
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            yield from self._refresh()
            request.headers["Authorization"] = f"Bearer {self._access}"
            yield request

    def _refresh(self) -> Generator[httpx.Request, httpx.Response, None]:
        body = {"refresh": self._key}
        response = yield httpx.Request("POST", f"{self._url}/api/token/refresh/", json=body)
        # Read here and not by httpx, which would then read every answer whole, images as well.
        response.read()
        if response.status_code in _REFUSED:
            raise AccessError(
                f"Label Studio refused the personal access token ({response.status_code}): "
                f"create a new one under Account & Settings and set LABEL_STUDIO_API_KEY."
            )
        with self._guard:
            self._access = str(decode(response)["access"])
            self._fetched_at = time.monotonic()


def legacy_token(key: str) -> Callable[[httpx.Request], httpx.Request]:
    """Return what adds a legacy token to a request, as it is."""

    def authorise(request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Token {key}"
        return request

    return authorise


def is_personal_token(key: str) -> bool:
    """Return whether the key is a personal access token (a JWT) rather than a legacy token."""
    head = key.split(".", maxsplit=1)[0]
    if key.count(".") != 2:
        return False
    try:
        decoded = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except ValueError:
        return False
    return isinstance(decoded, dict)


class LabelStudio:
    """A Label Studio server, as one user sees it."""

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        timeout_seconds: float = 120.0,
        ca_bundle: Path | None = None,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        personal = is_personal_token(api_key)
        # Unlike images, Label Studio may lie behind a proxy that the environment names.
        self.http = punctual(
            httpx.Client(
                base_url=self.url,
                auth=PersonalToken(self.url, api_key) if personal else legacy_token(api_key),
                timeout=httpx.Timeout(timeout_seconds, connect=10.0),
                transport=transport,
                verify=trusted(ca_bundle),
                follow_redirects=False,
            )
        )

    def close(self) -> None:
        """Close all connections."""
        self.http.close()

    # -- the server and its projects ---------------------------------------------------------
    def version(self) -> str:
        """Return the server's release."""
        return str(self._get("/api/version").get("release", "unknown"))

    def own_name(self) -> str:
        """Return the address that the server believes it has, "" = it was told none.

        It begins the links to itself that the server writes into tasks.
        """
        schema = self._get("/docs/api/schema/", params={"format": "json"})
        servers = schema.get("servers") or [{}]
        return str(servers[0].get("url") or "").rstrip("/")

    def clock(self) -> datetime | None:
        """Return the server's own time in UTC, to the second; None if it does not say."""
        try:
            response = self.http.request("GET", "/api/version")
            return parsedate_to_datetime(response.headers.get("date", "")).astimezone(UTC)
        except (httpx.TransportError, ValueError):
            return None

    def whoami(self) -> dict[str, Any]:
        """Return the user that the token belongs to."""
        return dict(self._get("/api/current-user/whoami"))

    def emails(self) -> dict[int, str]:
        """Return the e-mail addresses of the organization's people by id."""
        return {int(user["id"]): str(user["email"]) for user in self._get("/api/users/")}

    def users(self) -> list[dict[str, Any]]:
        """Return everybody in the organization; asked once, since somebody waits for a page."""
        return list(self._send("GET", "/api/users/"))

    def project(self, project_id: int) -> dict[str, Any]:
        """Return a project with its settings and counters."""
        return dict(self._get(f"/api/projects/{project_id}/"))

    def update_project(self, project_id: int, **values: Any) -> None:
        """Change settings of a project."""
        self._patch(f"/api/projects/{project_id}/", values)

    def complete_project(self, project_id: int) -> None:
        """Let a project count as completed, where Label Studio keeps states of projects."""
        path = f"/api/fsm/entities/project/{project_id}/transition/"
        self._post(path, {"transition_name": "project_completed"})

    # -- tasks -------------------------------------------------------------------------------
    def export(self, project_id: int) -> list[dict[str, Any]]:
        """Return every task with its annotations (no overlaps): the fastest full reading."""
        query = {"exportType": "JSON", "download_all_tasks": "true"}
        return list(self._get(f"/api/projects/{project_id}/export", params=query))

    def task_states(self, project_id: int) -> Iterator[dict[str, Any]]:
        """Return every task's id, overlap, is_labeled and counters."""
        query = {"fields": "task_only", "include": f"id,overlap,is_labeled,{','.join(COUNTERS)}"}
        return self._pages(project_id, query)

    def all_tasks(self, project_id: int) -> Iterator[dict[str, Any]]:
        """Return every task with everything, predictions too: twice as long as the export."""
        return map(_as_stored, self._pages(project_id, {"fields": "all"}))

    def tasks_since(self, project_id: int, updated_at: str) -> Iterator[dict[str, Any]]:
        """Return tasks with annotations whose updated_at is later (ISO string in UTC)."""
        later = {
            "filter": "filter:tasks:updated_at",
            "operator": "greater",
            "type": "Datetime",
            "value": updated_at,
        }
        return map(_as_stored, self._pages(project_id, {"fields": "all"}, later))

    def task(self, task_id: int) -> dict[str, Any]:
        """Return one task with annotations and predictions, its data as stored."""
        return _as_stored(self._get(f"/api/tasks/{task_id}/", params={"resolve_uri": "false"}))

    def update_task(self, task_id: int, **values: Any) -> dict[str, Any]:
        """Change overlap, is_labeled, counters or data of one task; return it as it is then."""
        return dict(self._patch(f"/api/tasks/{task_id}/", values))

    # -- predictions -------------------------------------------------------------------------
    def import_predictions(self, project_id: int, predictions: list[dict[str, Any]]) -> int:
        """Write predictions in one request; return how many Label Studio says it created."""
        path = f"/api/projects/{project_id}/import/predictions"
        return int(self._post(path, predictions).get("created", 0))

    def update_prediction(self, prediction_id: int, score: float) -> None:
        """Change one prediction's score."""
        self._patch(f"/api/predictions/{prediction_id}/", {"score": score})

    def model_versions(self, project_id: int) -> dict[str, int]:
        """Return how many predictions each model version has."""
        return dict(self._get(f"/api/projects/{project_id}/model-versions/"))

    def predictions_of(self, project_id: int, version: str) -> list[int]:
        """Return the ids of the first predictions of one model version, [] = there are none."""
        of_version = {
            "filter": "filter:tasks:predictions_model_versions",
            "operator": "contains",
            "type": "List",
            "value": [version],
        }
        query = {"filters": {"conjunction": "and", "items": [of_version]}}
        params = {"project": str(project_id), "page": "1", "page_size": str(PREDICTIONS_PAGE)}
        params |= {"fields": "all", "include": "id,predictions", "query": json.dumps(query)}
        # Other versions whose names contain this one are listed as well.
        return [
            int(prediction["id"])
            for task in self._get("/api/tasks", params=params).get("tasks", [])
            for prediction in task.get("predictions", [])
            if prediction.get("model_version") == version
        ]

    def predictions_by_task(self, project_id: int) -> dict[int, list[dict[str, Any]]]:
        """Return all predictions of every task, in far less time than task by task."""
        query = {"fields": "all", "include": "id,predictions"}
        return {int(task["id"]): task["predictions"] for task in self._pages(project_id, query)}

    def miscounted_predictions(self, project_id: int) -> dict[int, int]:
        """Return how many predictions those tasks have that are said to have another number."""
        query = {"fields": "all", "include": "id,predictions,total_predictions"}
        return {
            int(task["id"]): len(task["predictions"])
            for task in self._pages(project_id, query)
            if task["total_predictions"] != len(task["predictions"])
        }

    def delete_model_version(self, project_id: int, version: str) -> None:
        """Delete all predictions of one version; with SQLite nobody can submit until it is done."""
        path = f"/api/projects/{project_id}/model-versions/"
        body = {"model_version": version}
        self._send("DELETE", path, json=body, timeout=DELETE_SECONDS)

    def delete_prediction(self, prediction_id: int) -> None:
        """Delete one prediction."""
        self._delete(f"/api/predictions/{prediction_id}/")

    # -- the ML backend, its webhook, and the Data Manager tab -----------------------------------
    def backends(self, project_id: int) -> list[dict[str, Any]]:
        """Return the ML backends connected to a project."""
        return list(self._get("/api/ml", params={"project": str(project_id)}))

    def add_backend(self, values: dict[str, Any]) -> dict[str, Any]:
        """Connect an ML backend; Label Studio asks it for /health and /setup first."""
        return dict(self._post("/api/ml", values))

    def update_backend(self, backend_id: int, values: dict[str, Any]) -> None:
        """Change a connected ML backend."""
        self._patch(f"/api/ml/{backend_id}", values)

    def delete_backend(self, backend_id: int) -> None:
        """Disconnect an ML backend (its webhook stays)."""
        self._delete(f"/api/ml/{backend_id}")

    def webhooks(self, project_id: int) -> list[dict[str, Any]]:
        """Return the webhooks of a project."""
        return list(self._get("/api/webhooks/", params={"project": str(project_id)}))

    def add_webhook(self, values: dict[str, Any]) -> dict[str, Any]:
        """Create a webhook."""
        return dict(self._post("/api/webhooks/", values))

    def delete_webhook(self, webhook_id: int) -> None:
        """Delete a webhook."""
        self._delete(f"/api/webhooks/{webhook_id}/")

    def columns(self, project_id: int) -> list[dict[str, Any]]:
        """Return the columns of the Data Manager."""
        answer = self._get("/api/dm/columns", params={"project": str(project_id)})
        return list(answer.get("columns", []))

    def views(self, project_id: int) -> list[dict[str, Any]]:
        """Return the Data Manager's tabs."""
        return list(self._get("/api/dm/views/", params={"project": str(project_id)}))

    def add_view(self, project_id: int, data: dict[str, Any]) -> int:
        """Create a Data Manager tab; return its id."""
        return int(self._post("/api/dm/views/", {"project": project_id, "data": data})["id"])

    def update_view(self, project_id: int, view_id: int, data: dict[str, Any]) -> None:
        """Replace the settings of a Data Manager tab."""
        self._patch(f"/api/dm/views/{view_id}/", {"project": project_id, "data": data})

    def delete_view(self, view_id: int) -> None:
        """Delete a Data Manager tab."""
        self._delete(f"/api/dm/views/{view_id}/")

    # -- plumbing ----------------------------------------------------------------------------
    def _pages(
        self, project_id: int, query: dict[str, str], *filters: dict[str, str]
    ) -> Iterator[dict[str, Any]]:
        """Yield tasks by their ids, each page those after the last.

        With numbered pages, a task that is deleted meanwhile moves another one to a page that has
        been read already.
        """
        size = {"project": str(project_id), "page": "1", "page_size": str(PAGE)}
        last, left = 0, 1
        while left:
            after = {
                "filter": "filter:tasks:id",
                "operator": "greater",
                "type": "Number",
                "value": str(last),
            }
            items = {"filters": {"conjunction": "and", "items": [after, *filters]}}
            wanted = {"query": json.dumps(items | {"ordering": ["tasks:id"]})}
            params = size | {"resolve_uri": "false"} | query | wanted
            answer = self._get("/api/tasks", params=params)
            found = answer.get("tasks", [])
            yield from found
            left = int(answer.get("total", 0)) - len(found) if found else 0
            last = found[-1]["id"] if found else last

    def _get(self, path: str, params: dict[str, str] | None = None) -> Any:
        return self._repeat("GET", path, params=params)

    def _patch(self, path: str, values: dict[str, Any]) -> Any:
        return self._repeat("PATCH", path, json=values)

    def _post(self, path: str, values: Any) -> Any:
        return self._send("POST", path, json=values)

    def _delete(self, path: str) -> None:
        try:
            self._repeat("DELETE", path)
        except NotFoundError:
            return  # somebody else was faster: the wish is fulfilled

    def _repeat(self, method: str, path: str, **options: Any) -> Any:
        """Send a request that may safely be repeated until Label Studio answers."""
        import stamina  # noqa: PLC0415  the web process repeats nothing

        for attempt in stamina.retry_context(
            on=_may_pass, attempts=ATTEMPTS, wait_initial=0.3, wait_max=10.0
        ):
            with attempt:
                return self._send(method, path, **options)
        raise AssertionError("unreachable")

    def _send(self, method: str, path: str, **options: Any) -> Any:
        began = time.monotonic()
        try:
            response = self.http.request(method, path, **options)
        except (httpx.RequestError, httpx.InvalidURL, UnicodeError) as error:
            kind = UnreachableError if is_lasting(error) else LabelStudioDownError
            raise kind(
                f"Label Studio at {self.url} (LABEL_STUDIO_URL) does not answer: "
                f"{cause(error, proxy_of(self.url))}."
            ) from error
        took = time.monotonic() - began
        log.debug("%s %s: %s in %.4f s", method, path, response.status_code, took)
        return decode(response)


def _may_pass(error: Exception) -> bool:
    """Return whether the same request may be answered in a moment."""
    return isinstance(error, LabelStudioDownError) and not isinstance(error, UnreachableError)


def _as_stored(task: dict[str, Any]) -> dict[str, Any]:
    return task | {"data": as_stored(task.get("data"))}
