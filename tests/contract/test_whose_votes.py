"""Whose vote an annotation is, and what stands for ever: the labels from before connecting."""

import pytest
from fake_label_studio import CONFIG
from relabel.errors import ConfigurationError
from relabel.service.insight.annotators import people
from relabel.service.insight.status import project_status
from relabel.service.sync.sweep import sweep_project
from relabel.storage.answers import Outcome
from relabel.storage.database import reading
from relabel.storage.projects import get_project
from relabel.types import State
from wiring import connect_project, deliver, publish_round, report, state_of, votes_of_store

ADMIN = 8


@pytest.fixture(params=["contents", "names", "lost"])
def tell(request, context, fake):
    """Let the backend know what happened: by whole events, by their names, or by a sweep alone."""

    def told(number):
        if request.param == "contents":
            deliver(context, fake)
            return
        for body in fake.events if request.param == "names" else ():
            report(context, body)
        fake.events.clear()
        sweep(context, number)

    return told


def sweep(context, number):
    with reading(context.engine) as connection:
        project = get_project(connection, number)
    sweep_project(context, project, full=True)


@pytest.fixture
def running(context, fake, connected):
    """A published project of three labelled tasks."""
    number = connected(["cat", "dog", "bird"])
    publish_round(context, number, {})
    fake.events.clear()
    return number, list(fake.tasks)


def new_votes(context, number):
    state = state_of(context, number)
    return {
        (v.task_id, v.source, v.choice)
        for v in state.votes
        if not v.initial and v.label is not None
    }


def counted(context, number, task):
    """Return how many votes each class has on a task."""
    state = state_of(context, number)
    row = list(state.tasks).index(task)
    votes = state.counts.votes[row]
    return {c: int(n) for c, n in zip(state.schema.classes, votes, strict=True) if n}


# -- on behalf of others ---------------------------------------------------------------------
@pytest.mark.slow
def test_annotations_made_with_one_token_for_several_people_are_their_votes(
    context, fake, running, tell
):
    number, ids = running
    fake.annotate(ids[0], 2, "dog", posted_by=ADMIN)
    fake.annotate(ids[0], 3, "dog", posted_by=ADMIN)
    tell(number)
    assert new_votes(context, number) == {(ids[0], "2", "dog"), (ids[0], "3", "dog")}
    assert counted(context, number, ids[0]) == {"cat": 1, "dog": 2}
    assert project_status(context.engine, context.settings, number)["overwritten"] == 0


def test_so_they_are_if_they_were_made_before_connecting(context, fake):
    number = fake.add_project([None, None])
    task, other = fake.tasks
    for person in (2, 3):
        fake.annotate(task, person, "dog", posted_by=ADMIN)
    changed = fake.annotate(other, 2, "dog", posted_by=ADMIN)
    fake.change(changed, "cat", by=4)
    connect_project(context, number)
    assert votes_of_store(context, number) == {
        (task, "2", "dog"),
        (task, "3", "dog"),
        (other, "4", "cat"),
    }
    assert state_of(context, number).initial.tolist() == [2, 1]


def test_what_somebody_else_saves_without_a_change_stays_its_authors_vote(
    context, fake, running, tell
):
    """A star, or Update on what somebody looked at."""
    number, ids = running
    made = fake.annotate(ids[0], 2, "dog")
    deliver(context, fake)
    fake.change(made, "dog", by=ADMIN)
    tell(number)
    assert new_votes(context, number) == {(ids[0], "2", "dog")}
    assert project_status(context.engine, context.settings, number)["overwritten"] == 0


# -- changes of old labels -------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.parametrize("by", [9, 2], ids=["its author", "another"])
def test_a_change_of_an_old_label_is_a_new_vote_and_the_old_label_stands(
    context, fake, running, tell, by
):
    number, ids = running
    fake.change(1, "dog", by=by)
    tell(number)
    state = state_of(context, number)
    assert counted(context, number, ids[0]) == {"cat": 1, "dog": 1}
    assert new_votes(context, number) == {(ids[0], str(by), "dog")}
    assert state.schema.classes[state.given[0]] == "cat"
    assert state.consensus.states[0] == State.TIED
    assert (state.spent, state.begun().tolist()) == (1, [True, False, False])
    fake.annotate(ids[0], 3, "dog")
    tell(number)
    status = project_status(context.engine, context.settings, number)
    assert (status["votes"], status["corrected"]) == (2, 1)


