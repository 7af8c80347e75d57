"""The path of one annotation, from its event to the queue."""

import httpx
import pytest
from fake_label_studio import CONFIG
from relabel.errors import (
    AccessError,
    LabelConfigError,
    LabelStudioDownError,
)
from relabel.labelstudio.contract import settings_to_change
from relabel.service.insight.status import project_status
from relabel.service.sync.catch_up import carry_out
from relabel.service.sync.receive import receive
from relabel.types import State
from wiring import (
    deliver,
    down,
    publish_round,
    report,
    state_of,
    votes_of_store,
    writes,
)

pytestmark = pytest.mark.usefixtures("no_pauses")


def test_a_confirmed_task_is_settled_and_the_window_topped_up(context, fake, running):
    number, ids = running
    assert fake.open_tasks(number) == ids[:2]
    fake.annotate(ids[0], 1, "cat")
    deliver(context, fake)
    assert fake.open_tasks(number) == ids[1:3]
    assert state_of(context, number).consensus.states[0] == State.SETTLED


def test_a_disagreement_asks_a_third_person_before_anything_else(context, fake, running):
    number, ids = running
    fake.annotate(ids[1], 1, "cat")
    deliver(context, fake)
    assert fake.tasks[ids[1]]["overlap"] == 3
    assert fake.next_task(2) == ids[1]
    assert fake.next_task(1) == ids[0], "not the same person again"
    fake.annotate(ids[1], 2, "cat")
    deliver(context, fake)
    assert ids[1] not in fake.open_tasks(number)
    status = project_status(context.engine, context.settings, number)
    assert (status["settled"], status["corrected"], status["votes"]) == (1, 1, 2)


def test_one_vote_rewrites_one_score(context, fake, running):
    _, ids = running
    fake.annotate(ids[1], 1, "cat")
    deliver(context, fake)
    changed = [p for m, p, _ in fake.writes() if "/api/predictions/" in p]
    assert len(changed) == 1


@pytest.mark.parametrize("kind", ["empty", "skipped", "unknown"])
def test_what_is_no_vote_leaves_the_task_open_for_others(context, fake, running, kind):
    number, ids = running
    choices = {"empty": [], "skipped": [], "unknown": ["fish"]}[kind]
    fake.annotate(ids[0], 1, *choices, cancelled=kind == "skipped")
    deliver(context, fake)
    assert ids[0] in fake.open_tasks(number)
    assert fake.next_task(2) == ids[0]
    assert state_of(context, number).spent == 0


def test_a_deleted_annotation_opens_its_task_again(context, fake, running):
    number, ids = running
    annotation = fake.annotate(ids[0], 1, "cat")
    deliver(context, fake)
    assert ids[0] not in fake.open_tasks(number)
    fake.delete_annotation(annotation)
    deliver(context, fake)
    assert ids[0] in fake.open_tasks(number)
    assert fake.next_task(1) == ids[0]


def test_a_capped_task_is_ambiguous_and_closed(context, fake, connected):
    number = connected(["cat", "dog"], params="max_votes = 3\nwindow = 2")
    first = min(fake.tasks)
    publish_round(context, number, {first: 0.9})
    fake.annotate(first, 1, "dog")
    deliver(context, fake)
    fake.annotate(first, 2, "bird")
    deliver(context, fake)
    assert first not in fake.open_tasks(number)
    assert state_of(context, number).consensus.states[0] == State.AMBIGUOUS


def test_nothing_is_open_once_the_budget_is_spent(context, fake, connected):
    number = connected(["cat", "dog", "bird"], params="budget = 1\nwindow = 2")
    publish_round(context, number, {})
    fake.annotate(fake.next_task(1), 1, "cat")
    deliver(context, fake)
    assert fake.open_tasks(number) == []


def test_an_event_about_a_task_of_another_project_is_not_believed(context, fake, running):
    number, ids = running
    other = fake.add_project(["cat"])
    stranger = max(fake.tasks)
    fake.events.clear()
    fake.annotate(stranger, 1, "dog")
    event = fake.events.pop()
    event["project"] = {"id": number}
    receive(context.engine, context.settings, event)
    carry_out(context, number)
    assert list(state_of(context, number).tasks) == ids
    assert fake.projects[other]["model_version"] == ""


def test_settings_that_people_changed_are_set_back_once(context, fake, running):
    number, ids = running
    version = fake.projects[number]["model_version"]
    fake.set_project(number, show_collab_predictions=False, maximum_annotations=3)
    deliver(context, fake)
    assert settings_to_change(fake.projects[number], version) == {}
    assert fake.open_tasks(number) == ids[:2]
    assert fake.next_task(1) == ids[0]
    fake.requests.clear()
    deliver(context, fake)
    assert writes(fake) == [], "our own change must not echo for ever"


def test_label_studio_being_down_loses_no_event(context, fake, running):
    number, ids = running
    fake.annotate(ids[0], 1, "cat")
    fake.intercept = down
    with pytest.raises(LabelStudioDownError):
        deliver(context, fake)
    fake.intercept = lambda _request: None
    assert carry_out(context, number).events > 0
    assert ids[0] not in fake.open_tasks(number)


@pytest.mark.parametrize("stop_at", range(6))
def test_being_stopped_anywhere_leaves_the_rest_to_be_done(context, fake, running, stop_at):
    number, ids = running
    fake.annotate(ids[1], 1, "cat")
    seen = []

    def stop(request):
        seen.append(request)
        return httpx.Response(403, json={"detail": "stop"}) if len(seen) > stop_at else None

    fake.intercept = stop
    try:
        deliver(context, fake)
    except AccessError:
        fake.intercept = lambda _request: None
        carry_out(context, number)
    fake.intercept = lambda _request: None
    assert votes_of_store(context, number) == fake.votes(number)
    assert fake.tasks[ids[1]]["overlap"] == 3
    assert fake.next_task(2) == ids[1]


def test_a_mended_labelling_config_is_followed_although_the_store_has_a_broken_one(
    context, fake, running
):
    """The project is read before anything that has to make sense of the config."""
    number, ids = running
    fake.set_project(number, label_config="<View/>")
    report(context, fake.events.pop(0))
    with pytest.raises(LabelConfigError):
        carry_out(context, number)
    fake.set_project(number, label_config=CONFIG)
    fake.annotate(ids[0], 1, "dog")
    deliver(context, fake)
    assert (ids[0], "1", "dog") in votes_of_store(context, number)
    assert state_of(context, number).project.label_config == CONFIG
