"""What Label Studio calls on the backend, with bodies of the form that it sends."""

import copy
import json
import os
import re
from base64 import b64encode
from pathlib import Path

import pytest
from fake_label_studio import CONFIG
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from relabel.policy import Policy
from relabel.service.queue.scores import LAST
from relabel.storage.annotations import Annotation, Kind, list_annotations, record
from relabel.storage.database import connect, reading
from relabel.storage.journal.events import count_events, unhandled
from relabel.storage.projects import (
    Project,
    get_project,
    save_project,
    set_project,
    token_digest,
)
from relabel.storage.rounds import RoundState, finish_round, set_round, start_round
from relabel.storage.tasks import Task, list_tasks, save_tasks, set_scores
from relabel.web.app import create_app
from relabel.web.protocol import UNTRAINED
from wiring import make_settings

P = 31
TOKEN = "t" * 43
SECRET = {"X-Relabel-Token": TOKEN}
PAYLOADS = {
    path.stem: json.loads(path.read_text())
    for path in sorted((Path(__file__).parent / "payloads").glob("*.json"))
}
EVENTS = {name: body for name, body in PAYLOADS.items() if "action" in body}
OF_EVENTS = [body["project"] for body in EVENTS.values()]
RECORDED = Path(__file__).parents[3] / "shared" / "examples"


class Backend:
    """The web application on a store of its own, with project 31 connected.

    Its webhook sends a secret; without one it was connected by an earlier version.
    """

    def __init__(self, folder, template, token=TOKEN, **values):
        self.settings = make_settings(folder, **template.copy_for(folder / "data"), **values)
        self.engine = connect(self.settings.database())
        self.app = create_app(self.settings)
        self.client = self.app.test_client()
        with self.engine.begin() as connection:
            before = "2026-03-02T00:00:00.000000Z"
            digest = token_digest(token) if token else ""
            project = Project(P, "", "Pets", CONFIG, "", before, {}, webhook_digest=digest)
            save_project(connection, project)
            ids = [int(n) for n in range(401, 405)]
            save_tasks(connection, P, [Task(i, f"/{i}.png", 2, False, "", 1, True) for i in ids])

    def close(self):
        self.engine.dispose()
        self.app.extensions["relabel.engine"].dispose()

    def post(self, path, body, **options):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.client.post(path, data=data, content_type="application/json", **options)

    def send(self, body):
        """Report an event as the project's webhook does."""
        return self.post("/webhook", body, headers=SECRET)

    def choices(self):
        with reading(self.engine) as connection:
            return {a.annotation_id: a.choice for a in list_annotations(connection, P)}

    def waiting(self):
        with reading(self.engine) as connection:
            _, tasks, actions = unhandled(connection, P)
        return tasks, actions

    def journalled(self):
        """Return how many events wait for a worker."""
        found = re.search(
            r"relabel_events_waiting ([0-9.]+)", self.client.get("/metrics").get_data(as_text=True)
        )
        return int(float(found[1]))

    def publish(self, scores):
        with self.engine.begin() as connection:
            current = start_round(connection, P, Policy().model_dump(mode="json"), "abc")
            set_round(connection, current.id, artifact="round-1.npz")
            finish_round(connection, current.id, RoundState.PUBLISHED)
            set_scores(connection, P, scores)
        return current.model_version


@pytest.fixture
def backend(tmp_path, store_template):
    made = Backend(tmp_path, store_template)
    yield made
    made.close()


def safe(response):
    """Every answer is short JSON (or a page) without a word of the inside."""
    text = response.get_data(as_text=True)
    assert "Traceback" not in text
    assert 'File "' not in text
    return response


# -- events ----------------------------------------------------------------------------------
@pytest.mark.parametrize("name", EVENTS)
def test_every_event_is_acknowledged_and_handed_to_a_worker(backend, name):
    response = safe(backend.send(EVENTS[name]))
    assert response.status == "201 CREATED"
    assert response.get_json() == {"status": "ok", "project": P, "accepted": True}
    tasks, actions = backend.waiting()
    assert tasks or actions
    assert backend.journalled() == max(len(tasks), 1)


