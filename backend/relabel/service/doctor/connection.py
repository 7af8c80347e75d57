"""The doctor's checks of the way from Label Studio to this backend.

They look at the address with which the project was connected. The shell in which somebody types may
say another one, which is told and breaks nothing: what is healthy is never to be connected again.
"""

from typing import Any

import httpx

from relabel.http.reach import cause, trusted
from relabel.labelstudio.contract import WEBHOOK_TOKEN_HEADER
from relabel.service.context import Context
from relabel.service.doctor.findings import Finding
from relabel.service.setup.own_address import ask_own_address, library_there, unknown_name
from relabel.service.setup.refusals import known_cause
from relabel.service.traces import as_connected, connected_url, is_own
from relabel.service.webhooks import own_webhooks, webhook_url
from relabel.storage.journal.events import WEBHOOK_ACTIONS
from relabel.storage.projects import Project, token_digest


def check_address(context: Context, project: Project) -> Finding:
    """Say where the backend is connected, and what this shell says instead."""
    known, here = connected_url(context, project), context.settings.public_url()
    if not known or known == here:
        return Finding("address", ok=True, text=f"{here}, in Label Studio and in this shell")
    said = "RELABEL_URL is" if context.settings.url else "RELABEL_URL is not set, so it is"
    return Finding(
        "address",
        ok=True,
        text=f"connected at {known}. In this shell {said} {here}: set RELABEL_URL={known} before "
        f"you connect again from here",
    )


def check_backend(context: Context, project: Project) -> Finding:
    """See whether Label Studio reaches the ML backend, and if not, why."""
    connected = as_connected(context, project)
    url, here = connected.settings.public_url(), context.settings.public_url()
    found = [b for b in context.label_studio.backends(project.id) if is_own(connected, b, project)]
    if not found:
        text = f"the ML backend is gone from Label Studio; run: {_again(context, project)}"
        return Finding("ml backend", ok=False, text=text)
    if found[0].get("state") == "CO":
        return Finding("ml backend", ok=True, text=f"{url} answers Label Studio")
    said = str(found[0].get("error_message") or "")
    text = known_cause(said, connected.settings) or _unanswered(connected, said)
    if here != url and not ask_own_address(context.settings):
        text += (
            f" The backend answers at {here}: if it has moved there for good, run: relabel "
            f"connect --project {project.id}"
        )
    return Finding("ml backend", ok=False, text=text)


def check_webhook(context: Context, project: Project) -> Finding:
    """See whether both webhooks are there, active, and known to this store."""
    connected = as_connected(context, project)
    url, found = webhook_url(connected.settings), own_webhooks(connected, project)
    actions = [action for hook in found for action in hook.get("actions", [])]
    wrong = {
        f"{len(found)} webhooks to {url} instead of 2": len(found) != 2,
        "a secret is not the one of this store": not _is_known(found, project),
        "switched off in Label Studio": not all(hook.get("is_active") for hook in found),
        "not every event is reported once": sorted(actions) != sorted(WEBHOOK_ACTIONS),
    }
    for text in (text for text, applies in wrong.items() if applies):
        return Finding("webhook", ok=False, text=f"{text}; run: {_again(context, project)}")
    return Finding("webhook", ok=True, text=f"{url}, {len(actions)} actions")


def check_delivery(context: Context, project: Project) -> Finding:
    """Post an event that means nothing to our own public address, as Label Studio would."""
    connected = as_connected(context, project)
    url, hooks = webhook_url(connected.settings), own_webhooks(connected, project)
    headers = _headers(hooks[0]) if hooks else {}
    body: dict[str, Any] = {"action": "DOCTOR", "project": {"id": project.id}}
    try:
        answer = httpx.post(
            url,
            json=body,
            headers=headers,
            timeout=5.0,
            trust_env=False,
            verify=trusted(context.settings.ca_bundle),
        )
    except httpx.RequestError as error:
        text = f"RELABEL_URL = {url}: {cause(error)}; does relabel serve run?"
        return Finding("delivery", ok=False, text=text)
    if answer.status_code == httpx.codes.CREATED and b'"accepted"' in answer.content:
        took = answer.elapsed.total_seconds() * 1000
        return Finding("delivery", ok=True, text=f"{url} answered 201 in {took:.0f} ms")
    library = library_there(connected.settings)
    remedy = (
        f"{library} with another model answers there, and no event reaches this backend: give its "
        "init_app RelabelBackend of relabel.label_studio_ml.backend, or set RELABEL_URL to "
        "`relabel serve`"
        if library
        else _remedy(context, project, answer.status_code, known=_is_known(hooks, project))
    )
    return Finding("delivery", ok=False, text=f"{url} answered {answer.status_code}; {remedy}")


def _remedy(context: Context, project: Project, status: int, *, known: bool) -> str:
    if status == httpx.codes.UNAUTHORIZED and known:
        return (
            "`relabel serve` there uses another store than this shell: give both the same "
            "RELABEL_DATA_DIR and RELABEL_DATABASE_URL"
        )
    if status == httpx.codes.UNAUTHORIZED:
        return f"it does not know the webhook's secret; run: {_again(context, project)}"
    if status == httpx.codes.MISDIRECTED_REQUEST:
        return unknown_name(as_connected(context, project).settings.public_url())
    if status == httpx.codes.SERVICE_UNAVAILABLE:
        return "its store cannot be written just now (locked, or its disk is full)"
    return "another program or a proxy answers there: RELABEL_URL must lead to `relabel serve`"


def _again(context: Context, project: Project) -> str:
    """Return the command that connects again, at the address of before."""
    known, here = connected_url(context, project), context.settings.public_url()
    prefix = f"RELABEL_URL={known} " if known and known != here else ""
    return f"{prefix}relabel connect --project {project.id}"


def _unanswered(connected: Context, said: str) -> str:
    own = ask_own_address(connected.settings)
    if own:
        return f"{own}. Start the backend: relabel serve"
    return f"Label Studio says: {said or 'disconnected'}"


def _is_known(hooks: list[dict[str, Any]], project: Project) -> bool:
    secrets = {_headers(hook).get(WEBHOOK_TOKEN_HEADER, "") for hook in hooks}
    return all(token_digest(secret) == project.webhook_digest for secret in secrets)


def _headers(hook: dict[str, Any]) -> dict[str, str]:
    return dict(hook.get("headers") or {})
