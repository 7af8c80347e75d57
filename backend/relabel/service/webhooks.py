"""The two webhooks by which Label Studio reports: by the name of an event, or with what is gone."""

from typing import Any

from relabel.labelstudio.contract import WEBHOOK_TOKEN_HEADER
from relabel.service.context import Context
from relabel.settings import Settings
from relabel.storage.journal.events import DELETIONS, HINTS
from relabel.storage.projects import Project


def add_webhooks(context: Context, project: Project, token: str) -> list[int]:
    """Make both webhooks with this secret beside those that there are; return their ids."""
    wanted = _wanted(context, project, token)
    return [int(context.label_studio.add_webhook(values)["id"]) for values in wanted]


def own_webhooks(context: Context, project: Project) -> list[dict[str, Any]]:
    """Return the webhooks that lead to this backend, or did when the project was connected."""
    found = context.label_studio.webhooks(project.id)
    urls = {h.get("url") for h in found if h.get("id") == project.webhook_id}
    urls.add(webhook_url(context.settings))
    return [h for h in found if h.get("url") in urls]


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