def test_an_annotation_is_in_the_store_before_the_answer(backend):
    backend.send(EVENTS["annotation_created"])
    assert backend.choices() == {901: "dog"}
    backend.send(EVENTS["annotation_updated"])
    assert backend.choices() == {901: "bird"}
    assert backend.waiting() == ({401}, {"ANNOTATION_CREATED", "ANNOTATION_UPDATED"})


def test_a_skip_is_stored_and_no_label(backend):
    backend.send(EVENTS["annotation_skipped"])
    with reading(backend.engine) as connection:
        (found,) = list_annotations(connection, P)
    assert (found.kind, found.annotation_id) == (Kind.CANCELLED, 902)


def test_several_annotations_come_in_one_event(backend):
    backend.send(EVENTS["annotations_created"])
    assert backend.choices() == {903: "cat", 904: "dog"}
    assert backend.waiting() == ({403, 404}, {"ANNOTATIONS_CREATED"})


def test_deleted_annotations_are_gone_and_their_tasks_looked_at(backend):
    backend.send(EVENTS["annotation_created"])
    backend.send(EVENTS["annotations_created"])
    backend.send(EVENTS["annotations_deleted"])
    assert backend.choices() == {904: "dog"}
    assert {401, 403} <= backend.waiting()[0]


def test_deleting_what_was_never_seen_asks_for_the_whole_truth(backend):
    backend.send(EVENTS["annotations_deleted"])
    assert backend.waiting() == (set(), {"RECONCILE"})


def test_deleted_tasks_are_forgotten_with_their_annotations(backend):
    when = "2026-03-02T10:00:00.000000Z"
    with backend.engine.begin() as connection:
        record(connection, P, [Annotation(5, 402, "1", Kind.LABEL, "cat", when, when)])
    backend.send(EVENTS["tasks_deleted"])
    assert backend.choices() == {}
    with reading(backend.engine) as connection:
        assert 402 not in list_tasks(connection, P)


def test_start_training_asks_for_a_round(backend):
    backend.send(EVENTS["start_training"])
    with reading(backend.engine) as connection:
        assert get_project(connection, P).train_requested


def test_label_studios_invitation_token_is_not_kept(backend):
    for body in EVENTS.values():
        backend.send(body)
    files = [p for p in backend.settings.data_dir.rglob("*") if p.is_file()]
    token = EVENTS["project_updated"]["project"]["token"].encode()
    assert files
    assert not any(token in path.read_bytes() for path in files)


def test_an_unknown_project_is_acknowledged_and_left_alone(backend):
    body = copy.deepcopy(EVENTS["annotation_created"])
    body["project"]["id"] = 99
    response = backend.post("/webhook", body)
    assert response.status_code == 201
    assert response.get_json()["accepted"] is False
    assert backend.journalled() == 0


@pytest.mark.parametrize(
    "action", ["PROJECT_CREATED", "LABEL_LINK_CREATED", "DOCTOR", "", "x" * 999]
)
def test_an_unknown_action_is_acknowledged_and_left_alone(backend, action):
    response = backend.send({"action": action, "project": {"id": P}})
    assert (response.status_code, response.get_json()["accepted"]) == (201, False)
    assert backend.waiting() == (set(), set())


BROKEN = {
    "no action": ({"project": {"id": P}}, "body.action"),
    "action of another type": ({"action": 3, "project": {"id": P}}, "body.action"),
    "project without id": ({"action": "PROJECT_UPDATED", "project": {}}, "body.project"),
    "no annotation": ({"action": "ANNOTATION_CREATED", "project": P}, "body.annotation"),
    "annotation without id": (
        {"action": "ANNOTATION_CREATED", "project": P, "annotation": {"task": 401}},
        "annotation.id",
    ),
    "annotation without task": (
        {"action": "ANNOTATION_CREATED", "project": P, "annotation": {"id": 1}},
        "annotation.task",
    ),
    "one in place of several": (
        {"action": "ANNOTATIONS_CREATED", "project": P, "annotation": {"id": 1}},
        "body.annotation: expected list",
    ),
    "deleted without list": ({"action": "ANNOTATIONS_DELETED", "project": P}, "body.annotations"),
    "deleted without ids": (
        {"action": "ANNOTATIONS_DELETED", "project": P, "annotations": [{}]},
        "annotations.id",
    ),
    "tasks without ids": ({"action": "TASKS_DELETED", "project": P, "tasks": [3]}, "tasks.id"),
    "no object": ([1, 2], "must be a JSON object"),
    "no JSON": (b'{"action": "ANNOT', "must be a JSON object"),
    "nothing": (b"", "must be a JSON object"),
    "no text": (b"\xff\xfe{}", "must be a JSON object"),
}


