"""Connecting, queue, rounds, sweep and detaching, against Label Studio's own rules."""

import re

import httpx
import pytest
import stamina
from fake_label_studio import CONFIG, ORIGINAL
from relabel.errors import (
    AccessError,
    ConfigurationError,
    LabelConfigError,
    LabelStudioDownError,
    LabelStudioError,
    NotReadyError,
)
from relabel.labelstudio.contract import TAB_TITLE, settings_to_change
from relabel.service.doctor.checkup import examine_project
from relabel.service.insight.status import project_status
from relabel.service.queue.publish import publish
from relabel.service.queue.scores import LAST, RoundResult, scores_now
from relabel.service.rounds.attempts import RETRY_SECONDS
from relabel.service.rounds.due import round_due_now
from relabel.service.rounds.run import run_round
from relabel.service.setup.connect import connect, plan_connect
from relabel.service.setup.detach import detach
from relabel.service.sync.catch_up import carry_out
from relabel.service.sync.receive import receive
from relabel.service.sync.sweep import sweep
from relabel.storage.database import reading
from relabel.storage.events import journal
from relabel.storage.projects import find_project, list_projects, set_project
from relabel.storage.rounds import RoundState, finish_round, list_rounds, published_round
from relabel.types import State, silent
from wiring import (
    claim_round,
    connect_project,
    deliver,
    judge,
    make_context,
    publish_round,
    state_of,
    votes_of_store,
)


@pytest.fixture(autouse=True)
def no_pauses():
    with stamina.set_testing(True, attempts=2):
        yield


def down(_request):
    return httpx.Response(503, text="down")


def writes(fake):
    """Return (method, path) of what was written since the last call."""
    found = [(method, path) for method, path, _ in fake.writes()]
    fake.requests.clear()
    return found


# -- connect and detach ----------------------------------------------------------------------
def test_a_dry_run_writes_nothing(context, fake):
    number = fake.add_project(["cat", "dog"])
    plan = plan_connect(context, number)
    assert writes(fake) == []
    text = "\n".join(plan.steps)
    for words in (
        "read 2 tasks with 3 classes (cat, dog, bird)",
        "ML backend",
        "webhook",
        TAB_TITLE,
    ):
        assert words in text
    assert "set sampling from 'Sequential sampling' to 'Uncertainty sampling'" in text
    with reading(context.engine) as connection:
        assert find_project(connection, number) is None


def test_a_dry_run_of_a_connected_project_says_what_stays_and_what_moves(context, connected):
    number = connected(["cat", "dog"])
    text = "\n".join(plan_connect(context, number).steps)
    assert "keep the ML backend at http://relabel.test:9090" in text
    assert f"keep the tab {TAB_TITLE!r}" in text
    assert "instead of 2 webhooks" in text
    assert "set sampling" not in text
    settings = context.settings.model_copy(update={"url": "http://localhost:9090"})
    elsewhere = type(context)(settings, context.engine, context.label_studio)
    text = "\n".join(plan_connect(elsewhere, number).steps)
    assert (
        "move the ML backend from http://relabel.test:9090 to http://localhost:9090 (RELABEL_URL)"
        in text
    )


def test_connecting_sets_the_project_up_and_takes_old_labels_for_initial(context, fake, connected):
    number = connected(["cat", "dog", None])
    assert settings_to_change(fake.projects[number], "") == {}
    (backend,) = fake.backends.values()
    assert backend["url"] == "http://relabel.test:9090"
    hint, whole = fake.webhooks.values()
    assert {hint["url"], whole["url"]} == {"http://relabel.test:9090/webhook"}
    assert "ANNOTATION_CREATED" in hint["actions"]
    assert not hint["send_payload"], "the whole project with every annotation would take too long"
    assert "ANNOTATIONS_DELETED" in whole["actions"]
    assert whole["send_payload"]
    (view,) = fake.views.values()
    assert view["data"]["ordering"] == ["tasks:predictions_score"]
    state = state_of(context, number)
    assert state.counts.votes.tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert state.initial.tolist() == [1, 1, 0]
    assert state.given.tolist() == [0, 1, -1]
    assert state.spent == 0


