"""What this backend has put into a project in Label Studio, found again by id, address or name."""

from dataclasses import dataclass, replace
from typing import Any

from relabel.labelstudio.client import LabelStudio
from relabel.labelstudio.contract import is_tab_title
from relabel.service.context import Context
from relabel.service.webhooks import own_webhooks
from relabel.storage.projects import Project

BACKEND_TITLE = "Relabel"
VERSION_PREFIX = "relabel-"
"""Of the model versions of all rounds."""
WEBHOOK_PATH = "/webhook"

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Traces:
    """ML backends, webhooks and tabs by their id in Label Studio, and model versions of rounds."""

    backends: dict[int, Body]
    webhooks: dict[int, Body]
    tabs: dict[int, Body]
    versions: tuple[str, ...] = ()

    def __str__(self) -> str:
        said = (
            "the ML backend" if self.backends else "",
            several(len(self.webhooks), "webhook") if self.webhooks else "",
            "the tab" if self.tabs else "",
            f"the predictions of {several(len(self.versions), 'round')}" if self.versions else "",
        )
        return listed([text for text in said if text])

    def without(self, earlier: "Traces") -> "Traces":
        """Return what has come since."""
        return Traces(
            {i: b for i, b in self.backends.items() if i not in earlier.backends},
            {i: b for i, b in self.webhooks.items() if i not in earlier.webhooks},
            {i: b for i, b in self.tabs.items() if i not in earlier.tabs},
            tuple(v for v in self.versions if v not in earlier.versions),
        )


def find_traces(context: Context, project: Project) -> Traces:
    """Return what a project carries of this backend now."""
    server = context.label_studio
    return Traces(
        {int(b["id"]): b for b in server.backends(project.id) if is_own(context, b, project)},
        {int(h["id"]): h for h in own_webhooks(context, project)},
        {int(v["id"]): v for v in server.views(project.id) if is_own_tab(v, project)},
        own_versions(context, project.id),
    )


def remove(server: LabelStudio, traces: Traces) -> None:
    """Delete backends, webhooks and tabs; predictions take longer and are left."""
    for webhook_id in traces.webhooks:
        server.delete_webhook(webhook_id)
    for backend_id in traces.backends:
        server.delete_backend(backend_id)
    for view_id in traces.tabs:
        server.delete_view(view_id)


def own_versions(context: Context, number: int) -> tuple[str, ...]:
    """Return the model versions that rounds of this or an earlier connection have written."""
    found = context.label_studio.model_versions(number)
    return tuple(version for version in found if version.startswith(VERSION_PREFIX))


def is_own(context: Context, backend: Body, project: Project) -> bool:
    """By address, or by id: this backend may have moved to another address."""
    return (
        backend.get("url") == context.settings.public_url()
        or backend.get("id") == project.backend_id
    )


def is_own_tab(view: Body, project: Project) -> bool:
    """Return whether a Data Manager tab is this backend's, by id or by title."""
    return view["id"] == project.view_id or is_tab_title(str(view.get("data", {}).get("title", "")))


def as_connected(context: Context, project: Project) -> Context:
    """Return the context with the address under which Label Studio knows this backend.

    The shell in which somebody types may not know RELABEL_URL, and is believed only where Label
    Studio does not say either.
    """
    known = connected_url(context, project)
    if not known or known == context.settings.public_url():
        return context
    return replace(context, settings=context.settings.model_copy(update={"url": known}))


def connected_url(context: Context, project: Project) -> str:
    """Return the address under which Label Studio knows this backend, "" = it does not say."""
    server = context.label_studio
    urls = [b.get("url") for b in server.backends(project.id) if b.get("id") == project.backend_id]
    urls += [
        str(h.get("url")).removesuffix(WEBHOOK_PATH)
        for h in server.webhooks(project.id)
        if h.get("id") == project.webhook_id
    ]
    return str(urls[0]) if urls else ""


def is_same(body: Body, project: Project) -> bool:
    """Return whether this is the project that was connected, and no later one of its number."""
    return not project.created_at or str(body.get("created_at", "")) == project.created_at


def listed(texts: list[str]) -> str:
    """Return "a, b and c"."""
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def several(count: int, what: str) -> str:
    """Return "1 task" or "2 tasks"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
