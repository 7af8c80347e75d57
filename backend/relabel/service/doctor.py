"""Checks of everything between this backend and a project, each with what to do about it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from relabel.errors import RelabelError
from relabel.imaging.fetch import ImageFetcher
from relabel.labelstudio.client import is_personal_token
from relabel.labelstudio.contract import (
    WEBHOOK_ACTIONS,
    WEBHOOK_TOKEN_HEADER,
    settings_to_change,
)
from relabel.labelstudio.labels import check_abstention
from relabel.pictures import decode
from relabel.service.context import Context, policy_of, schema_of
from relabel.service.webhooks import own_webhooks, webhook_url
from relabel.storage.database import reading
from relabel.storage.projects import Project, get_project, token_digest
from relabel.storage.rounds import list_rounds, published_round
from relabel.storage.tasks import list_tasks
from relabel.transport import cause, trusted

TESTED_VERSIONS = ("1.21.", "1.22.", "1.23.")


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor: what was looked at, whether it is well, and what to do if not."""

    check: str
    ok: bool
    text: str


Check = Callable[[Context, Project], Finding]


def examine_server(context: Context) -> list[Finding]:
    """Check the settings and the way to Label Studio, without any project."""
    return [
        _caught("label studio", lambda: _server(context)),
        _caught("token", lambda: _token(context)),
    ]


def examine_project(context: Context, number: int) -> list[Finding]:
    """Check one connected project from end to end; every check runs even if others fail."""
    try:
        with reading(context.engine) as connection:
            project = get_project(connection, number)
    except RelabelError as error:
        return [Finding("connected", ok=False, text=str(error))]
    return [
        _caught(name, lambda check=check: check(context, project))  # type: ignore[misc]
        for name, check in CHECKS.items()
    ]


