"""The doctor: what is healthy is left alone, and what is not is named with what to do."""

import io
import itertools
import json
import re

import httpx
import pytest
import stamina
from PIL import Image
from relabel.service.books.problems import told_problems
from relabel.service.commands import pause
from relabel.service.doctor.checkup import CHECKS, examine_project
from relabel.service.doctor.images import SAMPLE, sample
from relabel.service.sync.catch_up import carry_out
from relabel.service.sync.sweep import sweep_project
from relabel.storage.tasks import set_problems
from served import BACKEND, served
from werkzeug.wrappers import Request, Response
from wiring import connect_project, deliver, make_context, publish_round, state_of


@pytest.fixture(autouse=True)
def no_pauses():
    with stamina.set_testing(True, attempts=2):
        yield


@pytest.fixture
def running(context, fake, connected):
    """A published project of four labelled tasks."""
    number = connected(["cat", "dog", "bird", "cat"])
    publish_round(context, number, {min(fake.tasks): 0.9})
    return number


def found(context, number, check):
    return {f.check: f for f in examine_project(context, number)}[check]


def without_url(context):
    """Return the context of a shell in which nobody has set RELABEL_URL."""
    settings = context.settings.model_copy(update={"url": "", "port": 1})
    return type(context)(settings, context.engine, context.label_studio)


# -- the address -------------------------------------------------------------------------------
def test_a_shell_without_the_address_finds_a_healthy_project_healthy(context, running):
    here = without_url(context)
    for check in ("ml backend", "webhook"):
        finding = found(here, running, check)
        assert finding.ok, finding
        assert "http://relabel.test:9090" in finding.text
    finding = found(here, running, "address")
    assert finding.ok
    assert re.search(
        r"connected at http://relabel\.test:9090.*RELABEL_URL is not set.*http://localhost:1: set "
        r"RELABEL_URL=http://relabel\.test:9090",
        finding.text,
    ), finding.text


def test_nothing_that_is_healthy_is_advised_to_be_connected_again(context, running):
    """Whatever the shell says; connecting from there would break what works."""
    for one in (context, without_url(context)):
        for finding in examine_project(one, running):
            assert not finding.ok or "relabel connect" not in finding.text, finding


def test_what_must_be_connected_again_is_to_be_so_at_its_own_address(context, fake, running):
    fake.webhooks.clear()
    text = found(without_url(context), running, "webhook").text
    assert f"run: RELABEL_URL=http://relabel.test:9090 relabel connect --project {running}" in text
    assert f"run: relabel connect --project {running}" in found(context, running, "webhook").text


def test_a_backend_that_has_moved_is_found_at_its_new_address(context, fake, running):
    for backend in fake.backends.values():
        backend |= {"state": "ER", "error_message": "[Errno 111] Connection refused"}
    with served(BACKEND) as url:
        settings = context.settings.model_copy(update={"url": url})
        moved = type(context)(settings, context.engine, context.label_studio)
        text = found(moved, running, "ml backend").text
    assert f"The backend answers at {url}: if it has moved there for good" in text
    assert "nothing listens at http://relabel.test:9090" in text


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("[Errno 111] Connection refused", "nothing listens at .*relabel serve"),
        ("URL resolves to a reserved network address (block: 10.0.0.0/8)", "SSRF_PROTECTION"),
        ("401 Client Error: UNAUTHORIZED for url: http://x", "another password"),
        ("421 Client Error: MISDIRECTED for url: http://x", "RELABEL_URL=http://relabel.test:9090"),
        ("certificate verify failed: CERTIFICATE_VERIFY_FAILED", "REQUESTS_CA_BUNDLE"),
        ("ProxyError('Cannot connect to proxy.')", "NO_PROXY"),
        ("it hurts", "http://relabel.test:9090: the name of the host is unknown.*relabel serve"),
    ],
)
def test_why_label_studio_does_not_reach_the_backend_is_one_cause(
    context, fake, running, said, words
):
    for backend in fake.backends.values():
        backend |= {"state": "ER", "error_message": said}
    finding = found(context, running, "ml backend")
    assert not finding.ok
    assert re.search(words, finding.text), finding.text
    assert "relabel connect" not in finding.text, "that would not help"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, "another store than this shell.*RELABEL_DATA_DIR"),
        (503, "its store cannot be written"),
        (421, "does not go by the name in http://127.*Set RELABEL_URL=http://127.* where it runs"),
        (404, "another program or a proxy answers"),
        (201, "another program or a proxy answers"),
    ],
)
def test_a_delivery_that_is_refused_says_what_is_wrong_there(
    tmp_path, fake, store_template, status, words
):
    with served(Response("{}", status, mimetype="application/json")) as url:
        context = make_context(tmp_path, fake, store_template, url=url)
        number = fake.add_project(["cat", "dog"])
        connect_project(context, number)
        finding = found(context, number, "delivery")
        context.close()
    assert not finding.ok
    assert re.search(words, finding.text), finding.text