def test_the_webhook_carries_a_secret_that_is_stored_nowhere_else_and_no_password(
    tmp_path, fake, store_template
):
    context = make_context(
        tmp_path, fake, store_template, basic_auth_user="u", basic_auth_pass="the password"
    )
    number = fake.add_project(["cat", "dog"])
    connect_project(context, number)
    first, _ = fake.webhooks.values()
    connect_project(context, number)
    hook, other = fake.webhooks.values()
    assert hook["headers"] == other["headers"]
    assert list(hook["headers"]) == ["X-Relabel-Token"]
    assert len(hook["headers"]["X-Relabel-Token"]) >= 40
    assert hook["headers"] != first["headers"], "every connecting makes a new one"
    context.engine.dispose()
    for path in context.settings.data_dir.rglob("*"):
        if path.is_file():
            assert hook["headers"]["X-Relabel-Token"].encode() not in path.read_bytes()
            assert b"the password" not in path.read_bytes()
    context.close()


def test_connecting_again_repairs_and_doubles_nothing(context, fake, connected):
    number = connected(["cat", "dog"])
    fake.annotate(min(fake.tasks), 1, "dog")
    with context.engine.begin() as connection:
        set_project(connection, number, paused=True)
    fake.webhooks.clear()
    connect_project(context, number)
    assert [len(x) for x in (fake.backends, fake.webhooks, fake.views)] == [1, 2, 1]
    state = state_of(context, number)
    assert state.spent == 1
    assert state.project.paused, "a paused project stays paused"


@pytest.mark.parametrize("path", ["/api/ml", "/api/webhooks/", "/api/dm/views/"])
def test_connecting_goes_on_where_it_failed(context, fake, path):
    number = fake.add_project(["cat", "dog"])

    def refuse(request):
        return (
            httpx.Response(403, json={"detail": "no"})
            if (request.method == "POST" and request.url.path == path)
            else None
        )

    fake.intercept = refuse
    with pytest.raises(LabelStudioError):
        connect_project(context, number)
    fake.intercept = lambda _request: None
    connect_project(context, number)
    assert [len(x) for x in (fake.backends, fake.webhooks, fake.views)] == [1, 2, 1]
    assert state_of(context, number).initial.tolist() == [1, 1]


def test_what_label_studio_says_of_a_backend_is_told_as_it_is(context, fake):
    number = fake.add_project(["cat", "dog"])
    fake.intercept = lambda request: (
        httpx.Response(400, json={"detail": "health check failed"})
        if (request.method, request.url.path) == ("POST", "/api/ml")
        else None
    )
    with pytest.raises(LabelStudioError, match=r"Label Studio says: health check failed\."):
        connect_project(context, number)


def test_a_project_that_cannot_be_cleaned_is_refused_untouched(context, fake):
    number = fake.add_project(["cat"], config=CONFIG.replace("single-radio", "multiple"))
    with pytest.raises(LabelConfigError, match="single-radio"):
        plan_connect(context, number)
    with pytest.raises(ConfigurationError, match="windw"):
        plan_connect(context, number, "windw = 3")
    assert writes(fake) == []


def test_a_preset_whose_choice_the_project_does_not_have_is_refused_by_its_name(context, fake):
    number = fake.add_project(["cat", "dog"])
    with pytest.raises(LabelConfigError) as refused:
        plan_connect(context, number, 'preset = "medical"')
    text = str(refused.value)
    assert 'preset = "medical" lets people abstain by the choice "cannot tell"' in text
    assert '<Choice value="cannot tell"/>' in text
    with pytest.raises(LabelConfigError) as refused:
        plan_connect(context, number, 'cannot_tell = "unsure"')
    assert "preset" not in str(refused.value)
    plan_connect(context, number, 'preset = "medical"\ncannot_tell = ""')
    with_choice = CONFIG.replace("</Choices>", '<Choice value="cannot tell"/></Choices>')
    fake.set_project(number, label_config=with_choice)
    assert plan_connect(context, number, 'preset = "medical"').schema.classes[-1] == "bird"


@pytest.mark.parametrize("rounds", [0, 1, 2])
@pytest.mark.parametrize("before", [{}, {"maximum_annotations": 3, "sampling": "Uniform sampling"}])
def test_detaching_gives_everything_back(context, fake, rounds, before):
    number = fake.add_project(["cat", "dog", "bird", "cat", None])
    fake.set_project(number, **before)
    earlier = fake.picture(number)
    connect_project(context, number)
    for _ in range(rounds):
        publish_round(context, number, {min(fake.tasks): 0.9})
    assert rounds == 0 or fake.picture(number) != earlier
    assert detach(context, number)
    assert fake.picture(number) == earlier
    with reading(context.engine) as connection:
        assert list_projects(connection) == []
    assert not context.folder(number).exists()


