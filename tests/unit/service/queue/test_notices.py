"""What Label Studio's own pages say: the tab kept in order, and why nothing is open."""

import pytest
import stamina
from relabel.labelstudio.contract import TAB_TITLE
from relabel.service.commands import go_on, pause
from relabel.service.queue.stop_rule import headline
from relabel.service.setup.detach import detach
from relabel.service.sync.catch_up import carry_out
from relabel.service.sync.sweep import forget_sweeps, sweep
from relabel.storage.tasks import set_problems
from relabel.storage.writes import list_writes
from wiring import connect_project, deliver, publish_round, state_of

SCORE = "tasks:predictions_score"
MINE = "Digits of the north ward\n\nAsk Kim."


@pytest.fixture(autouse=True)
def no_pauses():
    with stamina.set_testing(True, attempts=2):
        yield


@pytest.fixture
def running(context, fake, connected):
    """A published project of four labelled tasks with a description; window 2."""
    number = connected(["cat", "dog", "bird", "cat"])
    fake.set_project(number, description=MINE)
    ids = list(fake.tasks)
    publish_round(context, number, dict(zip(ids, (0.95, 0.8, 0.7, 0.6), strict=True)))
    deliver(context, fake)
    fake.requests.clear()
    return number, ids


def sweep_now(context):
    """Sweep although the last sweep has just ended."""
    forget_sweeps(context)
    return sweep(context)


def assert_at_rest(context, fake):
    """Our own writes must not be answered by further ones."""
    deliver(context, fake)
    fake.requests.clear()
    sweep_now(context)
    deliver(context, fake)
    assert fake.writes() == []


def the_tab(fake):
    (view,) = fake.views.values()
    return view["data"]