def answering(health, event, status):
    """Return a program with these answers to /health and to events."""

    @Request.application
    def application(request):
        body, code = (health, 200) if request.path == "/health" else (event, status)
        return Response(json.dumps(body), code, mimetype="application/json")

    return application


@pytest.mark.slow
@pytest.mark.parametrize(
    ("health", "event", "status", "server"),
    [
        ({"status": "UP", "model_dir": ".", "v2": False}, {"job_id": "1"}, 201, "1.0.9"),
        ({"status": "UP", "model_class": "Other"}, {"status": "Unknown event"}, 200, "2.x"),
        ({"status": "UP", "model_class": "Other"}, "Unauthorized", 401, "2.x"),
    ],
    ids=["1.0.9", "2.x", "2.x with a password"],
)
def test_another_model_under_label_studio_ml_is_met_by_its_name(
    tmp_path, fake, store_template, health, event, status, server
):
    with served(answering(health, event, status)) as url:
        context = make_context(tmp_path, fake, store_template, url=url)
        number = fake.add_project(["cat", "dog"])
        connect_project(context, number)
        finding = found(context, number, "delivery")
        context.close()
    assert not finding.ok
    assert f"label-studio-ml {server} with another model answers there" in finding.text
    assert "RelabelBackend" in finding.text
    assert "relabel connect" not in finding.text, "that would not help"


def test_a_delivery_that_is_taken_says_how_long_it_took(tmp_path, fake, store_template):
    event = {"status": "ok", "project": 1, "accepted": False}
    with served(answering({}, event, 201)) as url:
        context = make_context(tmp_path, fake, store_template, url=url)
        number = fake.add_project(["cat", "dog"])
        connect_project(context, number)
        finding = found(context, number, "delivery")
        context.close()
    assert finding.ok
    assert re.search("answered 201 in [0-9]+ ms", finding.text)


def test_a_project_that_is_gone_is_told_once_and_not_by_every_check(context, fake, running):
    fake.delete_project(running)
    (finding,) = examine_project(context, running)
    assert f"gone from Label Studio; run: relabel forget --project {running}" in finding.text


def test_a_connecting_that_was_cut_off_is_told(context, running):
    with context.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE projects SET backend_id = NULL")
    (finding,) = examine_project(context, running)
    assert not finding.ok
    assert "cut off half-way" in finding.text


# -- the audit ---------------------------------------------------------------------------------
def test_an_audit_that_nobody_at_work_can_end_is_told(context, fake, connected):
    """One person has answered everything; two new ones must agree on each audited task."""
    number = connected(["cat"] * 22, "audit_share = 0.5\nwindow = 30")
    publish_round(context, number, {})
    assert found(context, number, "audit").text == "0 tasks audited, 0 wait for people"
    for task in list(fake.tasks):
        fake.annotate(task, 1, "cat")
    deliver(context, fake)
    finding = found(context, number, "audit")
    assert not finding.ok
    assert (
        "20 of 20 audited tasks that wait have been answered by everybody at work" in finding.text
    )
    for task in list(fake.tasks):
        fake.annotate(task, 2, "cat")
    deliver(context, fake)
    assert found(context, number, "audit").text == "20 tasks audited, 0 wait for people"


