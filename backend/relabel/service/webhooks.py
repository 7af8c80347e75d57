"""The two webhooks by which Label Studio reports: by the name of an event, or with what is gone."""

import secrets
from typing import Any

from relabel.labelstudio.contract import DELETIONS, HINTS, WEBHOOK_TOKEN_HEADER
from relabel.service.context import Context
from relabel.settings import Settings
from relabel.storage.projects import Project, set_project, token_digest


def replace_webhooks(context: Context, project: Project) -> int:
    """Make both webhooks anew, with a new secret; return the id of the first.

    The one that Label Studio makes itself for an ML backend goes: it proves nothing, and sends
    everything with every event.
    """
    server = context.label_studio
    token = secrets.token_urlsafe(32)
    with context.engine.begin() as connection:
        set_project(connection, project.id, webhook_digest=token_digest(token))
    for hook in own_webhooks(context, project):
        server.delete_webhook(hook["id"])
    hint, _deletions = [server.add_webhook(values) for values in _wanted(context, project, token)]
    return int(hint["id"])


def own_webhooks(context: Context, project: Project) -> list[dict[str, Any]]:
    """Return the webhooks that lead to this backend, or did when the project was connected."""
    url = webhook_url(context.settings)
    found = context.label_studio.webhooks(project.id)
    return [h for h in found if h.get("url") == url or h.get("id") == project.webhook_id]


def webhook_url(settings: Settings) -> str:
    """Return the address that Label Studio reports to."""
    return f"{settings.public_url()}/webhook"


def _wanted(context: Context, project: Project, token: str) -> list[dict[str, Any]]:
    return [
        {
            "url": webhook_url(context.settings),
            "project": project.id,
            "send_payload": actions is DELETIONS,
            "send_for_all_actions": False,
            "actions": list(actions),
            "headers": {WEBHOOK_TOKEN_HEADER: token},
            "is_active": True,
        }
        for actions in (HINTS, DELETIONS)
    ]
