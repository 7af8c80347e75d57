"""Tasks that are deleted while a round runs: the rest is published, and it is said how many."""

import pytest
from relabel.errors import LabelStudioError, NotReadyError
from relabel.service.queue.publish import publish
from relabel.service.sync.sweep import forget_sweeps, sweep
from relabel.storage.database import reading
from relabel.storage.rounds import list_rounds
from relabel.types import silent
from wiring import claim_round, connect_project, deliver, judge, publish_round, state_of


@pytest.fixture
def judged(context, fake, connected):
    """Six tasks whose first round has its result; (number, ids, round, result)."""
    number = connected(["cat", "dog", "bird", "cat", "dog", "cat"])
    ids = sorted(fake.tasks)
    current = claim_round(context, number)
    return number, ids, current, judge(context, number, current, {ids[0]: 0.9, ids[1]: 0.8})


def last_round(context, number):
    with reading(context.engine) as connection:
        return list_rounds(connection, number)[-1]


@pytest.mark.parametrize("gone", [1, 4])
@pytest.mark.parametrize("told", [True, False], ids=["event arrives", "event is lost"])
def test_what_was_deleted_is_left_out_and_counted(context, fake, judged, caplog, gone, told):
    number, ids, current, result = judged
    for task in ids[:gone]:
        fake.delete_task(task)
    if not told:
        fake.events.clear()
    publish(context, current, result, {}, silent)
    last = last_round(context, number)
    assert (last.state, last.record["deleted"]) == ("published", gone)
    assert f"{gone} task{' was' if gone == 1 else 's were'} deleted and left out" in caplog.text
    assert fake.projects[number]["model_version"] == current.model_version
    assert context.label_studio.model_versions(number)[current.model_version] == len(ids) - gone
    deliver(context, fake)
    forget_sweeps(context)
    sweep(context)
    assert list(state_of(context, number).tasks) == ids[gone:]
    assert set(fake.open_tasks(number)) <= set(ids[gone:])


def test_a_round_in_which_nothing_was_deleted_says_nothing_of_it(context, judged):
    number, _, current, result = judged
    publish(context, current, result, {}, silent)
    assert "deleted" not in last_round(context, number).record


def test_a_project_that_was_emptied_is_not_ready(context, fake, judged):
    number, ids, current, result = judged
    for task in ids:
        fake.delete_task(task)
    with pytest.raises(NotReadyError, match=f"Project {number} has no tasks"):
        publish(context, current, result, {}, silent)


def test_predictions_that_are_missing_for_another_reason_are_still_an_error(
    context, fake, judged, monkeypatch
):
    _, _, current, result = judged
    real = fake._import_predictions
    monkeypatch.setattr(
        fake,
        "_import_predictions",
        lambda n, *, body, params: real(n, body=body[1:], params=params),
    )
    with pytest.raises(LabelStudioError, match="created 5 of 6 predictions"):
        publish(context, current, result, {}, silent)


def test_scores_are_restored_although_a_task_has_been_deleted(context, fake, connected):
    """The sweep writes missing predictions, too."""
    number = connected(["cat", "dog", "bird"])
    publish_round(context, number, {})
    fake.predictions.clear()
    fake.delete_task(min(fake.tasks))
    connect_project(context, number)
    fake.add_tasks(number, ["cat"])
    fake.events.clear()
    gone = max(fake.tasks)
    fake.intercept = lambda request: delete_once(fake, gone, request)
    forget_sweeps(context)
    assert [project.id for project in sweep(context)] == [number]
    assert len(fake.predictions) == 2


def delete_once(fake, task, request):
    if request.url.path.endswith("/import/predictions") and task in fake.tasks:
        fake.delete_task(task)