def test_without_a_share_there_is_no_audit_to_look_at(context, running):
    assert "audit_share is 0" in found(context, running, "audit").text


# -- the tab -----------------------------------------------------------------------------------
def test_a_tab_that_is_not_as_written_is_told_with_what_differs(context, fake, running):
    assert found(context, running, "tab").ok
    (view,) = fake.views.values()
    view["data"]["title"] = "Monday"
    view["data"]["filters"] = {"conjunction": "and", "items": []}
    finding = found(context, running, "tab")
    assert not finding.ok
    assert "title: 'Monday'; filter: none" in finding.text
    assert f"relabel reconcile --project {running}" in finding.text
    sweep_project(context, state_of(context, running).project)
    assert found(context, running, "tab").ok
    fake.views.clear()
    assert "tab: deleted" in found(context, running, "tab").text


def test_the_tab_of_a_paused_project_is_as_it_should_be(context, running):
    pause(context.engine, running)
    carry_out(context, running)
    assert "'Paused: Relabel queue'" in found(context, running, "tab").text
    assert found(context, running, "tab").ok


# -- images ------------------------------------------------------------------------------------
def png():
    file = io.BytesIO()
    Image.new("RGB", (4, 3)).save(file, "PNG")
    return file.getvalue()


def test_a_sample_over_all_tasks_is_tried_and_what_fails_is_counted_with_its_tasks(
    context, fake, connected
):
    number = connected(["cat"] * 60)
    ids = list(fake.tasks)
    for task in fake.tasks.values():
        fake.files[task["data"]["image"]] = png()
    assert "20 of 60 tried, 20 can be used" in found(context, number, "images").text
    assert found(context, number, "images").ok
    fake.files[fake.tasks[ids[0]]["data"]["image"]] = b"<html>log in</html>"
    del fake.files[fake.tasks[ids[-1]]["data"]["image"]]
    finding = found(context, number, "images")
    assert not finding.ok
    assert "20 of 60 tried, 18 can be used" in finding.text
    assert f"1 (task {ids[-1]}): answered 404" in finding.text
    assert re.search(rf"1 \(task {ids[0]}\): [^;]*decoded", finding.text), finding.text


def test_what_the_last_round_left_out_is_told_too(context, fake, running):
    for task in fake.tasks.values():
        fake.files[task["data"]["image"]] = png()
    ids = list(fake.tasks)
    with context.engine.begin() as connection:
        set_problems(connection, running, dict.fromkeys(ids[:2], "/data/a.png: answered 403"))
    finding = found(context, running, "images")
    assert not finding.ok
    assert "4 of 4 tried, 4 can be used" in finding.text
    assert f"the last round left out 2 (tasks {ids[0]}, {ids[1]}): answered 403" in finding.text


def test_a_slow_image_holds_nobody_up(context, fake, running, monkeypatch):
    for task in fake.tasks.values():
        fake.files[task["data"]["image"]] = png()
    slow = fake.tasks[min(fake.tasks)]["data"]["image"]
    released = []

    def wait(request):
        while request.url.path == slow and not released:
            pass

    fake.intercept = wait
    monkeypatch.setattr("relabel.service.doctor.images.SECONDS", 0.2)
    finding = CHECKS["images"](context, state_of(context, running).project)
    released.append(True)
    assert f"1 (task {min(fake.tasks)}): not read within" in finding.text


