"""Checks of everything between this backend and a project, each with what to do about it.

What all projects stand on is checked in `health`.
"""

from relabel.errors import NotFoundError, RelabelError
from relabel.service.connected import policy_of
from relabel.service.context import Context
from relabel.service.doctor.connection import (
    check_address,
    check_backend,
    check_delivery,
    check_webhook,
)
from relabel.service.doctor.counts import check_counts
from relabel.service.doctor.findings import Check, Finding
from relabel.service.doctor.health import caught
from relabel.service.doctor.images import check_images
from relabel.service.doctor.labels import (
    check_books,
    check_config,
    check_labels,
    check_policy,
    check_split,
)
from relabel.service.doctor.queue import (
    check_audit,
    check_order,
    check_round,
    check_scores,
    check_tab,
)
from relabel.service.doctor.weights import examine_weights
from relabel.service.traces import is_same
from relabel.storage.database import reading
from relabel.storage.projects import Project, get_project


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
        caught(name, lambda check=check: check(context, project))  # type: ignore[misc]
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


def check_encoder(context: Context, project: Project) -> Finding:
    """See whether the encoder's weights can be had here."""
    return examine_weights(policy_of(context.settings, project.extra_params), context.hub)


CHECKS: dict[str, Check] = {
    "address": check_address,
    "labelling config": check_config,
    "policy": check_policy,
    "labels": check_labels,
    "split": check_split,
    "books": check_books,
    "images": check_images,
    "encoder": check_encoder,
    "ml backend": check_backend,
    "webhook": check_webhook,
    "delivery": check_delivery,
    "round": check_round,
    "queue order": check_order,
    "score column": check_scores,
    "audit": check_audit,
    "tab": check_tab,
}
DEEP: dict[str, Check] = {"counts": check_counts}
"""Checks that read and count everything."""
