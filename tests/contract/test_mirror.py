"""The store against Label Studio where nobody has told it: listings, scores, counters."""

import pytest
from relabel.labelstudio import client
from relabel.service.export.export import write_back
from relabel.service.queue.undo import undo_run
from relabel.service.setup.detach import detach
from relabel.service.sync.catch_up import carry_out
from relabel.service.sync.sweep import sweep_project
from relabel.storage.database import reading
from relabel.storage.projects import get_project
from relabel.storage.tasks import set_problems
from wiring import connect_project, publish_round, report, state_of, votes_of_store


def sweep(context, number, *, full=False):
    with reading(context.engine) as connection:
        project = get_project(connection, number)
    sweep_project(context, project, full=full)


def scores(fake, number):
    """Return all scores in force by task, as Label Studio has them."""
    version = fake.projects[number]["model_version"]
    shown = {}
    for prediction in fake.predictions.values():
        if prediction["model_version"] == version:
            shown.setdefault(prediction["task"], []).append(prediction["score"])
    return shown


def stale_counters(fake):
    return {
        number: task
        for number, task in fake.tasks.items()
        if {key: task[key] for key in fake.counters(number)} != fake.counters(number)
    }


# -- listings ----------------------------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.parametrize("initial", ["annotations", "predictions:old"])
def test_a_task_deleted_between_two_pages_costs_no_other_its_beginning(
    context, fake, monkeypatch, initial
):
    """By offset, the rest moves up by one, and a living task is on no page."""
    monkeypatch.setattr(client, "PAGE", 2)
    number = fake.add_project(["cat", "dog", "bird", "cat", "dog"])
    ids = list(fake.tasks)
    fake.tasks[ids[2]]["overlap"] = 4
    connect_project(context, number, f'initial = "{initial}"')
    publish_round(context, number, {ids[2]: 0.95})
    before = state_of(context, number).tasks[ids[2]]
    assert (before.overlap_before, before.touched) == (4, True)
    fake.events.clear()
    pages = []

    def delete_one(request):
        if request.url.path == "/api/tasks" and "predictions_model" not in str(request.url):
            pages.append(request)
            if len(pages) == 2:
                fake.delete_task(ids[0])
                fake.events.clear()

    fake.intercept = delete_one
    sweep(context, number, full=True)
    assert len(pages) > 2
    fake.intercept = lambda _request: None
    sweep(context, number, full=True)
    after = state_of(context, number).tasks
    assert list(after) == ids[1:]
    now = after[ids[2]]
    assert (now.overlap_before, now.touched) == (4, True)


def test_a_task_that_a_listing_leaves_out_is_dropped_only_after_label_studio_answered_404(
    context, fake, running
):
    number, ids = running
    with context.engine.begin() as connection:
        set_problems(connection, number, {ids[1]: "broken"})
    asked = []

    def leave_out(request):
        if request.url.path == f"/api/tasks/{ids[1]}/" and request.method == "GET":
            asked.append(request)
        if not request.url.path.endswith("/export"):
            return None
        answer = fake._get_export(number, body=None, params=None)[1]
        return client.httpx.Response(200, json=[t for t in answer if t["id"] != ids[1]])

    fake.intercept = leave_out
    fake.annotate(ids[1], 2, "bird")
    fake.events.clear()
    sweep(context, number, full=True)
    assert asked
    assert state_of(context, number).tasks[ids[1]].problem == "broken"
    assert votes_of_store(context, number) == fake.votes(number)
    fake.intercept = lambda _request: None
    fake.delete_task(ids[1])
    fake.events.clear()
    sweep(context, number)
    assert ids[1] not in state_of(context, number).tasks


def test_another_window_lets_nobody_forget_what_old_labels_said_at_first(context, fake, running):
    """Whoever reads them again reads what somebody has made of one since, and nobody has told."""
    number, _ids = running
    fake.change(next(iter(fake.annotations)), "bird", by=2)
    fake.events.clear()
    connect_project(context, number, "window = 3")
    sweep(context, number, full=True)
    assert votes_of_store(context, number) == fake.votes(number)


# -- scores ------------------------------------------------------------------------------------
def change_a_score(fake, mine):
    fake._patch_prediction(mine[-1]["id"], body={"score": 0.001}, params=None)


def delete_a_score(fake, mine):
    fake._delete_prediction(mine[0]["id"], body=None, params=None)


def delete_one_and_double_another(fake, mine):
    """The number stays; nothing tells of it, as with everything that is done in bulk."""
    del fake.predictions[mine[0]["id"]]
    fake._add_prediction(mine[1]["task"], dict(mine[1]))


def double_all(fake, mine):
    """An import that was sent twice: Label Studio keeps both."""
    for one in mine:
        fake._add_prediction(one["task"], dict(one) | {"score": one["score"] / 2})


def lose_half(fake, mine):
    for one in mine[::2]:
        del fake.predictions[one["id"]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoil", "full"),
    [
        (change_a_score, False),
        (delete_a_score, False),
        (delete_one_and_double_another, True),
        (double_all, False),
        (lose_half, False),
    ],
)
def test_scores_that_somebody_changed_are_set_right_by_the_sweep(
    context, fake, running, spoil, full
):
    number, _ids = running
    right = scores(fake, number)
    assert all(len(found) == 1 for found in right.values())
    version = fake.projects[number]["model_version"]
    spoil(fake, [p for p in fake.predictions.values() if p["model_version"] == version])
    assert scores(fake, number) != right
    sweep(context, number, full=full)
    assert scores(fake, number) == right
    fake.requests.clear()
    sweep(context, number, full=full)
    assert fake.writes() == [], "a repair must end"