@pytest.mark.parametrize(("body", "named"), BROKEN.values(), ids=BROKEN)
def test_a_broken_event_names_the_field(backend, body, named):
    response = safe(backend.send(body))
    assert response.status_code == 400
    assert named in response.get_json()["error"]
    assert backend.waiting() == (set(), set())


def test_an_event_that_names_no_project_needs_a_secret(backend):
    response = safe(backend.post("/webhook", {"action": "PROJECT_UPDATED"}))
    assert response.status_code == 400
    assert "body.project" in response.get_json()["error"]


def test_of_a_broken_event_nothing_is_kept(backend):
    body = copy.deepcopy(EVENTS["annotations_created"])
    del body["annotation"][1]["id"]
    assert backend.send(body).status_code == 400
    assert backend.choices() == {}


@pytest.mark.parametrize("text", ["\ud800", "a\x00b"], ids=["half a character", "zero"])
@pytest.mark.parametrize("place", ["choice", "updated_by"])
def test_text_that_no_store_can_hold_is_refused_or_kept_but_never_a_failure(backend, text, place):
    body = copy.deepcopy(EVENTS["annotation_created"])
    if place == "choice":
        body["annotation"]["result"][0]["value"]["choices"] = [text]
    else:
        body["annotation"][place] = text
    assert safe(backend.send(body)).status_code in (201, 400)


def test_a_broken_labelling_config_loses_no_event(backend):
    with backend.engine.begin() as connection:
        set_project(connection, P, label_config="<View/>")
    assert backend.send(EVENTS["annotation_created"]).status_code == 201
    assert backend.waiting() == ({401}, {"ANNOTATION_CREATED"})


def test_a_body_over_the_limit_is_refused_unread(tmp_path, store_template):
    backend = Backend(tmp_path, store_template, max_request_bytes=1000)
    response = safe(backend.send({"action": "x" * 1000}))
    assert response.status_code == 413
    assert backend.send({"action": "x", "project": P}).status_code == 201
    backend.close()


# -- events as they were recorded ------------------------------------------------------------
def recorded_events():
    """Find the JSON objects of the recordings; those that were cut off there are left out."""
    if not RECORDED.is_dir():
        return []
    found = []
    for path in sorted(RECORDED.glob("*.txt")):
        text = path.read_text()
        for match in re.finditer(r'\{"action":', text):
            try:
                body, _ = json.JSONDecoder().raw_decode(text, match.start())
            except ValueError:
                body = _up_to_the_cut(text[match.start() :].split("\n", 1)[0])
            if body:
                found.append(body)
    return found


def _up_to_the_cut(line):
    """Close what a recording left open: its last values are lost, its structure is not."""
    for end in range(len(line), 20, -1):
        if line[end - 1] not in ',"}]0123456789el':
            continue
        head = line[:end].rstrip(",")
        closing, in_text, escaped = [], False, False
        for character in head:
            if in_text:
                in_text = escaped or character != '"'
                escaped = character == "\\" and not escaped
            elif character == '"':
                in_text = True
            elif character in "{[":
                closing.append("}" if character == "{" else "]")
            elif character in "}]":
                closing.pop()
        try:
            return json.loads(head + "".join(reversed(closing)))
        except ValueError:
            continue
    return None