def _caught(name: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except RelabelError as error:
        return Finding(name, ok=False, text=str(error))


def _server(context: Context) -> Finding:
    version = context.label_studio.version()
    tested = ", ".join(f"{minor}x" for minor in TESTED_VERSIONS)
    note = "" if version.startswith(TESTED_VERSIONS) else f"; tested with {tested}"
    return Finding("label studio", ok=True, text=f"{context.label_studio.url}, {version}{note}")


def _token(context: Context) -> Finding:
    user = context.label_studio.whoami()
    kind = (
        "personal access token" if is_personal_token(context.settings.api_key()) else "legacy token"
    )
    return Finding("token", ok=True, text=f"{kind} of {user.get('email', 'unknown')}")


def _config(context: Context, project: Project) -> Finding:
    policy = policy_of(context.settings, project.extra_params)
    schema = schema_of(project, policy)
    check_abstention(schema, policy.cannot_tell)
    found = (
        f"{len(schema.classes)} classes in {schema.from_name!r}, image in "
        f"{schema.image_attribute}={schema.image!r}"
    )
    missing = (
        f'add required="true" to <Choices name="{schema.from_name}">: without it an empty submit '
        f"is accepted and counts as no vote"
    )
    texts = [found, *([] if schema.required else [missing]), *schema.notes]
    return Finding("labelling config", ok=schema.required, text="; ".join(texts))


def _backend(context: Context, project: Project) -> Finding:
    url = context.settings.public_url()
    found = [b for b in context.label_studio.backends(project.id) if b.get("url") == url]
    if not found:
        return Finding(
            "ml backend",
            ok=False,
            text=f"{url} is not connected; run: relabel connect --project {project.id}",
        )
    if found[0].get("state") != "CO":
        return Finding(
            "ml backend",
            ok=False,
            text=f"{url}: {found[0].get('error_message') or 'disconnected'}; is `relabel serve` "
            f"running, and are SSRF_PROTECTION_ENABLED and ML_BLOCK_LOCAL_IP false on Label Studio "
            f"if that address is private?",
        )
    return Finding("ml backend", ok=True, text=f"{url} answers Label Studio")


def _webhook(context: Context, project: Project) -> Finding:
    url, found = webhook_url(context.settings), own_webhooks(context, project)
    actions = [action for hook in found for action in hook.get("actions", [])]
    secrets = {_headers(hook).get(WEBHOOK_TOKEN_HEADER, "") for hook in found}
    wrong = {
        f"{len(found)} webhooks to {url} instead of 2": len(found) != 2,
        "a secret is not the one of this store": any(
            token_digest(secret) != project.webhook_digest for secret in secrets
        ),
        "switched off in Label Studio": not all(hook.get("is_active") for hook in found),
        "not every event is reported once": sorted(actions) != sorted(WEBHOOK_ACTIONS),
    }
    for text in (text for text, applies in wrong.items() if applies):
        again = f"run: relabel connect --project {project.id}"
        return Finding("webhook", ok=False, text=f"{text}; {again}")
    return Finding("webhook", ok=True, text=f"{url}, {len(actions)} actions")


def _delivery(context: Context, project: Project) -> Finding:
    """Post an event that means nothing to our own public address, as Label Studio would."""
    url, hooks = webhook_url(context.settings), own_webhooks(context, project)
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
        return Finding(
            "delivery",
            ok=False,
            text=f"RELABEL_URL = {url}: {cause(error)}; does relabel serve run?",
        )
    if answer.status_code != httpx.codes.CREATED:
        return Finding(
            "delivery",
            ok=False,
            text=f"{url} answered {answer.status_code}; "
            f"run: relabel connect --project {project.id}",
        )
    took = answer.elapsed.total_seconds() * 1000
    return Finding("delivery", ok=True, text=f"{url} answered 201 in {took:.0f} ms")


def _headers(hook: dict[str, Any]) -> dict[str, str]:
    return dict(hook.get("headers") or {})


def _image(context: Context, project: Project) -> Finding:
    with reading(context.engine) as connection:
        tasks = list_tasks(connection, project.id)
    if not tasks:
        return Finding("image", ok=False, text="the project has no tasks yet")
    task = next(iter(tasks.values()))
    fetcher = ImageFetcher(context.settings, context.label_studio)
    content = fetcher.fetch(task.task_id, task.image)
    picture = decode(content, max_pixels=context.settings.max_image_pixels)
    left_out = sum(bool(t.problem) for t in tasks.values())
    text = f"task {task.task_id}: {picture.width} x {picture.height}, {len(content)} bytes"
    return Finding(
        "image", ok=not left_out, text=text + (f"; {left_out} images failed" if left_out else "")
    )


def _round(context: Context, project: Project) -> Finding:
    with reading(context.engine) as connection:
        rounds = list_rounds(connection, project.id)
    if not rounds:
        return Finding(
            "round", ok=False, text=f"none yet; start one: relabel round --project {project.id}"
        )
    if rounds[-1].error:
        return Finding("round", ok=False, text=f"round {rounds[-1].number}: {rounds[-1].error}")
    return Finding("round", ok=True, text=f"round {rounds[-1].number} {rounds[-1].state}")


def _order(context: Context, project: Project) -> Finding:
    with reading(context.engine) as connection:
        last = published_round(connection, project.id)
    if last is None:
        return Finding("queue order", ok=False, text="no round has been published yet")
    body = context.label_studio.project(project.id)
    queue = policy_of(context.settings, project.extra_params).queue
    wrong = settings_to_change(body, last.model_version, queue)
    if wrong:
        keys = ", ".join(f"{key} = {body.get(key)!r}" for key in sorted(wrong))
        return Finding(
            "queue order",
            ok=False,
            text=f"{keys}: the order is not in force; "
            f"run: relabel reconcile --project {project.id}",
        )
    return Finding("queue order", ok=True, text=f"model_version is {last.model_version}")


def _scores(context: Context, project: Project) -> Finding:
    with reading(context.engine) as connection:
        last = published_round(connection, project.id)
        known = len(list_tasks(connection, project.id))
    versions = context.label_studio.model_versions(project.id)
    count = versions.get(last.model_version, 0) if last else 0
    if count < known:
        return Finding(
            "score column",
            ok=False,
            text=f"{count} of {known} tasks have a score; "
            f"run: relabel round --project {project.id}",
        )
    return Finding("score column", ok=True, text=f"{count} scores")


CHECKS: dict[str, Check] = {
    "labelling config": _config,
    "ml backend": _backend,
    "webhook": _webhook,
    "delivery": _delivery,
    "image": _image,
    "round": _round,
    "queue order": _order,
    "score column": _scores,
}