def test_detaching_keeps_what_people_did(context, fake, connected):
    number = connected(["cat", "dog", None])
    first, _, unlabelled = fake.tasks
    publish_round(context, number, {first: 0.9})
    fake.annotate(fake.next_task(1), 1, "dog")
    fake.annotate(unlabelled, 1, "cat")
    deliver(context, fake)
    votes = fake.votes(number)
    detach(context, number)
    assert fake.votes(number) == votes
    assert fake.open_tasks(number) == [], "nobody is asked for the same label again"


def test_a_live_model_of_somebody_else_is_given_back(context, fake):
    number = fake.add_project(["cat", "dog"])
    other = {"id": 77, "project": number, "url": "http://other", "title": "theirs"}
    fake.backends[77] = other
    fake.set_project(number, model_version="theirs")
    connect_project(context, number)
    publish_round(context, number, {})
    detach(context, number)
    assert fake.projects[number]["model_version"] == "theirs"
    assert fake.backends == {77: other}


# -- publishing ------------------------------------------------------------------------------
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


# -- the path of one annotation --------------------------------------------------------------
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
    assert carry_out(context, number) > 0
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


# -- sweep -----------------------------------------------------------------------------------
def test_the_sweep_repairs_what_no_event_told(context, fake, running):
    number, ids = running
    fake.annotate(ids[0], 1, "cat")
    fake.delete_task(ids[3])
    (new,) = fake.add_tasks(number, ["dog"])
    fake.set_project(number, sampling="Sequential sampling")
    fake.events.clear()
    assert [p.id for p in sweep(context)] == [number]
    assert votes_of_store(context, number) == fake.votes(number)
    assert list(state_of(context, number).tasks) == [*ids[:3], new]
    assert fake.projects[number]["sampling"] == "Uncertainty sampling"
    assert ids[0] not in fake.open_tasks(number)


def test_a_sweep_first_does_what_a_killed_worker_left_undone(context, fake, running):
    """The comparison with Label Studio takes longer, and nobody waits for that."""
    number, ids = running
    fake.annotate(ids[0], 1, "cat")
    with context.engine.begin() as connection:
        journal(connection, number, "CHANGED")
    fake.requests.clear()
    sweep(context)
    calls = [f"{method} {path}" for method, path, _ in fake.requests]
    written = next(i for i, call in enumerate(calls) if call.startswith("PATCH /api/predictions/"))
    assert written < calls.index("GET /api/version")


@pytest.mark.usefixtures("running")
def test_a_sweep_without_changes_writes_nothing(context, fake):
    sweep(context)
    fake.requests.clear()
    sweep(context)
    assert writes(fake) == []


def test_one_broken_project_does_not_stop_the_others(context, fake, running, connected):
    number, ids = running
    gone = connected(["cat", "dog"])
    fake.delete_project(gone)
    broken = connected(["cat", "dog"])
    fake.projects[broken]["label_config"] = "<View/>"
    fake.annotate(ids[0], 1, "cat")
    fake.events.clear()
    assert number in [p.id for p in sweep(context)]
    assert votes_of_store(context, number) == fake.votes(number)


def test_a_config_with_another_class_does_not_stop_the_queue(context, fake, running):
    """The last round knows nothing of the new class; the next one will."""
    number, ids = running
    fake.set_project(
        number, label_config=CONFIG.replace("</Choices>", '<Choice value="fish"/></Choices>')
    )
    deliver(context, fake)
    fake.annotate(ids[0], 1, "fish")
    deliver(context, fake)
    assert [p.id for p in sweep(context)] == [number]
    assert (ids[0], "1", "fish") in votes_of_store(context, number)
    assert fake.next_task(2) in ids
    assert round_due_now(context, number) == "the classes have changed"


def test_classes_in_another_order_leave_every_score_as_it_was(context, fake, running):
    """The round's posteriors follow the names of the classes, not their places."""
    number, ids = running
    before, result = state_of(context, number), result_of(context, number)
    scores, _ = scores_now(before, result)
    cat, dog = '<Choice value="cat"/>', '<Choice value="dog"/>'
    swapped = CONFIG.replace(cat, "CAT").replace(dog, cat).replace("CAT", dog)
    assert swapped != CONFIG
    fake.set_project(number, label_config=swapped)
    deliver(context, fake)
    after = state_of(context, number)
    assert after.schema.classes != before.schema.classes
    again, changed = scores_now(after, result)
    assert again.tolist() == scores.tolist()
    assert not len(changed)
    fake.annotate(ids[0], 1, "dog")
    deliver(context, fake)
    voted = state_of(context, number)
    probs = result.arranged(voted.schema.classes).posteriors.probs
    names = [voted.schema.classes[c] for c in probs.argmax(1)]
    assert names == [before.schema.classes[c] for c in result.posteriors.probs.argmax(1)]


