"""What people do to a connected project in Label Studio, and what becomes of it."""

import copy

import pytest
import stamina
from fake_label_studio import CONFIG
from relabel.labelstudio.contract import TAB_TITLE, settings_to_change
from relabel.service.insight.status import project_status
from relabel.service.rounds.due import round_due_now
from relabel.service.setup.connect import plan_connect
from relabel.service.sync.receive import receive
from relabel.service.sync.sweep import forget_sweeps, sweep
from relabel.storage.database import reading
from relabel.storage.journal.events import count_events
from relabel.storage.projects import forget_project
from relabel.types import State
from wiring import connect_project, deliver, publish_round, report, state_of, votes_of_store


@pytest.fixture(autouse=True)
def no_pauses():
    with stamina.set_testing(True, attempts=2):
        yield


def sweep_now(context):
    """Sweep although the last sweep has just ended."""
    forget_sweeps(context)
    return [project.id for project in sweep(context)]


def assert_at_rest(context, fake):
    """Our own writes must not be answered by further ones."""
    deliver(context, fake)
    fake.requests.clear()
    sweep_now(context)
    deliver(context, fake)
    assert fake.writes() == []


# -- overlaps, settings, predictions ---------------------------------------------------------
def edit_task(fake, task, **values):
    """PATCH a task as a person: Label Studio sends no event."""
    fake.tasks[task] |= values | {"updated_at": fake._now()}


@pytest.mark.parametrize(
    "values",
    [{"overlap": 7}, {"overlap": 1, "is_labeled": True}, {"is_labeled": True}, {"overlap": 9}],
)
def test_an_edited_overlap_of_an_open_task_is_set_back(context, fake, running, values):
    _, ids = running
    before = (fake.tasks[ids[0]]["overlap"], fake.tasks[ids[0]]["is_labeled"])
    edit_task(fake, ids[0], **values)
    sweep_now(context)
    assert (fake.tasks[ids[0]]["overlap"], fake.tasks[ids[0]]["is_labeled"]) == before
    assert fake.next_task(1) == ids[0]
    assert_at_rest(context, fake)


def test_a_task_that_a_person_opened_is_left_open(context, fake, running):
    """Somebody wants it labelled; whoever labels it gives a vote like any other."""
    _, ids = running
    edit_task(fake, ids[3], overlap=5, is_labeled=False)
    sweep_now(context)
    assert ids[3] in fake.open_tasks(running[0])
    assert_at_rest(context, fake)


def test_a_settled_task_that_a_person_opened_again_is_closed_again(context, fake, running):
    number, ids = running
    fake.annotate(ids[0], 1, "cat")
    deliver(context, fake)
    assert ids[0] not in fake.open_tasks(number)
    edit_task(fake, ids[0], overlap=9, is_labeled=False)
    sweep_now(context)
    assert ids[0] not in fake.open_tasks(number)
    assert_at_rest(context, fake)


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        {"sampling": "Sequential sampling"},
        {"sampling": "Uniform sampling"},
        {"maximum_annotations": 3},
        {"model_version": ""},
        {"show_collab_predictions": False},
        {
            "sampling": "Uniform sampling",
            "maximum_annotations": 2,
            "show_collab_predictions": False,
        },
    ],
)
@pytest.mark.parametrize("told", [True, False], ids=["event", "event lost"])
def test_changed_settings_are_set_back_without_echo(context, fake, running, change, told):
    number, ids = running
    version = fake.projects[number]["model_version"]
    fake.set_project(number, **change)
    if told:
        deliver(context, fake)
    else:
        fake.events.clear()
        sweep_now(context)
    assert settings_to_change(fake.projects[number], version) == {}
    assert fake.next_task(1) == ids[0]
    assert_at_rest(context, fake)


