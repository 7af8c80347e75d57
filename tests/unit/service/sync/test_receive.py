"""Events that Label Studio reports by their name alone."""

import pytest
from relabel.errors import PayloadError
from relabel.service.setup.detach import detach
from relabel.service.sync.catch_up import carry_out
from relabel.service.sync.receive import RECEIVERS, receive
from relabel.storage.journal.events import DELETIONS, HINTS, WEBHOOK_ACTIONS
from relabel.storage.projects import set_project
from wiring import deliver, publish_round, state_of, votes_of_store


def hint(context, number, action="ANNOTATION_CREATED"):
    return receive(context.engine, context.settings, {"action": action}, number)


@pytest.fixture
def ordered(context, fake, connected):
    """A connected project of four tasks whose first round is published; its number."""
    number = connected(["cat", "dog", "cat", "bird"])
    publish_round(
        context, number, {task: 0.9 - 0.1 * n for n, task in enumerate(sorted(fake.tasks))}
    )
    fake.events.clear()
    return number


def test_a_hint_makes_the_new_votes_count_and_the_queue_follow(context, fake, ordered):
    (first, *_) = fake.open_tasks(ordered)
    fake.annotate(first, 3, "cat")
    fake.events.clear()
    assert hint(context, ordered) == (ordered, True)
    assert carry_out(context, ordered).events == 2, "the hint, and that it was connected"
    assert votes_of_store(context, ordered) == fake.votes(ordered)
    assert state_of(context, ordered).spent == 1
    assert len(fake.open_tasks(ordered)) >= 2


def test_lost_and_repeated_hints_change_nothing_in_the_end(context, fake, ordered):
    for person in (3, 4):
        task = fake.next_task(person)
        fake.annotate(task, person, "bird")
    fake.events.clear()
    hint(context, ordered)
    hint(context, ordered)
    carry_out(context, ordered)
    assert votes_of_store(context, ordered) == fake.votes(ordered)


def test_a_changed_and_a_deleted_annotation_are_found_after_a_hint(context, fake, ordered):
    first, second, *_ = fake.open_tasks(ordered)
    changed, deleted = fake.annotate(first, 3, "cat"), fake.annotate(second, 4, "dog")
    deliver(context, fake)
    fake.change(changed, "bird")
    fake.delete_annotation(deleted)
    fake.events.clear()
    hint(context, ordered, "ANNOTATION_UPDATED")
    carry_out(context, ordered)
    assert votes_of_store(context, ordered) == fake.votes(ordered)


def test_a_deletion_of_which_only_the_name_is_known_leads_to_a_whole_reading(
    context, fake, ordered
):
    fake.delete_task(max(fake.tasks))
    fake.events.clear()
    hint(context, ordered, "TASKS_DELETED")
    carry_out(context, ordered)
    assert set(state_of(context, ordered).tasks) == set(fake.tasks)


def test_the_prediction_of_a_task_read_after_a_hint_is_not_asked_for_again(context, fake, ordered):
    (first, *_) = fake.open_tasks(ordered)
    fake.annotate(first, 3, "cat")
    fake.events.clear()
    hint(context, ordered)
    fake.requests.clear()
    carry_out(context, ordered)
    read = [path for method, path, _ in fake.requests if method == "GET"]
    assert read == ["/api/tasks"]


def test_a_settled_task_is_rescored_after_the_next_one_is_open(context, fake, ordered):
    first, *_ = fake.open_tasks(ordered)
    (old,) = [a for a in fake.annotations.values() if a["task"] == first]
    fake.annotate(first, 3, *old["result"][0]["value"]["choices"])
    fake.events.clear()
    hint(context, ordered)
    fake.requests.clear()
    carry_out(context, ordered)
    written = [path.split("/")[2] for method, path, _ in fake.requests if method == "PATCH"]
    assert written == ["tasks", "predictions"]


def test_a_hint_of_nobody_knows_what_says_which_field_is_missing(context):
    with pytest.raises(PayloadError, match=r"body\.project"):
        receive(context.engine, context.settings, {"action": "ANNOTATION_CREATED"})


def test_every_webhook_event_is_understood():
    assert set(WEBHOOK_ACTIONS) < set(RECEIVERS)
    assert not set(HINTS) & set(DELETIONS)


@pytest.mark.slow
def test_votes_are_carried_out_while_a_round_opens_its_tasks(context, fake, connected, monkeypatch):
    """A new window takes many writes; votes do not wait for all of them."""
    number = connected(["cat", "dog"] * 20, params="window = 14")
    order = sorted(fake.tasks)
    publish_round(context, number, {task: 0.9 - 0.01 * n for n, task in enumerate(order)})
    fake.events.clear()
    judged = []

    def vote(_seconds):
        """Somebody judges a task while the round takes breath, and a worker carries it out."""
        if len(judged) < 3:
            task = fake.next_task(50 + len(judged))
            judged.append(fake.annotate(task, 50 + len(judged), "bird"))
            deliver(context, fake)

    monkeypatch.setattr("relabel.service.queue.publish.time.sleep", vote)
    publish_round(context, number, {task: 0.3 + 0.01 * n for n, task in enumerate(order)})
    assert len(judged) >= 2
    assert votes_of_store(context, number) == fake.votes(number)
    state = state_of(context, number)
    shown = {p["task"]: p["score"] for p in fake.predictions.values()}  # of the newest version
    assert {i: task.score for i, task in state.tasks.items()} == pytest.approx(shown)
    assert len(fake.open_tasks(number)) >= 14


def test_detaching_knows_the_votes_that_no_worker_has_read_yet(context, fake, connected):
    """Otherwise Label Studio would ask for the same label once more."""
    number = connected([None, "cat"])
    fresh = min(fake.tasks)
    fake.annotate(fresh, 3, "dog")
    detach(context, number)
    assert fake.tasks[fresh]["is_labeled"]


def test_a_project_whose_labelling_config_is_broken_can_be_detached(context, fake, connected):
    number = connected(["cat", "dog"])
    with context.engine.begin() as connection:
        set_project(connection, number, label_config="<View/>")
    fake.annotate(min(fake.tasks), 3, "dog")
    detach(context, number)
    assert (fake.backends, fake.webhooks) == ({}, {})