def result_of(context, number):
    with reading(context.engine) as connection:
        last = published_round(connection, number)
    return RoundResult.load(context.folder(number), last.artifact)


@pytest.mark.parametrize("params", ['score = "none"', 'diversity = "none at all"'])
def test_a_policy_that_names_nothing_known_is_refused_before_it_is_used(context, fake, params):
    number = fake.add_project(["cat", "dog"])
    with pytest.raises(ConfigurationError, match=r"phi|k_centre"):
        plan_connect(context, number, params)


# -- rounds ----------------------------------------------------------------------------------
def test_the_first_round_is_due_at_once(context, connected):
    assert round_due_now(context, connected(["cat", "dog"])) == "no round yet"
    assert round_due_now(context, 999) == ""


def test_the_next_round_is_due_after_enough_new_votes(context, fake, connected):
    number = connected(["cat", "dog", "bird"], params="retrain_after = 2")
    publish_round(context, number, {})
    assert round_due_now(context, number) == ""
    for person in (1, 2):
        fake.annotate(fake.next_task(person), person, "cat")
        deliver(context, fake)
    assert "2 new votes" in round_due_now(context, number)
    publish_round(context, number, {})
    assert round_due_now(context, number) == ""


def test_a_round_is_due_when_asked_for_and_never_while_paused(context, running):
    number, _ = running
    with context.engine.begin() as connection:
        set_project(connection, number, train_requested=True)
    assert round_due_now(context, number) == "asked for"
    with context.engine.begin() as connection:
        set_project(connection, number, paused=True)
    assert round_due_now(context, number) == ""


def test_no_round_is_due_while_one_runs(context, running):
    number, _ = running
    with context.engine.begin() as connection:
        set_project(connection, number, train_requested=True)
    claim_round(context, number)
    assert round_due_now(context, number) == ""


def test_a_failed_round_is_tried_again_after_a_pause(context, running, monkeypatch):
    number, _ = running
    current = claim_round(context, number)
    with context.engine.begin() as connection:
        finish_round(connection, current.id, RoundState.FAILED, error="no labels")
    assert round_due_now(context, number) == ""
    with reading(context.engine) as connection:
        finished = list_rounds(connection, number)[-1].finished_at
    monkeypatch.setattr(
        "relabel.service.rounds.attempts.time.time", lambda: finished + RETRY_SECONDS + 1
    )
    assert "failed" in round_due_now(context, number)


def test_a_round_that_reached_the_queue_stays_published(context, fake, running, monkeypatch):
    """Only the switch was missing, and the sweep makes it."""
    number, ids = running

    def publish_and_fail(_context, _project, current):
        result = judge(context, number, current, {ids[3]: 0.95})
        fake.intercept = lambda request: (
            down(request)
            if (request.method, request.url.path) == ("PATCH", f"/api/projects/{number}/")
            else None
        )
        publish(context, current, result, {}, silent)

    monkeypatch.setattr("relabel.service.rounds.run._run", publish_and_fail)
    with pytest.raises(LabelStudioDownError):
        run_round(context, number)
    fake.intercept = lambda _request: None
    sweep(context)
    with reading(context.engine) as connection:
        last = list_rounds(connection, number)[-1]
    assert last.state is RoundState.PUBLISHED
    assert fake.projects[number]["model_version"] == last.model_version
    assert fake.next_task(1) == ids[3]


@pytest.mark.parametrize(
    ("error", "state", "text"),
    [
        (OSError(28, "No space left on device"), RoundState.FAILED, "No space left on device"),
        (NotReadyError("Too few labels"), RoundState.NOT_READY, "Too few labels"),
        (KeyboardInterrupt(), RoundState.KILLED, "KeyboardInterrupt"),
    ],
    ids=["full disk", "too few labels", "interrupted"],
)
def test_a_round_that_fails_says_why_and_leaves_the_queue_as_it_was(
    context, fake, running, monkeypatch, error, state, text
):
    number, ids = running

    def fail(*_args):
        raise error

    monkeypatch.setattr("relabel.service.rounds.run._run", fail)
    with pytest.raises(type(error)):
        run_round(context, number)
    assert writes(fake) == []
    assert fake.next_task(1) == ids[0]
    with reading(context.engine) as connection:
        last = list_rounds(connection, number)[-1]
    assert (last.state, text in last.error) == (state, True)
    assert text in project_status(context.engine, context.settings, number)["last_error"]


