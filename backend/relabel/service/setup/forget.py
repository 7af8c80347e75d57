"""Forgetting a project that is gone from Label Studio, after asking Label Studio whether it is."""

import shutil

from relabel.errors import LabelStudioError, NotFoundError, NotReadyError
from relabel.service.context import Context
from relabel.service.traces import as_connected, find_traces, is_same, several
from relabel.storage.annotations import list_annotations
from relabel.storage.database import reading
from relabel.storage.locks import queue_lock
from relabel.storage.projects import Project, forget_project, get_project
from relabel.storage.rounds import list_rounds
from relabel.storage.tasks import list_tasks


def check_forgettable(context: Context, number: int) -> str:
    """Return what Label Studio says of a project that may be forgotten.

    Raises:
        NotReadyError: it is not connected; or it exists and still carries what this backend put
            into it; or Label Studio does not say.

    """
    with reading(context.engine) as connection:
        project = get_project(connection, number)
    try:
        return _refuse_living(context, project)
    except LabelStudioError as error:
        raise NotReadyError(
            f"{error} So nobody knows whether project {number} ({project.title}) still exists. Try "
            f"again when Label Studio answers, or, if it is gone for good: "
            f"relabel forget --project {number} --force"
        ) from error


def forget(context: Context, number: int, *, force: bool = False) -> tuple[str, ...]:
    """Remove all that is stored about a project, and return what that was.

    Args:
        context: settings, store and Label Studio.
        number: id of the project.
        force: ask nothing, and leave a living project as it is now.

    Raises:
        NotReadyError: see `check_forgettable`.

    """
    said = "" if force else check_forgettable(context, number)
    with queue_lock(context.engine, context.settings.data_dir, number):
        with context.engine.begin() as connection:
            project = get_project(connection, number)
            counts = (
                several(len(list_tasks(connection, number)), "task"),
                several(len(list_annotations(connection, number)), "annotation"),
                several(len(list_rounds(connection, number)), "round"),
            )
            forget_project(connection, number)
        shutil.rmtree(context.folder(number), ignore_errors=True)
    known = f"forgot {counts[0]}, {counts[1]} and {counts[2]} of project {number} ({project.title})"
    return known, said or "Label Studio was not asked, and its settings were not restored"


def _refuse_living(context: Context, project: Project) -> str:
    number = project.id
    try:
        body = context.label_studio.project(number)
    except NotFoundError:
        return "it does not exist in Label Studio any more"
    if not is_same(body, project):
        return f"its number belongs to another project now ({body.get('title')!r}), left as it is"
    traces = str(find_traces(as_connected(context, project), project))
    if traces:
        raise NotReadyError(
            f"Project {number} ({body.get('title')}) still exists in Label Studio and carries "
            f"{traces}. To give it back as it was before: relabel detach --project {number}. To "
            f"forget it all the same, after which nobody can restore its settings and all its "
            f"annotations count as old labels: relabel forget --project {number} --force"
        )
    return "it exists in Label Studio without anything of this backend; its settings stay"