@pytest.mark.parametrize("count", [1, 2, SAMPLE, SAMPLE + 1, 1797])
def test_the_sample_holds_the_first_and_the_last_and_no_task_twice(count):
    chosen = sample(count)
    assert len(chosen) == len(set(chosen)) == min(count, SAMPLE)
    assert (chosen[0], chosen[-1]) == (0, count - 1)
    gaps = [b - a for a, b in itertools.pairwise(chosen)]
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_reasons_are_counted_without_the_address_of_one_image():
    problems = {i: f"/data/upload/1/{i}.png: answered 404" for i in range(1, 9)}
    problems |= {9: "a web page and no image"}
    told = "8 (tasks 1, 2, 3, 4, 5, ...): answered 404; 1 (task 9): a web page and no image"
    assert told_problems(problems) == told


# -- labels and policy -------------------------------------------------------------------------
def test_a_version_that_no_prediction_has_is_told_with_those_that_there_are(context, fake):
    number = fake.add_project(["cat", "dog"])
    rows = [
        {
            "task": t,
            "result": [],
            "score": 0.5,
            "model_version": "yolo-2",
            "project": number,
            "id": t,
        }
        for t in fake.tasks
    ]
    fake.predictions = {row["id"]: row for row in rows}
    connect_project(context, number, 'initial = "predictions:yolo-3"')
    finding = found(context, number, "labels")
    assert not finding.ok
    assert (
        "no task has a prediction of version 'yolo-3'; there are: 'yolo-2' (2); did you mean "
        "'yolo-2'?" in finding.text
    )


def test_a_field_that_no_task_has_is_told_with_those_that_there_are(context, fake):
    number = fake.add_project([None, None])
    connect_project(context, number, 'initial = "data:labl"')
    text = found(context, number, "labels").text
    assert "no task has a field 'labl'; there are: 'image'" in text
    assert "0 of 2 tasks have one" in text


def test_a_path_is_found_by_the_field_that_it_begins_with(context, fake):
    number = fake.add_project([None, None])
    connect_project(context, number, 'initial = "data:image.label"')
    assert "no task has a field" not in found(context, number, "labels").text


def test_labels_that_are_no_class_are_told_with_the_nearest_and_how_to_let_them_count(
    context, fake
):
    number = fake.add_project(["cat", "Dog", "Dog", "dogs", "horse", "bird"])
    connect_project(context, number)
    finding = found(context, number, "labels")
    assert not finding.ok
    assert '"Dog" 2 (nearest: dog), "dogs" (nearest: dog), "horse"' in finding.text
    assert 'classes = {"Dog" = "dog", "dogs" = "dog"}' in finding.text
    assert "2 of 6 tasks have one" in finding.text


def test_healthy_labels_are_counted(context, running):
    finding = found(context, running, "labels")
    assert finding.ok
    assert finding.text == "4 of 4 tasks have one (initial = 'annotations')"


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ("image_size = 64", r"image_size = 64 does nothing: selector 'linear' reads no pixels"),
        (
            'encoder = "tiny"\nencoder_weights = "w.pth"',
            r"encoder_weights = 'w\.pth' does nothing: encoder 'tiny' has none",
        ),
    ],
)
def test_keys_that_do_nothing_are_named(context, connected, params, words):
    finding = found(context, connected(["cat", "dog"], params=params), "policy")
    assert not finding.ok
    assert re.search(words, finding.text), finding.text


def test_a_policy_whose_keys_all_do_something_is_well(context, connected):
    params = 'selector = "co_teaching"\nimage_size = 64'
    finding = found(context, connected(["cat", "dog"], params=params), "policy")
    assert finding.ok
    assert "image_size = 64" in finding.text


def test_a_key_of_an_earlier_version_is_named_with_what_to_write(context, connected):
    """All is well: it is read as before."""
    finding = found(context, connected(["cat", "dog"], params="stop_yield = 0.05"), "policy")
    assert finding.ok
    assert finding.text.endswith("write stop_when = { yield = 0.05 } instead")


def test_every_check_runs_even_if_label_studio_fails(context, fake, running):
    fake.intercept = lambda _request: httpx.Response(503, text="down")
    findings = examine_project(context, running)
    assert [f.check for f in findings] == list(CHECKS)
    assert any("answered 503" in f.text for f in findings)