def test_every_recorded_event_is_answered_as_documented(backend):
    events = recorded_events()
    if not events:
        pytest.skip(f"no recordings of Label Studio in {RECORDED}")
    assert len(events) >= 10
    for body in map(_completed, events):
        number = body["project"]["id"]
        secret = f"secret of {number}"
        project = Project(number, "", "", CONFIG, "", "", {}, webhook_digest=token_digest(secret))
        with backend.engine.begin() as connection:
            save_project(connection, project)
        headers = {"X-Relabel-Token": secret}
        response = safe(backend.post("/webhook", body, headers=headers))
        assert response.status_code == 201, (body, response.get_json())
        assert response.get_json()["accepted"] is True
    assert {body["action"] for body in events} == {body["action"] for body in EVENTS.values()}


def _completed(body):
    """Fill in what the recording cut off: the project, and of an annotation its task."""
    several = body.get("annotation", [])
    for annotation in several if isinstance(several, list) else [several]:
        annotation.setdefault("task", annotation.get("prediction", {}).get("task", 1))
    body.setdefault("project", {}).setdefault("id", 22)
    return body


# -- fuzz ------------------------------------------------------------------------------------
EXAMPLES = int(os.environ.get("RELABEL_FUZZ_EXAMPLES", "200"))
"""Per test; a long run is RELABEL_FUZZ_EXAMPLES=10000."""
ODD = st.text(st.sampled_from("<>&\"'/=$;[]{}\\ \0\n\r\u2028é猫\ud800a1"), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | ODD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def damaged(draw, bodies):
    """A real body in which some values, wherever they stand, are something else."""
    body = copy.deepcopy(draw(st.sampled_from(bodies)))
    for _ in range(draw(st.integers(1, 3))):
        inner = body
        while isinstance(inner, (dict, list)) and inner:
            keys = sorted(inner) if isinstance(inner, dict) else range(len(inner))
            key = draw(st.sampled_from(list(keys)))
            if not isinstance(inner[key], (dict, list)) or draw(st.booleans()):
                inner[key] = draw(JSON | cut(inner[key]))
                break
            inner = inner[key]
    return body


def cut(value):
    """A text of which a part is something else, if the value is one."""
    if not isinstance(value, str):
        return st.just(value)
    places = st.integers(0, len(value))
    return st.builds(
        lambda i, j, new: value[: min(i, j)] + new + value[max(i, j) :], *[places] * 2, ODD
    )


FUZZ = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
POSTED = ["/webhook", "/setup", "/predict", "/train"]


@pytest.mark.slow
@FUZZ
@given(body=damaged(list(EVENTS.values())))
def test_no_damaged_event_is_a_failure(backend, body):
    response = safe(backend.send(body))
    is_ours = isinstance(body, dict) and body.get("project") in OF_EVENTS
    assert response.status_code in ((201, 400) if is_ours else (201, 400, 401))
    # Whatever was taken must not break the figures afterwards.
    assert safe(backend.client.get(f"/api/projects/{P}/status")).status_code == 200


@pytest.mark.slow
@FUZZ
@given(body=damaged([PAYLOADS["setup"], PAYLOADS["setup"] | {"extra_params": "window = 3"}]))
def test_no_damaged_setup_is_a_failure(backend, body):
    response = safe(backend.post("/setup", body))
    assert response.status_code in (200, 400)
    assert len(response.status.splitlines()) == 1
    assert safe(backend.client.get(f"/api/projects/{P}/status")).status_code == 200


@pytest.mark.slow
@FUZZ
@given(body=damaged([PAYLOADS["predict"]]))
def test_no_damaged_predict_is_a_failure(backend, body):
    response = safe(backend.post("/predict", body))
    assert response.status_code in (200, 400)
    if response.status_code == 200:
        assert len(response.get_json()["results"]) == len(body["tasks"])


@FUZZ
@given(
    body=JSON | st.binary(),
    path=st.sampled_from(POSTED),
    kind=st.sampled_from(["application/json", "text/plain", "", "multipart/form-data", "a/b; x"]),
    token=st.none() | st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"])),
)
def test_no_body_and_no_header_is_a_failure(backend, body, path, kind, token):
    headers = {"Content-Type": kind} | ({} if token is None else {"X-Relabel-Token": token})
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = safe(backend.client.post(path, data=data, headers=headers))
    assert response.status_code in ((200, 201, 400, 401) if "json" in kind else (401, 415))


@pytest.mark.parametrize("path", POSTED)
@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b', "b": "\\ud800"}',
        b'{"project": ' + b"9" * 10_000 + b"}",
        b'{"project": 1e999}',
        b'{"action": NaN}',
    ],
    ids=["lists", "objects", "closed", "long number", "endless number", "no number"],
)
def test_a_body_that_is_too_deep_or_too_long_is_refused(backend, path, body):
    assert safe(backend.post(path, body)).status_code == 400