@pytest.mark.slow
@pytest.mark.parametrize("cancelled", [False, True], ids=["cleared", "skipped"])
def test_an_old_label_that_is_cleared_or_skipped_stands(context, fake, running, tell, cancelled):
    number, ids = running
    fake.change(1, by=9, cancelled=cancelled)
    tell(number)
    state = state_of(context, number)
    assert counted(context, number, ids[0]) == {"cat": 1}
    assert (state.given[0], state.spent) == (0, 0)
    assert project_status(context.engine, context.settings, number)["unlabelled"] == 0
    (since,) = [a for a in state.answers if not a.initial]
    assert since.outcome == (Outcome.SKIPPED if cancelled else Outcome.NO_ANSWER)


@pytest.mark.slow
def test_an_old_label_and_a_new_one_of_the_same_person_both_count(context, fake, running, tell):
    number, ids = running
    fake.annotate(ids[0], 9, "dog")
    fake.annotate(ids[0], 9, "bird")
    tell(number)
    assert counted(context, number, ids[0]) == {"cat": 1, "bird": 1}


def test_an_imported_label_that_was_changed_before_it_was_read_is_a_vote(context, fake, running):
    """What it was at first nobody knows any more."""
    number, _ = running
    (task,) = fake.add_tasks(number, ["cat"])
    fake.change(max(fake.annotations), "dog", by=2)
    fake.events.clear()
    sweep(context, number)
    assert counted(context, number, task) == {"dog": 1}
    assert new_votes(context, number) == {(task, "2", "dog")}


@pytest.mark.slow
def test_an_imported_label_that_was_changed_after_it_was_read_stands(context, fake, running, tell):
    number, _ = running
    (task,) = fake.add_tasks(number, ["cat"])
    deliver(context, fake)
    fake.change(max(fake.annotations), "dog", by=2)
    tell(number)
    assert counted(context, number, task) == {"cat": 1, "dog": 1}


def test_an_old_label_that_cannot_tell_is_no_vote_since(context, fake):
    config = CONFIG.replace('<Choice value="bird"/>', '<Choice value="bird"/><Choice value="?"/>')
    number = fake.add_project(["cat", "?", "dog"], config=config)
    connect_project(context, number, 'cannot_tell = "?"')
    state = state_of(context, number)
    assert (state.spent, state.begun().any()) == (0, False)
    assert state.abstains.tolist() == [0, 1, 0]
    fake.annotate(list(fake.tasks)[1], 1, "?")
    deliver(context, fake)
    state = state_of(context, number)
    assert state.spent == 1
    assert state.consensus.states[1] == State.AMBIGUOUS


@pytest.mark.slow
def test_a_deleted_old_label_is_gone(context, fake, running, tell):
    number, ids = running
    fake.delete_annotation(1)
    tell(number)
    assert counted(context, number, ids[0]) == {}


# -- people who are gone ---------------------------------------------------------------------
@pytest.mark.slow
def test_the_votes_of_deleted_users_stay_theirs(context, fake, running, tell):
    number, ids = running
    for person, choice in ((1, "dog"), (2, "dog"), (3, "bird")):
        fake.annotate(ids[0], person, choice)
    deliver(context, fake)
    before = votes_of_store(context, number)
    for person in (1, 2, 9):
        fake.delete_user(person)
    fake.annotate(ids[1], 3, "cat")
    tell(number)
    sweep(context, number)
    assert votes_of_store(context, number) == before | {(ids[1], "3", "cat")}
    assert state_of(context, number).consensus.states[0] == State.SETTLED


@pytest.mark.slow
def test_an_editor_who_was_deleted_keeps_the_vote(context, fake, running, tell):
    number, ids = running
    fake.change(fake.annotate(ids[0], 1, "cat"), "dog", by=2)
    deliver(context, fake)
    fake.delete_user(2)
    tell(number)
    sweep(context, number)
    assert new_votes(context, number) == {(ids[0], "2", "dog")}


def test_annotations_of_unknown_authors_are_as_many_votes_but_one_voter(context, fake):
    number = fake.add_project([None, None])
    agreed, contested = fake.tasks
    for task, person, choice in (
        (agreed, 1, "cat"),
        (agreed, 2, "cat"),
        (contested, 1, "cat"),
        (contested, 2, "cat"),
        (contested, 3, "dog"),
    ):
        fake.annotate(task, person, choice)
    for person in (1, 2):
        fake.delete_user(person)
    connect_project(context, number)
    state = state_of(context, number)
    assert counted(context, number, agreed) == {"cat": 2}
    assert counted(context, number, contested) == {"cat": 2, "dog": 1}
    assert state.voters.tolist() == [1, 2]
    assert state.consensus.states.tolist() == [State.OPEN, State.SETTLED]
    assert sum(a.authorless for a in state.answers) == 4
    (unknown,) = [p for p in people(state) if p.source.startswith("unknown author")]
    assert (unknown.votes, unknown.initial) == (4, True)