def test_a_person_who_insists_is_answered_once_per_change(context, fake, running):
    number, _ = running
    for turn in range(5):
        fake.set_project(number, sampling="Sequential sampling")
        fake.requests.clear()
        deliver(context, fake)
        patches = [w for w in fake.writes() if w[1] == f"/api/projects/{number}/"]
        assert len(patches) == 1, turn


@pytest.mark.parametrize("which", ["all", "some", "one"])
def test_deleted_predictions_are_written_again(context, fake, running, which):
    number, ids = running
    version = fake.projects[number]["model_version"]
    before = {p["task"]: p["score"] for p in fake.predictions.values()}
    victims = {"all": ids, "some": ids[:2], "one": ids[2:3]}[which]
    for key in [k for k, p in fake.predictions.items() if p["task"] in victims]:
        del fake.predictions[key]
    if which == "all":  # Label Studio forgets a version without predictions
        fake.projects[number]["model_version"] = None
    sweep_now(context)
    assert {p["task"]: p["score"] for p in fake.predictions.values()} == before
    assert len(fake.predictions) == 4
    assert fake.projects[number]["model_version"] == version
    assert_at_rest(context, fake)


# -- annotations of others, locks ------------------------------------------------------------
@pytest.mark.parametrize(
    ("rule", "voters"),
    [("editor", {"2"}), ("author", {"1"}), ("ignore", set())],
)
def test_an_overwritten_annotation_is_counted_by_policy_and_shown(
    context, fake, connected, rule, voters
):
    number = connected(["cat", "dog", "bird"], params=f'overwritten = "{rule}"')
    ids = list(fake.tasks)
    publish_round(context, number, {ids[0]: 0.9})
    mine = fake.annotate(ids[0], 1, "cat")
    deliver(context, fake)
    fake.change(mine, "dog", by=2)
    deliver(context, fake)
    new = {v for v in votes_of_store(context, number) if v[1] != "9"}
    assert new == {(ids[0], person, "dog") for person in voters}
    status = project_status(context.engine, context.settings, number)
    assert status["overwritten"] == 1
    assert status["votes"] == len(voters)


def test_locks_of_closed_browsers_do_not_empty_the_queue(context, fake, connected):
    """Label Studio keeps them for a day; the window is wider than there are annotators."""
    number = connected(["cat"] * 12, params="window = 5")
    publish_round(context, number, {})
    gone = [fake.next_task(person) for person in (1, 2, 3)]
    assert len(set(gone)) == 3
    for turn in range(6):  # one person goes on alone
        task = fake.next_task(4)
        assert task is not None, turn
        assert task not in gone
        fake.annotate(task, 4, "cat")
        deliver(context, fake)
    assert len([t for t in fake.open_tasks(number) if t not in gone]) >= 2


# -- the labelling config --------------------------------------------------------------------
def test_a_renamed_class_is_told_and_its_old_annotations_are_no_votes(context, fake, running):
    number, ids = running
    fake.set_project(number, label_config=CONFIG.replace('"dog"', '"hound"'))
    deliver(context, fake)
    status = project_status(context.engine, context.settings, number)
    assert status["unknown_choices"] == ["dog"]
    assert all(label != "dog" for _, _, label in votes_of_store(context, number))
    assert round_due_now(context, number) == "the classes have changed"
    fake.annotate(ids[0], 1, "hound")
    deliver(context, fake)
    assert (ids[0], "1", "hound") in votes_of_store(context, number)
    fake.set_project(number, label_config=CONFIG)  # renamed back
    deliver(context, fake)
    assert (ids[1], "9", "dog") in votes_of_store(context, number)
    assert project_status(context.engine, context.settings, number)["unknown_choices"] == ["hound"]