# -- health and setup ------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/health"])
def test_health_is_told_without_password(tmp_path, store_template, path):
    made = Backend(tmp_path, store_template, basic_auth_user="u", basic_auth_pass="p")
    response = made.client.get(path)
    assert (response.status_code, response.get_json()["status"]) == (200, "UP")
    made.close()


def setup(backend, **values):
    return safe(backend.post("/setup", PAYLOADS["setup"] | values))


def test_the_token_that_label_studio_hands_over_is_neither_kept_nor_logged(backend, caplog):
    """It is the one of the project's creator, in clear."""
    caplog.set_level("DEBUG")
    assert setup(backend, access_token="tokenofthecreator", schema=CONFIG + " ").status_code == 200
    assert setup(backend, access_token="tokenofthecreator", schema="<View/>").status_code == 400
    assert "tokenofthecreator" not in caplog.text
    for path in backend.settings.data_dir.rglob("*"):
        assert not path.is_file() or b"tokenofthecreator" not in path.read_bytes()


def test_setup_of_an_unconnected_project_is_checked_and_changes_nothing(backend):
    response = setup(backend, project="77.123")
    assert response.get_json() == {"model_version": UNTRAINED}
    assert backend.journalled() == 0


def test_setup_may_be_repeated_at_no_cost(backend):
    """Label Studio calls it whenever somebody looks at the settings."""
    assert setup(backend).status_code == 200
    assert backend.waiting() == (set(), set())


def test_setup_tells_the_version_of_the_last_round(backend):
    version = backend.publish({})
    assert setup(backend).get_json() == {"model_version": version}


def test_a_changed_config_or_policy_is_taken_over_and_everything_read_again(backend):
    schema = CONFIG.replace("bird", "fish")
    assert setup(backend, schema=schema, extra_params="window = 7").status_code == 200
    with reading(backend.engine) as connection:
        project = get_project(connection, P)
    assert (project.label_config, project.extra_params) == (schema, "window = 7")
    assert backend.waiting() == (set(), {"RECONCILE"})
    assert backend.journalled() == 1


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"schema": "<View/>"}, "no &lt;Choices&gt; tag"),
        ({"schema": ""}, "labelling config is empty"),
        ({"extra_params": "windw = 3"}, "Unknown policy key windw"),
        ({"extra_params": {"window": "<b>"}}, "Policy key window = '&lt;b&gt;'"),
        ({"extra_params": '{"window": 3'}, "Extra params: not readable"),
        (
            {"extra_params": 'selector = "liner"'},
            "Policy key selector = 'liner': choose one of auto",
        ),
        ({"extra_params": 'encoder = "vgg"'}, "Policy key encoder = 'vgg': choose one of cifar"),
        ({"extra_params": 'score = "loss"'}, "Policy key score = 'loss': choose one of"),
        ({"extra_params": "max_votes = 1"}, "Policy key max_votes = 1: Input should be greater"),
        ({"extra_params": 'choices = "other"'}, 'No &lt;Choices name="other"&gt;'),
    ],
)
def test_a_refusal_stands_in_the_reason_phrase(backend, values, words):
    """It is all that Label Studio shows."""
    response = setup(backend, **values)
    assert response.status.startswith("400 ")
    assert words in response.status
    with reading(backend.engine) as connection:
        assert get_project(connection, P).label_config == CONFIG


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", "a\nSet-Cookie: x=1", "a\r\n\r\nb", "猫\x00\x85", "&" * 999],
)
def test_a_reason_phrase_is_one_escaped_line_of_latin_1(backend, name):
    response = setup(backend, extra_params=json.dumps({name: 1}))
    phrase = response.status.removeprefix("400 ")
    assert phrase.encode("latin-1").decode("latin-1").isprintable()
    assert len(phrase.splitlines()) == 1
    assert "<" not in phrase
    assert re.fullmatch(r"([^&]|&(amp|lt|gt);)*", phrase), "an entity was cut"
    assert len(phrase) < 2100


