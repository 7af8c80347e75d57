"""The doctor's deep check: what is kept of each task's votes is what its annotations say."""

from relabel.service.connected import open_connected
from relabel.service.context import Context
from relabel.service.doctor.findings import Finding
from relabel.service.traces import several
from relabel.service.votes.task_states import differing_tasks, uncounted_tasks
from relabel.storage.database import reading
from relabel.storage.projects import Project

SHOWN = 5
"""Tasks that are named."""


def check_counts(context: Context, project: Project) -> Finding:
    """Count the votes of every task anew, and compare."""
    connected = open_connected(context.settings, project)
    with reading(context.engine) as connection:
        differing = differing_tasks(connection, connected)
        uncounted = len(uncounted_tasks(connection, connected))
    if differing:
        named = ", ".join(
            f"task {task_id} ({', '.join(columns)})"
            for task_id, columns in list(differing.items())[:SHOWN]
        )
        text = (
            f"{several(len(differing), 'task')} kept otherwise than the annotations say, "
            f"first {named}. Count them anew: relabel reconcile --project {project.id}"
        )
        return Finding("counts", ok=False, text=text)
    waiting = f"; {several(uncounted, 'task')} will be counted by the next sweep"
    text = "counted anew, the votes of every task say what is kept of them"
    return Finding("counts", ok=True, text=text + (waiting if uncounted else ""))
