"""A round's order comes into force, against Label Studio's own rules."""

import httpx
import pytest
from fake_label_studio import ORIGINAL
from relabel.errors import (
    LabelStudioError,
)
from relabel.labelstudio.contract import settings_to_change
from relabel.service.queue.publish import publish
from relabel.types import silent
from wiring import (
    claim_round,
    deliver,
    judge,
    publish_round,
    state_of,
)

pytestmark = pytest.mark.usefixtures("no_pauses")


def test_a_round_orders_the_queue_by_suspicion(context, fake, connected):
    number = connected(["cat", "dog", "bird", "cat", None])
    ids = list(fake.tasks)
    current = publish_round(context, number, {ids[0]: 0.6, ids[1]: 0.95, ids[3]: 0.8})
    assert fake.projects[number]["model_version"] == current.model_version
    assert [fake.next_task(person) for person in (1, 2)] == [ids[1], ids[3]]
    predictions = list(fake.predictions.values())
    assert len(predictions) == 5
    assert all(p["result"] == [] and 0 <= p["score"] <= 1 for p in predictions)


def test_no_task_is_open_before_its_order_is_in_force(context, fake, connected):
    number = connected(["cat", "dog", "bird", "cat"])
    wrong = []

    def watch(request):
        if request.method == "PATCH" and request.url.path.startswith("/api/tasks/"):
            version = fake.projects[number]["model_version"]
            scored = {p["task"] for p in fake.predictions.values() if p["model_version"] == version}
            if scored != set(fake.tasks) or settings_to_change(fake.projects[number], version):
                wrong.append(request.url.path)

    fake.intercept = watch
    publish_round(context, number, {})
    publish_round(context, number, {min(fake.tasks): 0.9})
    assert wrong == []
    assert len(fake.open_tasks(number)) >= 2


def test_predictions_that_label_studio_dropped_stop_the_round(context, fake, connected):
    number = connected(["cat", "dog", "bird"])
    first = publish_round(context, number, {})
    current = claim_round(context, number)
    result = judge(context, number, current, {})
    fake.intercept = lambda request: (
        httpx.Response(201, json={"created": 2}) if "import" in request.url.path else None
    )
    with pytest.raises(LabelStudioError, match=r"created 2 of 3 predictions.*relabel reconcile"):
        publish(context, current, result, {}, silent)
    assert fake.projects[number]["model_version"] == first.model_version


def test_votes_that_came_during_the_round_are_honoured(context, fake, connected):
    number = connected(["cat", "dog", "bird"])
    ids = list(fake.tasks)
    publish_round(context, number, {ids[0]: 0.9})
    current = claim_round(context, number)
    result = judge(context, number, current, {ids[0]: 0.9, ids[1]: 0.6})
    fake.annotate(ids[0], 1, "cat")
    deliver(context, fake)
    publish(context, current, result, {}, silent)
    assert ids[0] not in fake.open_tasks(number)
    assert fake.next_task(2) == ids[1]


def test_a_deleted_task_is_forgotten_while_it_is_opened(context, fake, connected):
    number = connected(["cat", "dog", "bird"])
    victim = min(fake.tasks)
    current = claim_round(context, number)
    result = judge(context, number, current, {victim: 0.9})

    def delete(request):
        if request.url.path == f"/api/tasks/{victim}/" and victim in fake.tasks:
            fake.delete_task(victim)

    fake.intercept = delete
    publish(context, current, result, {}, silent)
    assert victim not in state_of(context, number).tasks
    deliver(context, fake)
    assert len(fake.open_tasks(number)) == 2


@pytest.mark.usefixtures("running")
def test_the_original_annotator_is_never_asked_for_his_own_labels(fake):
    assert fake.next_task(ORIGINAL) is None
