"""Predictions of former rounds go one by one, and come back when a round is undone."""

import pytest
from relabel.service.queue import cleanup
from relabel.service.queue.cleanup import KEPT, old_versions, remove_old_predictions
from relabel.service.queue.undo import undo_run
from relabel.service.rounds.attempts import MAX_RETRY_SECONDS, RETRY_SECONDS
from relabel.service.rounds.due import round_due_now
from relabel.service.setup.detach import detach
from relabel.storage.database import reading
from relabel.storage.journal.events import Action, journal
from relabel.storage.locks import tidy_lock
from relabel.storage.rounds import RoundState, finish_round
from wiring import claim_round, deliver, publish_round, state_of


@pytest.fixture(autouse=True)
def rests(monkeypatch):
    """Note every rest instead of taking it."""
    taken = []
    monkeypatch.setattr(cleanup.time, "sleep", taken.append)
    return taken


@pytest.fixture
def four_rounds(context, fake, connected):
    """A project whose predictions stand there in four versions, and these versions."""
    number = connected(["cat", "dog", "cat"])
    order = sorted(fake.tasks)
    published = [
        publish_round(context, number, {order[i % 3]: 0.9, order[(i + 1) % 3]: 0.5})
        for i in range(4)
    ]
    return number, [one.model_version for one in published]


def test_only_the_last_two_rounds_and_strange_versions_keep_their_predictions(
    context, fake, four_rounds
):
    number, versions = four_rounds
    theirs = {"task": min(fake.tasks), "result": [], "score": 0.5, "model_version": "theirs"}
    context.label_studio.import_predictions(number, [theirs])
    assert remove_old_predictions(context, number) == 2 * 3
    left = context.label_studio.model_versions(number)
    assert left == {versions[-2]: 3, versions[-1]: 3, "theirs": 1}
    assert KEPT == 2
    assert fake.projects[number]["model_version"] == versions[-1]
    assert remove_old_predictions(context, number) == 0


def test_predictions_are_removed_one_by_one_with_rests_and_never_in_bulk(
    context, fake, four_rounds, rests
):
    number, _ = four_rounds
    fake.requests.clear()
    rests.clear()
    remove_old_predictions(context, number)
    written = [(method, path) for method, path, _ in fake.writes()]
    assert len(written) == 6
    assert all(m == "DELETE" and p.startswith("/api/predictions/") for m, p in written)
    assert len(rests) == 6


def test_a_step_ends_in_time_and_the_next_one_goes_on(context, four_rounds, monkeypatch):
    number, versions = four_rounds
    clock = iter(range(1000))
    monkeypatch.setattr(cleanup, "STEP_SECONDS", 15.0)
    monkeypatch.setattr(cleanup.time, "monotonic", lambda: next(clock))
    first = remove_old_predictions(context, number)
    assert 0 < first < 6
    assert sum(context.label_studio.model_versions(number).values()) == 12 - first
    monkeypatch.setattr(cleanup, "STEP_SECONDS", 1000.0)
    assert remove_old_predictions(context, number) == 6 - first
    assert set(context.label_studio.model_versions(number)) == set(versions[-2:])


def test_two_workers_do_not_tidy_up_the_same_project(context, four_rounds):
    number, _ = four_rounds
    with tidy_lock(context.engine, context.settings.data_dir, number) as held:
        assert held
        assert remove_old_predictions(context, number) == 0
    assert remove_old_predictions(context, number) == 6


@pytest.mark.parametrize(
    ("event", "at_once"),
    [
        (Action.ANNOTATION_CREATED, False),
        (Action.CHANGED, False),
        (Action.PROJECT_UPDATED, True),
    ],
)
def test_detaching_removes_all_at_once_unless_somebody_labelled_a_moment_ago(
    context, fake, four_rounds, event, at_once
):
    number, _ = four_rounds
    with context.engine.begin() as connection:
        journal(connection, number, event)
    fake.requests.clear()
    detach(context, number)
    deleted = {path.split("/")[2] for method, path, _ in fake.writes() if method == "DELETE"}
    assert ("predictions" not in deleted) == at_once


def test_predictions_of_a_running_round_are_left_alone_and_of_a_failed_one_are_not(
    context, four_rounds
):
    number, _ = four_rounds
    running = claim_round(context, number)
    with reading(context.engine) as connection:
        assert running.model_version not in old_versions(connection, number)
    with context.engine.begin() as connection:
        finish_round(connection, running.id, RoundState.FAILED, error="no")
    with reading(context.engine) as connection:
        assert running.model_version in old_versions(connection, number)


def test_undoing_rounds_whose_predictions_are_gone_writes_them_again(context, fake, four_rounds):
    """Every earlier order comes back, and nothing of the undone rounds stays."""
    number, versions = four_rounds
    order = sorted(fake.tasks)
    remove_old_predictions(context, number)
    for undone in (4, 3, 2):
        undo_run(context, number, f"round-{undone}")
        assert fake.projects[number]["model_version"] == versions[undone - 2]
        assert fake.next_task(undone) == order[(undone - 2) % 3]
        fake.locks.clear()
        remove_old_predictions(context, number)
    assert context.label_studio.model_versions(number) == {versions[0]: 3}
    undo_run(context, number, "round-1")
    remove_old_predictions(context, number)
    assert context.label_studio.model_versions(number) == {}
    assert fake.open_tasks(number) == []


def test_undoing_to_a_round_whose_predictions_are_half_gone_writes_the_other_half(
    context, fake, four_rounds
):
    number, versions = four_rounds
    ids = context.label_studio.predictions_of(number, versions[1])
    context.label_studio.delete_prediction(ids[0])
    for undone in (4, 3):
        undo_run(context, number, f"round-{undone}")
    assert context.label_studio.model_versions(number)[versions[1]] == 3
    state = state_of(context, number)
    shown = {p["task"]: p for p in fake.predictions.values() if p["model_version"] == versions[1]}
    assert {i: p["score"] for i, p in shown.items()} == {
        i: pytest.approx(task.score) for i, task in state.tasks.items()
    }


@pytest.mark.parametrize("failures", [1, 2, 3, 8])
def test_a_failing_round_is_tried_again_soon_and_then_less_and_less_often(
    context, connected, monkeypatch, failures
):
    number = connected(["cat", "dog"])
    for _ in range(failures):
        failed = claim_round(context, number)
        with context.engine.begin() as connection:
            finish_round(connection, failed.id, RoundState.FAILED, error="no")
    pause = min(RETRY_SECONDS * 2 ** (failures - 1), MAX_RETRY_SECONDS)
    now = cleanup.time.time()
    for seconds, due in ((pause - 5, False), (pause + 5, True)):
        monkeypatch.setattr("relabel.service.rounds.attempts.time.time", lambda s=seconds: now + s)
        assert bool(round_due_now(context, number)) is due


@pytest.mark.parametrize(("seconds", "at_once"), [(5, False), (120, True)])
def test_detaching_removes_predictions_at_once_only_where_nobody_labels(
    context, fake, four_rounds, monkeypatch, seconds, at_once
):
    number, _ = four_rounds
    fake.annotate(fake.open_tasks(number)[0], 3, "cat")
    deliver(context, fake)
    now = cleanup.time.time()
    monkeypatch.setattr(cleanup.time, "time", lambda: now + seconds)
    fake.requests.clear()
    detach(context, number)
    paths = [path for method, path, _ in fake.writes() if method == "DELETE"]
    assert (f"/api/projects/{number}/model-versions/" in paths) is at_once
    assert any(path.startswith("/api/predictions/") for path in paths) is not at_once
    assert fake.predictions == {}