def test_a_task_of_unknown_authors_is_served(context, fake):
    """Label Studio counts each of their annotations before it lets another person in."""
    number = fake.add_project([None, "cat", "dog"])
    task = min(fake.tasks)
    for person in (1, 2):
        fake.annotate(task, person, "cat")
        fake.delete_user(person)
    connect_project(context, number)
    publish_round(context, number, {task: 0.9})
    assert fake.next_task(3) == task
    assert fake.next_task(4) != task


def test_a_task_that_one_person_annotated_twice_is_served(context, fake, connected):
    number = connected(["cat", "dog", "cat"])
    task = min(fake.tasks)
    fake.annotate(task, 1, "bird")
    fake.annotate(task, 1, "dog")
    deliver(context, fake)
    publish_round(context, number, {task: 0.9})
    assert fake.next_task(2) == task


# -- values that stand for classes -----------------------------------------------------------
def test_values_that_stand_for_a_class_count_in_annotations_and_data(context, fake):
    number = fake.add_project(["Dog", None, None, None])
    ids = list(fake.tasks)
    for task, value in zip(ids[1:], ("Dog", "bird ", 0.0), strict=True):
        fake.tasks[task]["data"]["old"] = value
    params = 'initial = "data:old"\nclasses = {"Dog" = "dog", "0.0" = "cat"}'
    connect_project(context, number, params)
    state = state_of(context, number)
    assert votes_of_store(context, number) == {
        (ids[0], "9", "dog"),
        (ids[1], "data:old", "dog"),
        (ids[3], "data:old", "cat"),
    }
    assert state.unknown_choices == ("bird ",)
    (unknown,) = [a for a in state.answers if a.outcome is Outcome.UNKNOWN_CLASS]
    assert (unknown.task_id, unknown.source, unknown.annotation_id, unknown.initial) == (
        ids[2],
        "data:old",
        None,
        True,
    )


def test_a_renamed_class_keeps_its_votes_by_a_word(context, fake, running):
    number, ids = running
    config = fake.projects[number]["label_config"].replace('"dog"', '"hound"')
    with context.engine.begin() as connection:
        connection.exec_driver_sql(
            """UPDATE projects SET extra_params = 'classes = {"dog" = "hound"}'"""
        )
    fake.set_project(number, label_config=config)
    deliver(context, fake)
    assert (ids[1], "9", "hound") in votes_of_store(context, number)
    assert state_of(context, number).unknown_choices == ()


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (
            '{"Dog" = "dgo"}',
            r'"Dog" = "dgo": .dgo. is no choice of the .+ \(cat, dog, bird\); did you mean .dog.\?',
        ),
        ('{"cat" = "dog"}', r'classes: "cat" = "dog": \'cat\' is a choice of the labelling config'),
        ('{"Dog" = 3}', r"classes\.Dog = 3"),
        ('"dog"', r"classes = 'dog'"),
    ],
)
def test_a_wrong_mapping_of_classes_is_refused_by_value(context, fake, classes, message):
    number = fake.add_project(["cat", "dog"])
    with pytest.raises(ConfigurationError, match=message):
        connect_project(context, number, f"classes = {classes}")
    assert fake.writes() == []


# -- figures about people --------------------------------------------------------------------
def test_old_labels_are_nobodys_peer_and_a_row_of_their_own(context, fake, connected):
    number = connected(["cat", "cat", "dog"])
    ids = list(fake.tasks)
    fake.annotate(ids[0], 1, "dog")
    fake.annotate(ids[0], 2, "dog")
    fake.annotate(ids[1], 1, "bird")
    fake.annotate(ids[2], 9, "bird")
    deliver(context, fake)
    found = {(p.source, p.initial): p for p in people(state_of(context, number))}
    assert set(found) == {("1", False), ("2", False), ("9", False), ("9", True)}
    one, old = found["1", False], found["9", True]
    assert (one.compared, one.peer_agreement) == (1, 1.0)
    assert (found["9", False].compared, found["9", False].peer_agreement) == (0, None)
    # What people have said since about the tasks of the old labels.
    assert (old.votes, old.compared, old.peer_agreement) == (3, 4, 0.0)
    assert (old.judged, old.agreement) == (1, 0.0)