@pytest.mark.parametrize("missing", ["project", "schema"])
def test_a_broken_setup_names_the_field(backend, missing):
    body = {key: value for key, value in PAYLOADS["setup"].items() if key != missing}
    response = safe(backend.post("/setup", body))
    assert response.status_code == 400
    assert f"body.{missing}" in response.get_json()["error"]


# -- predict, versions, train ----------------------------------------------------------------
def test_predictions_are_the_stored_scores_without_a_suggestion(backend):
    version = backend.publish({401: 0.125})
    results = safe(backend.post("/predict", PAYLOADS["predict"])).get_json()["results"]
    assert [r["score"] for r in results] == [0.125, LAST]
    for one in results:
        assert (one["result"], one["model_version"]) == ([], version)


def test_predictions_before_the_first_round_have_a_version_too(backend):
    for one in backend.post("/predict", PAYLOADS["predict"]).get_json()["results"]:
        assert (one["score"], one["model_version"]) == (LAST, UNTRAINED)


def test_predictions_need_no_project(backend):
    body = {key: value for key, value in PAYLOADS["predict"].items() if key != "project"}
    assert len(backend.post("/predict", body).get_json()["results"]) == 2


@pytest.mark.parametrize("body", [{}, {"tasks": {}}, {"tasks": [{"data": {}}]}, {"tasks": [None]}])
def test_a_broken_predict_names_the_field(backend, body):
    response = safe(backend.post("/predict", body))
    assert response.status_code == 400
    assert "tasks" in response.get_json()["error"]


def test_versions_are_listed_the_newest_first(backend):
    assert backend.client.get("/versions").get_json() == {"versions": [UNTRAINED]}
    first, second = backend.publish({}), backend.publish({})
    found = backend.client.get(f"/versions?project={P}").get_json()
    assert found == {"versions": [second, first]}
    assert backend.client.get("/versions?project=x").status_code == 400


@pytest.mark.parametrize("project", [P, str(P), f"{P}.123", {"id": P}], ids=str)
def test_versions_are_asked_for_by_the_body_as_label_studio_does(backend, project):
    version = backend.publish({})
    found = safe(backend.post("/versions", {"project": project}))
    assert found.get_json() == {"versions": [version]}
    by_query = backend.post(f"/versions?project={P}", {})
    assert by_query.get_json() == {"versions": [version]}


@pytest.mark.parametrize("body", [b"[]", b"", {"project": "x"}, {"project": 10**30}])
def test_versions_of_a_broken_body_are_refused(backend, body):
    assert safe(backend.post("/versions", body)).status_code == 400


def test_train_asks_for_a_round_and_answers_at_once(backend):
    assert backend.post("/train", {"project": P}).status_code == 201
    with reading(backend.engine) as connection:
        assert get_project(connection, P).train_requested
    assert backend.journalled() == 1


def test_training_what_is_not_connected_is_refused(backend):
    response = safe(backend.post("/train", {"project": 99}))
    assert (response.status_code, "99" in response.get_json()["error"]) == (400, True)


# -- status and metrics ----------------------------------------------------------------------
def test_status_counts_votes_and_waiting_events(backend):
    backend.send(EVENTS["annotation_created"])
    status = backend.client.get(f"/api/projects/{P}/status").get_json()
    assert (status["tasks"], status["votes"], status["pending_jobs"]) == (4, 1, 1)