BREAKINGS = {
    "unsupported": CONFIG.replace("single-radio", "multiple"),
    "empty": "<View></View>",
    "no XML": "<View><Image",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", [*BREAKINGS, "policy file", "extra params"])
@pytest.mark.parametrize("kind", ["names", "contents"])
def test_events_of_a_broken_configuration_wait_until_it_is_whole_again(
    context, fake, running, name, kind, caplog
):
    number, ids = running
    file = context.settings.policy_file
    whole = file.read_text()
    if name in BREAKINGS:
        fake.set_project(number, label_config=BREAKINGS[name])
    elif name == "policy file":
        file.write_text("window = 'wide'")
    else:
        with context.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE projects SET extra_params = 'window = 0'")
    sweep_now(context)
    fake.annotate(ids[0], 1, "cat")
    kept = fake.annotate(ids[1], 1, "cat")
    fake.annotate(ids[1], 2, "cat")
    fake.change(kept, "bird")
    fake.delete_annotation(fake.annotate(ids[2], 1, "cat"))
    fake.delete_task(ids[3])
    for body in fake.events:
        if kind == "names":
            assert report(context, body) == (number, True)
        else:
            assert receive(context.engine, context.settings, body) == (number, True)
    fake.events.clear()
    caplog.clear()
    assert sweep_now(context) == []
    assert f"project {number}: " in caplog.text, "the log says what is broken"
    with reading(context.engine) as connection:
        assert count_events(connection, number)[1] > 0
    file.write_text(whole)
    if name in BREAKINGS:
        fake.projects[number]["label_config"] = CONFIG
    with context.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE projects SET extra_params = ''")
    assert sweep_now(context) == [number]
    assert votes_of_store(context, number) == fake.votes(number)
    assert list(state_of(context, number).tasks) == ids[:3]
    with reading(context.engine) as connection:
        assert count_events(connection, number)[1] == 0
    assert_at_rest(context, fake)


# -- projects that vanish, come back, or are copied ------------------------------------------
def test_a_deleted_project_is_told_with_how_to_forget_it(context, fake, running, caplog):
    number, _ = running
    fake.delete_project(number)
    deliver_to_store(context, fake)
    assert sweep_now(context) == []
    assert f"relabel forget --project {number}" in caplog.text
    assert fake.writes() == []


def deliver_to_store(context, fake):
    for body in fake.events:
        receive(context.engine, context.settings, body)
    fake.events.clear()


def test_a_project_made_again_under_the_same_number_is_left_alone(context, fake, running, caplog):
    """SQLite gives the number of a deleted last row again."""
    number, _ = running
    body = copy.deepcopy(fake.projects[number])
    fake.delete_project(number)
    fake.events.clear()
    body |= {"created_at": fake._now(), "title": "Another", "model_version": ""}
    body |= {"sampling": "Sequential sampling"}
    fake.projects[number] = body
    ids = fake.add_tasks(number, ["cat", "dog"])
    fake.annotate(ids[0], 1, "dog")
    deliver_to_store(context, fake)
    fake.requests.clear()
    assert sweep_now(context) == []
    assert "deleted and its number given to another project ('Another')" in caplog.text
    assert fake.writes() == []
    with context.engine.begin() as connection:
        forget_project(connection, number)
    connect_project(context, number)
    publish_round(context, number, {ids[1]: 0.9})
    assert list(state_of(context, number).tasks) == ids


def clone(fake, number):
    """Copy a project with its settings, tasks, annotations and predictions, as one may in a
    database; Label Studio gives new numbers."""
    twin = next(fake._numbers)
    fake.projects[twin] = fake.projects[number] | {"id": twin, "created_at": fake._now()}
    for task in [t for t in fake.tasks.values() if t["project"] == number]:
        new = next(fake._numbers)
        fake.tasks[new] = task | {"id": new, "project": twin}
        for a in [a for a in fake.annotations.values() if a["task"] == task["id"]]:
            key = max(fake.annotations) + 1
            fake.annotations[key] = copy.deepcopy(a) | {"id": key, "task": new, "project": twin}
        for p in [p for p in fake.predictions.values() if p["task"] == task["id"]]:
            key = next(fake._numbers)
            fake.predictions[key] = p | {"id": key, "task": new, "project": twin}
    return twin


def test_a_copy_of_a_connected_project_has_its_own_life(context, fake, running):
    number, ids = running
    fake.annotate(ids[0], 1, "dog")
    deliver(context, fake)
    twin = clone(fake, number)
    before = state_of(context, number).counts.votes.tolist()
    twins = [n for n, t in fake.tasks.items() if t["project"] == twin]
    fake.annotate(twins[3], 2, "cat")
    for body in fake.events:  # the copy is not connected
        assert receive(context.engine, context.settings, body) == (twin, False)
    fake.events.clear()
    plan = plan_connect(context, twin)
    assert any("of an earlier connection" in step for step in plan.steps)
    connect_project(context, twin)
    fake.events.clear()
    publish_round(context, twin, {twins[2]: 0.9})
    mine = [p for p in fake.predictions.values() if p["project"] == twin]
    assert len(mine) == len(twins), "one score per task, none left over from the original"
    assert state_of(context, number).counts.votes.tolist() == before
    sweep_now(context)
    assert fake.next_task(3) in ids + twins


def test_connecting_again_after_forgetting_leaves_one_score_per_task(context, fake, running):
    """Rounds are counted from 1 again, and their names must not meet the old ones."""
    number, ids = running
    with context.engine.begin() as connection:
        forget_project(connection, number)
    connect_project(context, number)
    publish_round(context, number, {ids[3]: 0.9})
    assert len(fake.predictions) == 4
    assert fake.next_task(1) == ids[3]


# -- the queue "view" ------------------------------------------------------------------------
def test_the_queue_view_orders_the_tab_and_leaves_overlaps_and_sampling_alone(context, fake):
    number = fake.add_project(["cat", "dog", "bird", "cat"])
    fake.set_project(number, maximum_annotations=2, sampling="Uniform sampling")
    ids = list(fake.tasks)
    before = {n: (t["overlap"], t["is_labeled"]) for n, t in fake.tasks.items()}
    connect_project(context, number, 'queue = "view"')
    publish_round(context, number, {ids[2]: 0.95, ids[1]: 0.8})
    fake.events.clear()
    assert {n: (t["overlap"], t["is_labeled"]) for n, t in fake.tasks.items()} == before
    project = fake.projects[number]
    assert (project["maximum_annotations"], project["sampling"]) == (2, "Uniform sampling")
    (view,) = fake.views.values()
    assert view["data"]["ordering"] == ["tasks:predictions_score"]
    assert view["data"]["filters"]["items"] == []
    assert view["data"]["title"] == TAB_TITLE
    scores = {p["task"]: p["score"] for p in fake.predictions.values()}
    assert sorted(ids, key=scores.__getitem__)[:2] == [ids[2], ids[1]]
    assert project["model_version"].startswith("relabel-"), "the tab shows no other scores"
    fake.set_project(number, sampling="Sequential sampling")
    deliver(context, fake)
    assert fake.projects[number]["sampling"] == "Sequential sampling"
    assert_at_rest(context, fake)


def test_votes_of_the_queue_view_count_and_move_the_scores(context, fake, connected):
    number = connected(["cat", "dog", "bird", "cat"], params='queue = "view"')
    ids = list(fake.tasks)
    publish_round(context, number, {ids[0]: 0.95})
    scores = {p["task"]: p["score"] for p in fake.predictions.values()}
    overlaps = {n: t["overlap"] for n, t in fake.tasks.items()}
    fake.annotate(ids[0], 1, "cat")
    deliver(context, fake)
    state = state_of(context, number)
    assert state.spent == 1
    assert state.consensus.states[0] == State.SETTLED
    after = {p["task"]: p["score"] for p in fake.predictions.values()}
    assert after[ids[0]] > scores[ids[0]], "settled: to the end of the tab"
    assert {n: t["overlap"] for n, t in fake.tasks.items()} == overlaps
    assert_at_rest(context, fake)