# -- the tab -----------------------------------------------------------------------------------
CHANGES = {
    "renamed": {"title": "Monday"},
    "sorted otherwise": {"ordering": ["-tasks:updated_at"]},
    "filter cleared": {"filters": {"conjunction": "and", "items": []}},
    "score shown": {"hiddenColumns": {"explore": [], "labeling": []}},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_tab_that_somebody_changed_is_repaired_by_the_sweep(context, fake, running, name):
    number, _ = running
    right = dict(the_tab(fake))
    the_tab(fake).update(CHANGES[name])
    sweep_now(context)
    for key in ("title", "ordering", "filters"):
        assert the_tab(fake)[key] == right[key]
    assert all(SCORE in columns for columns in the_tab(fake)["hiddenColumns"].values())
    assert_at_rest(context, fake)
    with context.engine.connect() as connection:
        assert [w.what for w in list_writes(connection, number, "live")][-1] == "tab"


@pytest.mark.usefixtures("running")
def test_nobody_who_labels_is_shown_a_score(fake):
    for columns in the_tab(fake)["hiddenColumns"].values():
        assert SCORE in columns
    assert the_tab(fake)["ordering"] == [SCORE]


@pytest.mark.usefixtures("running")
def test_columns_and_widths_stay_as_people_set_them(context, fake):
    the_tab(fake).update(
        title="Monday",
        type="grid",
        columnsWidth={"tasks:id": 300},
        hiddenColumns={"explore": ["tasks:id", SCORE], "labeling": [SCORE]},
    )
    sweep_now(context)
    data = the_tab(fake)
    assert data["title"] == TAB_TITLE
    assert (data["type"], data["columnsWidth"]) == ("grid", {"tasks:id": 300})
    assert data["hiddenColumns"] == {"explore": ["tasks:id", SCORE], "labeling": [SCORE]}
    assert_at_rest(context, fake)


@pytest.mark.parametrize("paused", [False, True])
def test_a_deleted_tab_comes_back_with_what_it_said(context, fake, running, paused):
    number, _ = running
    if paused:
        pause(context.engine, number)
        carry_out(context, number)
        deliver(context, fake)
    right = dict(the_tab(fake))
    fake.views.clear()
    sweep_now(context)
    assert the_tab(fake) == right
    assert right["title"] == ("Paused: Relabel queue" if paused else TAB_TITLE)
    assert_at_rest(context, fake)
    detach(context, number)
    assert fake.views == {}


def test_connecting_again_sets_the_tab_right_at_once(context, fake, running):
    number, _ = running
    right = dict(the_tab(fake))
    the_tab(fake).update(title="Stopped: Relabel queue", ordering=["tasks:id"])
    connect_project(context, number)
    assert {k: the_tab(fake)[k] for k in ("title", "ordering")} == {
        k: right[k] for k in ("title", "ordering")
    }


def test_tabs_of_people_are_left_alone(context, fake, running):
    number, _ = running
    theirs = {"title": "Relabel queue copy", "ordering": ["tasks:id"], "filters": {}}
    view = fake._add_view(body={"project": number, "data": dict(theirs)}, params={})[1]
    sweep_now(context)
    assert fake.views[view["id"]]["data"] == theirs
    detach(context, number)
    assert list(fake.views) == [view["id"]]


# -- why nothing is open -----------------------------------------------------------------------
def test_a_paused_project_says_so_in_its_description_and_in_the_first_word_of_the_tab(
    context, fake, running
):
    number, _ = running
    pause(context.engine, number)
    carry_out(context, number)
    assert the_tab(fake)["title"] == "Paused: Relabel queue"
    line, rest = fake.projects[number]["description"].split("\n", 1)
    assert line == "[Relabel] Paused: relabelling rests until the project is resumed."
    assert rest == MINE
    assert fake.next_task(1) is None
    assert_at_rest(context, fake)
    go_on(context.engine, number)
    carry_out(context, number)
    assert the_tab(fake)["title"] == TAB_TITLE
    assert fake.projects[number]["description"] == MINE
    assert fake.next_task(1) is not None
    assert_at_rest(context, fake)


def test_a_pause_is_told_before_the_first_round_too(context, fake, connected):
    number = connected(["cat", "dog"])
    pause(context.engine, number)
    carry_out(context, number)
    assert the_tab(fake)["title"].startswith("Paused")
    assert fake.projects[number]["description"].startswith("[Relabel] Paused")
    assert_at_rest(context, fake)


def test_a_budget_that_is_spent_is_told(context, fake, connected):
    number = connected(["cat", "dog", "bird"], params="budget = 1")
    ids = list(fake.tasks)
    publish_round(context, number, {ids[0]: 0.9})
    fake.annotate(ids[0], 1, "cat")
    deliver(context, fake)
    assert the_tab(fake)["title"] == "Stopped: Relabel queue"
    description = fake.projects[number]["description"]
    assert description == "[Relabel] Stopped: budget of 1 votes spent."
    assert_at_rest(context, fake)


def test_a_finished_project_says_what_is_left_out(context, fake, running):
    number, ids = running
    with context.engine.begin() as connection:
        set_problems(connection, number, {ids[3]: "a web page"})
    for task in ids[:3]:
        for person in (1, 2, 3):
            fake.annotate(task, person, "cat")
    deliver(context, fake)
    assert the_tab(fake)["title"] == "Finished: Relabel queue"
    assert fake.projects[number]["description"].startswith(
        "[Relabel] Finished: all tasks are settled but 1 without a usable image."
    )


def test_a_project_without_any_label_is_not_said_to_be_finished(context, fake, connected):
    number = connected([None, None])
    sweep_now(context)
    assert the_tab(fake)["title"] == TAB_TITLE
    assert fake.projects[number]["description"] == ""
    assert headline("") == ""


def test_what_people_write_meanwhile_survives(context, fake, running):
    number, _ = running
    pause(context.engine, number)
    carry_out(context, number)
    told = fake.projects[number]["description"]
    fake.set_project(number, description=f"{told}\nBack on Monday.")
    assert_at_rest(context, fake)
    go_on(context.engine, number)
    carry_out(context, number)
    assert fake.projects[number]["description"] == f"{MINE}\nBack on Monday."


def test_a_reason_that_somebody_took_away_is_told_again_by_the_sweep(context, fake, running):
    number, _ = running
    pause(context.engine, number)
    carry_out(context, number)
    fake.set_project(number, description=MINE)
    deliver(context, fake)
    sweep_now(context)
    assert fake.projects[number]["description"].startswith("[Relabel] Paused: ")
    assert_at_rest(context, fake)


def test_detaching_a_paused_project_gives_its_description_back(context, fake, running):
    number, _ = running
    pause(context.engine, number)
    carry_out(context, number)
    detach(context, number)
    assert fake.projects[number]["description"] == MINE


def test_being_killed_between_writing_and_noting_doubles_nothing(context, fake, running):
    number, _ = running
    pause(context.engine, number)
    carry_out(context, number)
    with context.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE projects SET note = ''")
    sweep_now(context)
    assert fake.projects[number]["description"].count("[Relabel]") == 1
    assert state_of(context, number).project.note == "paused"
