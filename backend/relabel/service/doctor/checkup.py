"""Checks of everything between this backend and a project, each with what to do about it."""

from collections.abc import Callable

import httpx

from relabel.errors import LabelStudioError, NotFoundError, RelabelError
from relabel.labelstudio.client import is_personal_token
from relabel.media.image.references import OwnAddresses, set_alias
from relabel.service.context import Context, policy_of
from relabel.service.doctor.connection import (
    check_address,
    check_backend,
    check_delivery,
    check_webhook,
)
from relabel.service.doctor.counts import check_counts
from relabel.service.doctor.findings import Check, Finding
from relabel.service.doctor.images import check_images
from relabel.service.doctor.labels import check_books, check_config, check_labels, check_policy
from relabel.service.doctor.plugins import check_plugins
from relabel.service.doctor.queue import check_order, check_round, check_scores, check_tab
from relabel.service.doctor.weights import examine_weights
from relabel.service.traces import is_same
from relabel.storage.database import reading
from relabel.storage.projects import Project, get_project

TESTED_VERSIONS = ("1.21.", "1.22.", "1.23.")


def examine_server(context: Context) -> list[Finding]:
    """Check Label Studio, the device of the rounds and plug-ins, without any project."""
    return [
        _caught("label studio", lambda: _server(context)),
        _caught("token", lambda: _token(context)),
        _caught("device", lambda: _device(context)),
        check_plugins(),
    ]


def examine_project(context: Context, number: int, *, deep: bool = False) -> list[Finding]:
    """Check one connected project from end to end; every check runs even if others fail.

    Args:
        context: settings, store and Label Studio.
        number: id of the project.
        deep: also count the votes of every task anew, which takes a while in large projects.

    """
    try:
        with reading(context.engine) as connection:
            project = get_project(connection, number)
    except RelabelError as error:
        return [Finding("connected", ok=False, text=str(error))]
    if project.cut_off:
        text = (
            f"connecting was cut off half-way; finish it: relabel connect --project {number}; or "
            f"take it back: relabel detach --project {number}"
        )
        return [Finding("connected", ok=False, text=text)]
    gone = _gone(context, project)
    if gone:
        return [Finding("connected", ok=False, text=gone)]
    return [
        _caught(name, lambda check=check: check(context, project))  # type: ignore[misc]
        for name, check in (CHECKS | (DEEP if deep else {})).items()
    ]


def _gone(context: Context, project: Project) -> str:
    """Return that the project is not in Label Studio any more, "" = it is, or nobody can say."""
    try:
        body = context.label_studio.project(project.id)
    except NotFoundError:
        return f"it is gone from Label Studio; run: relabel forget --project {project.id}"
    except RelabelError:
        return ""
    if is_same(body, project):
        return ""
    return (
        f"it was deleted, and its number given to another project ({body.get('title')!r}); run: "
        f"relabel forget --project {project.id}"
    )


def _caught(name: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except RelabelError as error:
        return Finding(name, ok=False, text=str(error))


def _server(context: Context) -> Finding:
    version = context.label_studio.version()
    tested = ", ".join(f"{minor}x" for minor in TESTED_VERSIONS)
    note = "" if version.startswith(TESTED_VERSIONS) else f"; tested with {tested}"
    text = f"{context.label_studio.url}, {version}{note}{_other_name(context)}"
    return Finding("label studio", ok=True, text=text)


def _other_name(context: Context) -> str:
    """Return what Label Studio calls itself, if that is no address that is known as its own."""
    own = OwnAddresses.of(context.label_studio.url, context.settings.label_studio_aliases)
    try:
        name = context.label_studio.own_name()
        known = own.path_of(f"{name}/") is not None
    except (LabelStudioError, httpx.InvalidURL, ValueError):
        return ""  # an older one, which does not say
    return (
        "" if known else f"; it calls itself {name}: for links of that kind set {set_alias(name)}"
    )


def _token(context: Context) -> Finding:
    user = context.label_studio.whoami()
    kind = (
        "personal access token" if is_personal_token(context.settings.api_key()) else "legacy token"
    )
    return Finding("token", ok=True, text=f"{kind} of {user.get('email', 'unknown')}")


def _device(context: Context) -> Finding:
    device = context.settings.device
    name = context.trial(device)
    called = device if name == device else f"{device}, {name}"
    return Finding("device", ok=True, text=f"{called}: it embeds and trains")


def check_encoder(context: Context, project: Project) -> Finding:
    """See whether the encoder's weights can be had here."""
    return examine_weights(policy_of(context.settings, project.extra_params), context.hub)


CHECKS: dict[str, Check] = {
    "address": check_address,
    "labelling config": check_config,
    "policy": check_policy,
    "labels": check_labels,
    "books": check_books,
    "images": check_images,
    "encoder": check_encoder,
    "ml backend": check_backend,
    "webhook": check_webhook,
    "delivery": check_delivery,
    "round": check_round,
    "queue order": check_order,
    "score column": check_scores,
    "tab": check_tab,
}
DEEP: dict[str, Check] = {"counts": check_counts}
"""Checks that read and count everything."""