@pytest.mark.parametrize("damage", ["gone", "half"])
def test_a_lost_result_of_a_round_is_told_and_stops_no_other_project(
    context, running, connected, damage, caplog
):
    number, _ = running
    other = connected(["cat", "dog"])
    (file,) = context.folder(number).glob("*.npz")
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:100])
    assert [p.id for p in sweep(context)] == [other]
    assert f"relabel round --project {number}" in caplog.text


# -- scores ----------------------------------------------------------------------------------
def test_scores_come_back_from_disk_as_they_were(context, fake, connected):
    number = connected(["cat", "dog", "bird"])
    current = claim_round(context, number)
    result = judge(context, number, current, {min(fake.tasks): 0.9})
    again = RoundResult.load(context.folder(number), f"round-{current.number}.npz")
    state = state_of(context, number)
    assert scores_now(state, again)[0].tolist() == scores_now(state, result)[0].tolist()


def test_only_tasks_with_new_votes_move_and_unknown_tasks_come_last(context, fake, running):
    number, ids = running
    before = [t.score for t in state_of(context, number).tasks.values()]
    (new,) = fake.add_tasks(number, ["dog"])
    fake.annotate(ids[2], 1, "cat")
    deliver(context, fake)
    tasks = state_of(context, number).tasks
    after = [tasks[i].score for i in ids]
    assert [i for i in range(4) if after[i] != before[i]] == [2]
    assert after[2] < min(before), "a begun task comes before all others"
    assert tasks[new].score in (None, LAST)


# -- doctor ----------------------------------------------------------------------------------
def test_a_project_that_is_not_connected_says_how_to_connect(context):
    (finding,) = examine_project(context, 5)
    assert not finding.ok
    assert "relabel connect --project 5" in finding.text


def found(context, number, check):
    return {f.check: f for f in examine_project(context, number)}[check]


@pytest.mark.parametrize(
    ("check", "damage", "words"),
    [
        ("ml backend", lambda f, _n: f.backends.clear(), "relabel connect"),
        (
            "ml backend",
            lambda f, _n: [
                b.update(state="ER", error_message="Connection refused")
                for b in f.backends.values()
            ],
            "nothing listens at .*relabel serve",
        ),
        ("webhook", lambda f, _n: f.webhooks.clear(), "0 webhooks"),
        (
            "webhook",
            lambda f, _n: [h.update(headers={"X": "1"}) for h in f.webhooks.values()],
            "secret is not the one",
        ),
        (
            "webhook",
            lambda f, _n: [h.update(is_active=False) for h in f.webhooks.values()],
            "switched off",
        ),
        (
            "webhook",
            lambda f, _n: [h.update(actions=[]) for h in f.webhooks.values()],
            "not every event",
        ),
        (
            "queue order",
            lambda f, n: f.set_project(n, sampling="Sequential sampling"),
            "sampling = 'Sequential sampling'.*relabel reconcile",
        ),
        ("queue order", lambda f, n: f.set_project(n, model_version=""), "model_version = ''"),
        ("score column", lambda f, _n: f.predictions.clear(), "0 of 4 tasks have a score"),
        ("delivery", lambda _f, _n: None, "relabel serve"),
        ("images", lambda _f, _n: None, "answered 404"),
    ],
)
def test_every_trouble_is_told_with_what_to_do(context, fake, running, check, damage, words):
    number, _ = running
    damage(fake, number)
    finding = found(context, number, check)
    assert not finding.ok
    assert re.search(words, finding.text), finding.text


def test_a_healthy_project_is_told_as_such(context, running):
    number, _ = running
    for check in (
        "labelling config",
        "ml backend",
        "webhook",
        "round",
        "queue order",
        "score column",
    ):
        assert found(context, number, check).ok, check


def test_nothing_can_be_learnt_before_a_round(context, connected):
    number = connected(["cat", "dog"])
    assert "relabel round" in found(context, number, "round").text
    assert "no round has been published" in found(context, number, "queue order").text


@pytest.mark.usefixtures("running")
def test_the_original_annotator_is_never_asked_for_his_own_labels(fake):
    assert fake.next_task(ORIGINAL) is None


def test_detaching_what_is_not_connected_says_so(context, fake):
    with pytest.raises(NotReadyError, match="not connected"):
        detach(context, fake.add_project(["cat"]))


def test_a_plan_may_be_carried_out_later(context, fake):
    """What changed meanwhile is read again."""
    number = fake.add_project(["cat", "dog"])
    plan = plan_connect(context, number)
    fake.add_tasks(number, ["bird"])
    connect(context, plan)
    assert len(state_of(context, number).tasks) == 3