def test_status_of_an_unknown_project_is_404_and_says_what_to_run(backend):
    response = safe(backend.client.get("/api/projects/99/status"))
    assert response.status_code == 404
    assert "relabel connect --project 99" in response.get_json()["error"]


def test_metrics_are_told_per_project(backend):
    backend.send(EVENTS["annotation_created"])
    text = backend.client.get("/metrics").get_data(as_text=True)
    assert f'relabel_tasks{{project="{P}"}} 4.0' in text
    assert f'relabel_votes{{project="{P}"}} 1.0' in text
    assert "relabel_events_waiting 1.0" in text


def test_metrics_survive_a_project_with_a_broken_config(backend):
    with backend.engine.begin() as connection:
        save_project(connection, Project(P + 1, "", "", "<View/>", "", "", {}))
    response = safe(backend.client.get("/metrics"))
    assert response.status_code == 200
    assert f'project="{P}"' in response.get_data(as_text=True)


def test_the_journal_outlives_the_process(backend):
    backend.send(EVENTS["annotation_created"])
    again = connect(backend.settings.database())
    with reading(again) as connection:
        assert count_events(connection, P) == (1, 1)
    again.dispose()


# -- access and errors -----------------------------------------------------------------------
PATHS = [
    ("POST", "/webhook"),
    ("POST", "/setup"),
    ("POST", "/predict"),
    ("POST", "/train"),
    ("GET", "/versions"),
    ("GET", "/metrics"),
    ("GET", f"/api/projects/{P}/status"),
    ("GET", "/"),
    ("GET", "/no/such/page"),
]


@pytest.mark.parametrize(("method", "path"), PATHS)
def test_everything_but_health_asks_for_the_password(tmp_path, store_template, method, path):
    made = Backend(tmp_path, store_template, basic_auth_user="anna", basic_auth_pass="pässword")

    def ask(credentials):
        headers = {"Authorization": "Basic " + b64encode(credentials.encode()).decode()}
        return made.client.open(path, method=method, json={}, headers=headers)

    assert made.client.open(path, method=method, json={}).status_code == 401
    for wrong in ("anna:other", "other:pässword", "anna:", ":", "anna", "anna:pässwordx"):
        response = safe(ask(wrong))
        assert response.status_code == 401
        assert response.headers["WWW-Authenticate"].startswith("Basic")
    assert ask("anna:pässword").status_code != 401
    made.close()


@pytest.fixture(params=["no password", "password"])
def guarded(request, tmp_path, store_template):
    """A backend whose projects send secrets; with and without a password for all else."""
    secret = {"basic_auth_user": "anna", "basic_auth_pass": "p"}
    made = Backend(tmp_path, store_template, **(secret if request.param == "password" else {}))
    with made.engine.begin() as connection:
        set_project(connection, P, webhook_digest=token_digest(TOKEN))
        other = Project(P + 1, "", "", CONFIG, "", "", {}, webhook_digest=token_digest("other"))
        save_project(connection, other)
    yield made
    made.close()


def test_an_event_is_taken_with_the_secret_of_its_project(guarded):
    body = EVENTS["annotation_created"]
    answer = guarded.post("/webhook", body, headers={"X-Relabel-Token": TOKEN})
    assert (answer.status_code, answer.get_json()["accepted"]) == (201, True)
    assert guarded.choices() == {901: "dog"}


@pytest.mark.parametrize(
    "token", ["", "x", TOKEN[:-1], TOKEN + "t", token_digest(TOKEN), "other", "\xe9", None]
)
@pytest.mark.parametrize("name", ["annotation_created", "tasks_deleted", "project_updated"])
def test_an_event_without_the_secret_of_its_project_changes_nothing(guarded, token, name):
    headers = {} if token is None else {"X-Relabel-Token": token}
    response = safe(guarded.post("/webhook", EVENTS[name], headers=headers))
    assert response.status_code == 401
    assert guarded.waiting() == (set(), set())
    with reading(guarded.engine) as connection:
        assert len(list_tasks(connection, P)) == 4


