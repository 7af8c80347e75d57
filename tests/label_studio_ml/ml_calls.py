"""Every call that Label Studio, or somebody else, makes on an ML backend, and the right answer.

One table for every server: `relabel serve`, and label-studio-ml 1.0.9 and 2.x with our class.
"""

from dataclasses import dataclass, field
from typing import Any

from fake_label_studio import CONFIG
from relabel.service.queue.scores import LAST
from relabel.web.predictions import UNTRAINED

P = 31
PROJECT = f"{P}.1772409600"
"""As Label Studio writes it: id and time of creation."""
TASKS = (401, 402, 403, 404)
SCORES = {401: 0.125, 402: 0.25, 403: 0.5}
VERSION = "relabel-1-abc"
TOKEN = "s" * 40
PASSWORD = ("label-studio", "a-password")
SECRET = {"X-Relabel-Token": TOKEN}
ANNOTATION = {
    "id": 9,
    "task": 401,
    "completed_by": 1,
    "result": [],
    "created_at": "2026-03-03T00:00:00Z",
}
VOTE = {"action": "ANNOTATION_CREATED", "project": {"id": P}, "annotation": ANNOTATION}
GONE = {"action": "TASKS_DELETED", "project": {"id": P}, "tasks": [{"id": 404}]}


@dataclass(frozen=True)
class Call:
    """A request, and what must come back: status, part of the body, words in the status line."""

    path: str
    body: Any = None
    status: int = 200
    answer: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "POST"

    def request(self) -> dict[str, Any]:
        """Return what Flask's test client is told."""
        given = {"path": self.path, "method": self.method, "headers": self.headers}
        return given if self.body is None else given | {"json": self.body}


def setup(schema: Any = CONFIG, project: Any = PROJECT, **more: Any) -> dict[str, Any]:
    return {"project": project, "schema": schema, "hostname": "", "access_token": "t"} | more


def predict(tasks: Any, **more: Any) -> dict[str, Any]:
    body = {"tasks": tasks, "project": PROJECT, "label_config": CONFIG, "params": {"context": None}}
    return body | more


def judged(*scores: float, version: str = VERSION) -> dict[str, Any]:
    one = [{"result": [], "score": s, "model_version": version} for s in scores]
    return {"results": one}


def taken(accepted: bool = True) -> dict[str, Any]:
    return {"status": "ok", "project": P, "accepted": accepted}


SHOWN = [{"id": i, "project": P, "data": {}} for i in TASKS]
BARE = [{"data": {"image": "/1.png"}}]

CALLS: dict[str, Call] = {
    "health": Call("/health", method="GET", answer={"status": "UP", "model_class": "relabel"}),
    "setup": Call("/setup", setup(), answer={"model_version": VERSION}),
    "setup, another project": Call(
        "/setup", setup(project="32.1"), answer={"model_version": UNTRAINED}
    ),
    "setup, a config without images": Call(
        "/setup", setup("<View/>"), 400, reason="labelling config has no"
    ),
    "setup, no schema": Call("/setup", {"project": PROJECT}, 400, reason="body.schema"),
    "setup, no project": Call("/setup", {"schema": CONFIG}, 400, reason="body.project"),
    "setup, an unknown policy key": Call(
        "/setup", setup(extra_params="windows = 5"), 400, reason="windows"
    ),
    "setup, params as text": Call(
        "/setup", setup(extra_params='{"window": 5}'), answer={"model_version": VERSION}
    ),
    "setup, params as an object": Call(
        "/setup", setup(extra_params={"window": 6}), answer={"model_version": VERSION}
    ),
    "setup, an object with an unknown key": Call(
        "/setup", setup(extra_params={"windows": 6}), 400, reason="windows"
    ),
    "predict": Call("/predict", predict(SHOWN), answer=judged(*SCORES.values(), LAST)),
    "predict, no project": Call(
        "/predict", {"tasks": [{"id": 401}]}, answer=judged(LAST, version=UNTRAINED)
    ),
    "predict, project of the body": Call(
        "/predict", predict([{"id": 402}]), answer=judged(SCORES[402])
    ),
    "predict, a task without id": Call("/predict", predict(BARE), 400, reason="tasks.id"),
    "predict, one task as an object": Call("/predict", predict(SHOWN[0]), 400, reason="body.tasks"),
    "predict, no tasks": Call("/predict", {"project": PROJECT}, 400, reason="body.tasks"),
    "predict, no object": Call("/predict", [1], 400, reason="JSON object"),
    "event by its name, with the secret": Call(
        "/webhook", {"action": "ANNOTATION_CREATED"}, 201, taken(), headers=SECRET
    ),
    "event with content, with the secret": Call("/webhook", VOTE, 201, taken(), headers=SECRET),
    "deletion, with the secret": Call("/webhook", GONE, 201, taken(), headers=SECRET),
    "unknown event, with the secret": Call(
        "/webhook",
        {"action": "DOCTOR", "project": {"id": P}},
        201,
        taken(accepted=False),
        headers=SECRET,
    ),
    "event, no secret": Call("/webhook", VOTE, 401, reason="secret"),
    "event, a wrong secret": Call(
        "/webhook", VOTE, 401, reason="secret", headers={"X-Relabel-Token": "x"}
    ),
    "event of another project": Call(
        "/webhook", VOTE | {"project": {"id": 32}}, 401, reason="secret", headers=SECRET
    ),
    "start training": Call(
        "/webhook", {"action": "START_TRAINING", "project": {"id": P}}, 201, taken()
    ),
    "train": Call("/train", {"project": PROJECT}, 201, {"status": "ok", "project": P}),
    "train, an unknown project": Call("/train", {"project": "32.1"}, 400, reason="not connected"),
    "versions": Call(f"/versions?project={PROJECT}", method="GET", answer={"versions": [VERSION]}),
    "versions, posted": Call(f"/versions?project={PROJECT}", {}, answer={"versions": [VERSION]}),
    "versions, of the body": Call(
        "/versions", {"project": str(PROJECT)}, answer={"versions": [VERSION]}
    ),
    "status": Call(f"/api/projects/{P}/status", method="GET", answer={"project": P}),
    "an unknown path": Call("/nowhere", method="GET", status=404),
}
"""By name, in the order in which they are made: the last ones follow what the first changed."""

WITH_PASSWORD = "Basic bGFiZWwtc3R1ZGlvOmEtcGFzc3dvcmQ="
GUARDED: dict[str, Call] = {
    "password: health without": CALLS["health"],
    "password: setup without": Call("/setup", setup(), 401, reason="password"),
    "password: predict without": Call("/predict", predict(SHOWN), 401, reason="password"),
    "password: versions without": Call("/versions", method="GET", status=401, reason="password"),
    "password: event without either": Call("/webhook", VOTE, 401, reason="password"),
    "password: event with the secret": Call("/webhook", VOTE, 201, taken(), headers=SECRET),
    "password: setup with": Call(
        "/setup",
        setup(),
        answer={"model_version": VERSION},
        headers={"Authorization": WITH_PASSWORD},
    ),
    "password: start training with": Call(
        "/webhook",
        {"action": "START_TRAINING", "project": {"id": P}},
        201,
        taken(),
        headers={"Authorization": WITH_PASSWORD},
    ),
}
"""The same where user and password are set."""
