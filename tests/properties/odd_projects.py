"""Projects of a few tasks with any mixture of odd labels, people, editors and images."""

from fake_label_studio import CONFIG
from hypothesis import strategies as st
from relabel.policy import Policy
from relabel.service.connected import Connected, schema_of
from relabel.storage.annotations import Annotation, Kind
from relabel.storage.projects import Project
from relabel.storage.tasks import Task

CHOICES = ("cat", "dog", "bird", "Dog", "bird ", "0.0", "😀", "cannot tell")
PEOPLE = ("1", "2", "3", "")
MOMENTS = tuple(f"2026-01-01T00:00:{second:02d}Z" for second in range(60))
PROBLEMS = ("", "", "", "/data/upload/1/a.png: answered 404", "cannot be decoded")

kinds = st.sampled_from([Kind.LABEL, Kind.LABEL, Kind.LABEL, *Kind])
tasks = st.lists(
    st.tuples(st.sampled_from(PROBLEMS), st.sampled_from(["", *CHOICES])), min_size=1, max_size=8
)


@st.composite
def annotations(draw, n_tasks):
    found = []
    for number in range(1, draw(st.integers(0, 24)) + 1):
        kind, first_kind = draw(kinds), draw(kinds)
        initial = draw(st.booleans())
        choice = draw(st.sampled_from(CHOICES)) if kind is Kind.LABEL else ""
        first = draw(st.sampled_from(CHOICES)) if first_kind is Kind.LABEL else ""
        made, saved = sorted(draw(st.tuples(*[st.sampled_from(MOMENTS)] * 2)))
        found.append(
            Annotation(
                annotation_id=number,
                task_id=draw(st.integers(1, n_tasks)),
                annotator=draw(st.sampled_from(PEOPLE)),
                kind=kind,
                choice=choice,
                created_at=made,
                updated_at=saved,
                editor=draw(st.sampled_from(["", "", "2", "4"])),
                initial=initial,
                initial_kind=str(first_kind) if initial else "",
                initial_choice=first if initial else "",
                initial_at=made if initial else "",
            )
        )
    return found


@st.composite
def projects(draw):
    """Draw a project with its policy, its tasks and their annotations."""
    drawn = draw(tasks)
    policy = Policy(
        initial=draw(st.sampled_from(["annotations", "data:old"])),
        overwritten=draw(st.sampled_from(["editor", "author", "ignore"])),
        cannot_tell=draw(st.sampled_from(["", "cannot tell"])),
        classes=draw(st.sampled_from([{}, {"Dog": "dog"}])),
        max_votes=draw(st.sampled_from([2, 3, 10])),
        solo=draw(st.booleans()),
        audit_share=draw(st.sampled_from([0.0, 0.05, 0.5])),
    )
    named = policy.initial != "annotations"
    known = {
        i: Task(i, f"/{i}.png", 1, False, "", 1, False, given=given if named else "", problem=why)
        for i, (why, given) in enumerate(drawn, start=1)
    }
    skip_queue = draw(st.sampled_from(["REQUEUE_FOR_OTHERS", "REQUEUE_FOR_ME", "IGNORE_SKIPPED"]))
    project = Project(1, "", "Odd", CONFIG, "", "2026", {}, skip_queue=skip_queue)
    connected = Connected(project, policy, schema_of(project, policy))
    return connected, known, draw(annotations(len(known)))
