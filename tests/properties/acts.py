"""What people do in a project, drawn at random, and what must then be true of the store."""

from fake_label_studio import ORIGINAL
from hypothesis import strategies as st
from wiring import votes_of_store

PEOPLE = [1, 2, 3]
CHOICES = ["cat", "dog", "bird", "fish"]
"""The last is no class of the project."""

ANNOTATE = st.tuples(
    st.just("annotate"), st.integers(0, 3), st.sampled_from(PEOPLE), st.sampled_from([*CHOICES, ""])
)
ON_BEHALF = st.tuples(
    st.just("on behalf"),
    st.integers(0, 3),
    st.sampled_from(PEOPLE),
    st.sampled_from(PEOPLE),
    st.sampled_from(CHOICES),
)
SKIP = st.tuples(st.just("skip"), st.integers(0, 3), st.sampled_from(PEOPLE))
CHANGE = st.tuples(
    st.just("change"),
    st.integers(0, 99),
    st.sampled_from([*PEOPLE, ORIGINAL]),
    st.sampled_from([*CHOICES, "", "(skip)"]),
)
"""Most of what there is to change are old labels."""
LEAVE = st.tuples(st.just("leave"), st.sampled_from([*PEOPLE, ORIGINAL]))
LEAVE_ORIGINAL = st.tuples(st.just("leave"), st.just(ORIGINAL))
DELETE = st.tuples(st.just("delete"), st.integers(0, 99))
DELETE_TASK = st.tuples(st.just("delete task"), st.integers(0, 3))
IMPORT = st.tuples(st.just("import"), st.sampled_from([*CHOICES[:3], None]))


def do(fake, number, act):
    """Let a person do something; what is impossible just now is left out."""
    kind, *rest = act
    if fake.deleted & {person for person in rest[1:3] if isinstance(person, int)}:
        return
    tasks = [n for n, t in fake.tasks.items() if t["project"] == number]
    annotations = list(fake.annotations)
    if kind == "import":
        fake.add_tasks(number, rest)
    elif kind in ("annotate", "skip") and tasks:
        task, person, *choice = tasks[rest[0] % len(tasks)], rest[1], *rest[2:]
        fake.annotate(task, person, *filter(None, choice), cancelled=kind == "skip")
    elif kind == "on behalf" and tasks:
        fake.annotate(tasks[rest[0] % len(tasks)], rest[1], rest[3], posted_by=rest[2])
    elif kind == "change" and annotations:
        change(fake, annotations[rest[0] % len(annotations)], *rest[1:])
    elif kind == "leave":
        fake.delete_user(rest[0])
    elif kind == "delete" and annotations:
        fake.delete_annotation(annotations[rest[0] % len(annotations)])
    elif kind == "delete task" and len(tasks) > 1:
        fake.delete_task(tasks[rest[0] % len(tasks)])


def change(fake, annotation, by, what):
    """Change what an annotation says to something that it has not said before.

    Who made it say so again can only be known to somebody who saw it say something else meanwhile.
    """
    told = {text for _, text in fake.said[annotation]}
    # Nor what a label was at first that was imported and changed before anybody read it.
    known = annotation not in fake.initial or fake.annotations[annotation]["task"] in fake.old
    if known and (what or "(0 choices)") not in told:
        choices = [] if what in ("", "(skip)") else [what]
        fake.change(annotation, *choices, by=by, cancelled=what == "(skip)")


def votes(fake, found):
    """Leave out which of those who are gone it was, where nobody can know."""
    gone = {str(ORIGINAL)} if ORIGINAL in fake.deleted else set()
    return {
        (task, "gone" if person in gone or person.startswith("unknown") else person, label)
        for task, person, label in found
    }


def assert_same_votes(context, fake, number):
    mine, theirs = votes_of_store(context, number), fake.votes(number)
    assert votes(fake, mine) == votes(fake, theirs)
    assert len(mine) == len(theirs)
