"""A project of cats with new votes of people, counted in memory."""

from dataclasses import replace

from fake_label_studio import CONFIG
from relabel.policy import Policy
from relabel.service.connected import Connected, schema_of
from relabel.service.votes.state import count_state
from relabel.storage.annotations import Annotation, Kind
from relabel.storage.projects import Project
from relabel.storage.tasks import Task

AT = "2026-01-01T00:00:00Z"
MANY = 40
"""Tasks of a project; each has the old label "cat"."""


def read(votes=(), *, skips=(), project=5, tasks=MANY, test=(), **policy):
    """Return the state of a project after new votes, as (task, annotator, choice).

    With a share of .5 every vote is worth a turn. test: tasks of the split "test".
    """
    found = Project(project, "", "", CONFIG, "", AT, {}, skip_queue="IGNORE_SKIPPED")
    chosen = Policy(**({"audit_share": 0.5} | policy))
    old = [(task, "9", "cat", Kind.LABEL) for task in range(1, tasks + 1)]
    said = [*old, *((*vote, Kind.LABEL) for vote in votes)]
    said += [(task, "8", "", Kind.CANCELLED) for task in skips]
    annotations = [
        Annotation(n, task, who, kind, choice, AT, AT, initial=n < tasks)
        for n, (task, who, choice, kind) in enumerate(said)
    ]
    annotations = [
        replace(a, initial_kind=str(a.kind), initial_choice=a.choice) if a.initial else a
        for a in annotations
    ]
    known = {
        i: Task(i, "", 1, False, "", 1, False, split="test" if i in test else "")
        for i in range(1, tasks + 1)
    }
    return count_state(Connected(found, chosen, schema_of(found, chosen)), known, annotations)