def test_a_score_deleted_after_a_vote_comes_back_as_the_vote_left_it(context, fake, running):
    number, ids = running
    fake.annotate(ids[0], 2, "dog")
    carry_out_events(context, fake, number)
    right = scores(fake, number)
    version = fake.projects[number]["model_version"]
    for one in [p for p in fake.predictions.values() if p["model_version"] == version]:
        del fake.predictions[one["id"]]
    sweep(context, number)
    assert scores(fake, number) == right


def test_a_vote_that_is_taken_back_gives_the_task_its_old_score(context, fake, running):
    number, ids = running
    right = scores(fake, number)
    made = fake.annotate(ids[0], 2, "dog")
    carry_out_events(context, fake, number)
    assert scores(fake, number) != right
    fake.delete_annotation(made)
    carry_out_events(context, fake, number)
    assert scores(fake, number) == right


def carry_out_events(context, fake, number):
    while fake.events:
        report(context, fake.events.pop(0))
    carry_out(context, number)


def test_of_a_doubled_prediction_one_stays_and_its_score_is_not_written_again(
    context, fake, running
):
    number, ids = running
    version = fake.projects[number]["model_version"]
    one = next(p for p in fake.predictions.values() if p["task"] == ids[0])
    before = scores(fake, number)
    fake._add_prediction(ids[0], {k: one[k] for k in ("result", "score", "model_version")})
    fake.requests.clear()
    sweep(context, number, full=True)
    assert scores(fake, number) == before
    assert one["model_version"] == version
    assert not [path for method, path, _ in fake.writes() if method == "PATCH" and "predic" in path]


# -- counters ----------------------------------------------------------------------------------
def crossed(fake, what):
    """Let something happen in the middle of the next PATCH of a task."""

    def once(task):
        fake.crossing = lambda _task: None
        what(task)

    fake.crossing = once


def test_a_submission_that_crosses_the_opening_of_its_task_stays_counted(context, fake, connected):
    number = connected(["cat", "dog", "bird"], params="window = 1")
    ids = list(fake.tasks)
    crossed(fake, lambda task: fake.annotate(task, 2, "bird"))
    publish_round(context, number, {ids[1]: 0.95})
    assert stale_counters(fake) == {}
    carry_out_events(context, fake, number)
    assert stale_counters(fake) == {}
    assert fake.next_task(2) != ids[1]
    state = state_of(context, number)
    assert {i: (t.overlap, t.is_labeled) for i, t in state.tasks.items()} == {
        i: (t["overlap"], t["is_labeled"]) for i, t in fake.tasks.items()
    }


@pytest.mark.parametrize("skips", [False, True])
def test_a_task_whose_last_vote_comes_just_before_it_is_opened_again_stays_closed(
    context, fake, connected, skips
):
    """Nobody is given it in vain until a worker has read that vote."""
    number = connected(["cat", "dog", "bird"], params="window = 1")
    ids = list(fake.tasks)
    publish_round(context, number, {ids[0]: 0.95})
    fake.annotate(ids[0], 1, "dog")

    def last_vote(request):
        if request.method == "PATCH" and request.url.path == f"/api/tasks/{ids[0]}/":
            fake.intercept = lambda _request: None
            fake.annotate(ids[0], 2, "dog", cancelled=skips)

    fake.intercept = last_vote
    carry_out_events(context, fake, number)
    assert fake.tasks[ids[0]]["is_labeled"] is not skips
    assert (fake.next_task(3) == ids[0]) is skips
    assert stale_counters(fake) == {}


def test_a_submission_that_crosses_a_label_that_is_written_into_its_task_stays_counted(
    context, fake, running
):
    number, ids = running
    fake.annotate(ids[0], 1, "dog")
    fake.annotate(ids[0], 2, "dog")
    carry_out_events(context, fake, number)
    crossed(fake, lambda task: fake.annotate(task, 3, "bird"))
    write_back(context, number)
    assert stale_counters(fake) == {}
    crossed(fake, lambda task: fake.annotate(task, 4, "bird"))
    undo_run(context, number, "write-back")
    assert stale_counters(fake) == {}


@pytest.mark.parametrize("full", [True, False])
def test_counters_that_are_behind_are_set_right_by_the_sweep(context, fake, running, full):
    number, ids = running
    fake.annotate(ids[3], 2, "bird", cancelled=True)
    fake.events.clear()
    for task in (ids[0], ids[3]):
        fake.tasks[task] |= {"total_annotations": 0, "cancelled_annotations": 0}
        fake.tasks[task]["updated_at"] = fake._now()
    sweep(context, number, full=full)
    assert stale_counters(fake) == {}
    fake.requests.clear()
    sweep(context, number, full=full)
    assert fake.writes() == []


def test_a_repair_that_is_crossed_itself_is_repeated(context, fake, running):
    number, ids = running
    fake.tasks[ids[3]] |= {"total_annotations": 0, "updated_at": fake._now()}
    crossed(fake, lambda task: fake.annotate(task, 3, "bird"))
    sweep(context, number)
    assert stale_counters(fake) == {}


def test_detaching_leaves_no_counter_behind_and_no_task_half_restored(context, fake, connected):
    number = connected(["cat", "dog", "bird"], params="window = 2")
    ids = list(fake.tasks)
    publish_round(context, number, {ids[1]: 0.95})
    fake.tasks[ids[2]]["total_annotations"] = 7
    crossed(fake, lambda task: fake.annotate(task, 2, "bird"))
    detach(context, number)
    assert stale_counters(fake) == {}
    assert {i: (t["overlap"], t["is_labeled"]) for i, t in fake.tasks.items()} == dict.fromkeys(
        ids, (1, True)
    )