def test_an_event_without_content_is_known_by_its_secret(guarded):
    body = {"action": "ANNOTATION_CREATED"}
    assert safe(guarded.post("/webhook", body)).status_code in (400, 401)
    answer = guarded.post("/webhook", body, headers={"X-Relabel-Token": TOKEN})
    assert answer.get_json() == {"status": "ok", "project": P, "accepted": True}
    assert guarded.waiting()[1]


ANNA = {"Authorization": "Basic " + b64encode(b"anna:p").decode()}


@pytest.mark.parametrize("guarded", ["password"], indirect=True)
@pytest.mark.parametrize("name", EVENTS)
def test_with_the_password_alone_an_event_is_a_hint_of_which_nothing_is_kept(guarded, name):
    """A backend that was connected in Label Studio's form only sends nothing else."""
    answer = guarded.post("/webhook", EVENTS[name], headers=ANNA)
    assert (answer.status_code, answer.get_json()["accepted"]) == (201, True)
    assert_a_hint(guarded)


@pytest.mark.parametrize("name", EVENTS)
def test_of_a_project_connected_before_there_were_secrets_only_hints_are_taken(
    tmp_path, store_template, name
):
    """Anybody may have sent them: what has changed is read from Label Studio."""
    made = Backend(tmp_path, store_template, token="")
    answer = made.post("/webhook", EVENTS[name])
    assert (answer.status_code, answer.get_json()["accepted"]) == (201, True)
    assert_a_hint(made)
    made.close()


def assert_a_hint(backend):
    """Something is to be looked at, and the store's tasks and votes are what they were."""
    tasks, actions = backend.waiting()
    assert tasks == set()
    known = {"CHANGED", "RECONCILE", "TASKS_CREATED", "PROJECT_UPDATED", "START_TRAINING"}
    assert len(actions) == 1
    assert actions <= known
    assert backend.choices() == {}
    with reading(backend.engine) as connection:
        assert len(list_tasks(connection, P)) == 4
        wanted = get_project(connection, P).train_requested
    assert wanted == (actions == {"START_TRAINING"})


def test_the_secret_of_a_webhook_opens_nothing_else(guarded):
    headers = {"X-Relabel-Token": TOKEN}
    for path, body in (("/train", {"project": P}), ("/setup", PAYLOADS["setup"])):
        answer = guarded.post(path, body, headers=headers)
        assert answer.status_code == (401 if guarded.settings.basic_auth() else answer.status_code)
    answer = guarded.client.get("/metrics", headers=headers)
    assert (answer.status_code == 401) == (guarded.settings.basic_auth() is not None)


def test_start_training_comes_without_secret_but_with_the_password(guarded):
    """Label Studio sends it as it calls an ML backend, and not as a webhook."""
    needed = guarded.settings.basic_auth() is not None
    answer = guarded.post("/webhook", EVENTS["start_training"])
    assert answer.status_code == (401 if needed else 201)
    headers = {"Authorization": "Basic " + b64encode(b"anna:p").decode()}
    assert guarded.post("/webhook", EVENTS["start_training"], headers=headers).status_code == 201


@pytest.mark.parametrize("header", ["Basic %%%", "Basic", "Bearer x", "Basic w7/Dvw==", ""])
def test_an_odd_authorization_header_is_no_failure(tmp_path, store_template, header):
    made = Backend(tmp_path, store_template, basic_auth_user="anna", basic_auth_pass="p")
    response = made.client.get("/metrics", headers={"Authorization": header})
    assert response.status_code == 401
    made.close()


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/webhook", 405), ("GET", "/nowhere", 404)]
)
def test_wrong_addresses_are_answered_in_json(backend, method, path, status):
    response = safe(backend.client.open(path, method=method))
    assert response.status_code == status
    assert response.get_json()["error"]


def test_an_unexpected_error_says_nothing_of_the_inside(backend, monkeypatch):
    def fail(*_args):
        raise RuntimeError("secret inside")

    monkeypatch.setattr("relabel.web.protocol.receive", fail)
    response = safe(backend.send(EVENTS["project_updated"]))
    assert response.status_code == 500
    assert "secret inside" not in response.get_data(as_text=True)
