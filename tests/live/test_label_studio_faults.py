"""A real Label Studio that answers badly, slowly or not at all, and people who change things in it.

The backend talks to Label Studio through a proxy that spoils the answers; people and Label Studio's
own calls to the backend go directly. Restarts of Label Studio are part of the soak.
"""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from consistency import (
    differences,
    said_in_label_studio,
    said_in_store,
    settings_wrong,
)
from crowd import Crowd
from relabel.demo import api
from relabel.demo.annotators import poll
from relabel.demo.digits import CLASSES
from relabel.demo.upload import choice, image_name
from relabel.errors import NotReadyError

pytestmark = [pytest.mark.live, pytest.mark.slow]

WINDOW = 6
SECONDS = 180.0
HOP = ("host", "connection", "transfer-encoding", "content-length", "content-encoding")


class BadConnection:
    """Passes requests on to Label Studio; `fault` says how the answers are spoilt."""

    def __init__(self, target):
        self.fault = ""
        self.spoilt = 0
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            def pass_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if proxy.fault:
                    proxy.spoilt += 1
                if proxy.fault == "away":
                    return  # closes the connection without a word
                if proxy.fault in ("401", "429", "500"):
                    self.give(int(proxy.fault), b'{"detail": "out of order"}', {})
                    return
                if proxy.fault == "slow":
                    time.sleep(5.0)
                headers = {k: v for k, v in self.headers.items() if k.lower() not in HOP}
                answer = client.request(self.command, self.path, content=body, headers=headers)
                content = answer.content
                if proxy.fault == "truncated":
                    content = content[: len(content) // 2]
                kept = {k: v for k, v in answer.headers.items() if k.lower() not in HOP}
                self.give(answer.status_code, content, kept)

            do_GET = do_POST = do_PATCH = do_DELETE = pass_on  # noqa: N815  the library's names

            def give(self, status, content, headers):
                self.send_response_only(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_args):
                pass

        client = self.client = httpx.Client(base_url=target, timeout=120.0, trust_env=False)
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_args: None
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.client.close()


class Bench:
    """One project, its backend, and the connection between them."""

    def __init__(self, project, backend, connection):
        self.project, self.backend, self.connection = project, backend, connection
        self.admin = project.label_studio.admin

    def status(self):
        return self.backend.status(self.project)

    def crowd(self):
        return Crowd(
            url=self.project.label_studio.url,
            project=self.project.id,
            people=self.project.label_studio.annotators,
            truth=lambda task: self.project.truth[image_name(task["data"]["image"])],
        )

    def same(self):
        said = said_in_label_studio(self.admin, self.project.id)
        return not differences(
            said_in_store(self.backend.backend.database(), self.project.id), said
        )

    def sound(self):
        status = self.status()
        return (
            not status["pending_jobs"]
            and self.same()
            and not settings_wrong(self.project.settings(), status["model_version"])
            and len(self.open_tasks()) >= WINDOW
        )

    def open_tasks(self):
        return [n for n, task in self.project.queue().tasks.items() if task.is_open]


@pytest.fixture(scope="module")
def bench(make_project, start_shared_backend):
    project = make_project(limit=80)
    connection = BadConnection(project.label_studio.url)
    backend = start_shared_backend(
        policy=f"window = {WINDOW}\nretrain_after = 1000\naudit_share = 0",
        extra={"LABEL_STUDIO_URL": connection.url, "RELABEL_SWEEP_SECONDS": "5"},
    )
    backend.run("connect", "--project", str(project.id), "--yes")
    made = Bench(project, backend, connection)
    assert poll(lambda: made.status()["rounds"] >= 1, seconds=SECONDS)
    assert poll(made.sound, seconds=SECONDS)
    yield made
    connection.stop()


@pytest.mark.parametrize("fault", ["401", "429", "500", "truncated", "away"])
def test_bad_answers_lose_nothing_and_disturb_nobody(bench, fault):
    bench.connection.fault, bench.connection.spoilt = fault, 0
    try:
        team = bench.crowd()
        assert len(team.run(4)) == 4
        assert team.failures == []
        assert poll(lambda: bench.connection.spoilt >= 3, seconds=SECONDS)
        assert bench.status()["model_version"].startswith("relabel-"), "pages and figures go on"
    finally:
        bench.connection.fault = ""
    assert poll(bench.sound, seconds=SECONDS), bench.status()


def test_slow_answers_delay_the_queue_and_no_annotator(bench):
    """Five seconds per call: people are served and submit as ever, votes are carried out later."""
    bench.connection.fault = "slow"
    try:
        team = bench.crowd()
        done = team.run(2)
        assert len(done) == 2
        assert team.failures == []
        assert max(s.seconds for s in done) < 5.0
        assert poll(bench.same, seconds=SECONDS), "carried out although everything is slow"
    finally:
        bench.connection.fault = ""
    assert poll(bench.sound, seconds=SECONDS), bench.status()


def test_a_second_backend_is_refused_with_the_reason(bench, start_backend):
    second = start_backend("--no-worker")
    settings = bench.project.settings()
    with pytest.raises(NotReadyError, match=r"already connected to another backend at") as error:
        second.run("connect", "--project", str(bench.project.id), "--yes")
    assert bench.backend.url in str(error.value)
    assert f"relabel detach --project {bench.project.id}" in " ".join(str(error.value).split())
    assert bench.project.settings() == settings
    assert poll(bench.sound, seconds=SECONDS)


def test_overlaps_that_a_person_edits_are_set_back(bench):
    """Label Studio sends no event for them: the regular comparison finds them."""
    head, other = sorted(bench.open_tasks())[:2]
    before = {n: api.get(bench.admin, f"/api/tasks/{n}/")["overlap"] for n in (head, other)}
    api.patch(bench.admin, f"/api/tasks/{head}/", {"overlap": 9})
    api.patch(bench.admin, f"/api/tasks/{other}/", {"overlap": 1, "is_labeled": True})

    def set_back():
        tasks = {n: api.get(bench.admin, f"/api/tasks/{n}/") for n in (head, other)}
        return {n: t["overlap"] for n, t in tasks.items()} == before and not any(
            t["is_labeled"] for t in tasks.values()
        )

    assert poll(set_back, seconds=SECONDS)
    assert poll(bench.sound, seconds=SECONDS)


def test_an_annotation_that_somebody_else_overwrites_is_counted_as_such(bench):
    author, editor = bench.project.label_studio.annotators[:2]
    task = min(bench.open_tasks())
    made = bench.project.annotate(author, task, CLASSES[0])
    with api.connect(bench.project.label_studio.url, editor.token) as client:
        api.patch(client, f"/api/annotations/{made['id']}/", {"result": choice(CLASSES[1])})
    assert poll(lambda: bench.status()["overwritten"] == 1, seconds=SECONDS)
    assert poll(bench.sound, seconds=SECONDS)


def test_an_added_class_starts_a_round_and_is_a_vote(bench):
    config = bench.project.settings()["label_config"]
    rounds = bench.status()["rounds"]
    wider = config.replace("</Choices>", '<Choice value="unclear digit"/></Choices>')
    api.patch(bench.admin, f"/api/projects/{bench.project.id}/", {"label_config": wider})
    assert poll(lambda: bench.status()["rounds"] > rounds, seconds=SECONDS), bench.status()
    votes = bench.status()["votes"]
    task = min(bench.open_tasks())
    bench.project.annotate(bench.project.label_studio.annotators[2], task, "unclear digit")
    assert poll(lambda: bench.status()["votes"] == votes + 1, seconds=SECONDS)
    assert bench.status()["unknown_choices"] == []
    assert poll(bench.sound, seconds=SECONDS)


def test_a_deleted_project_is_told_and_can_be_forgotten(bench):
    """The last test of this project."""
    number = bench.project.id
    bench.admin.delete(f"/api/projects/{number}/")
    log = bench.backend.server.log
    assert poll(lambda: f"relabel forget --project {number}" in log.read_text(), seconds=SECONDS)
    bench.backend.run("forget", "--project", str(number), "--yes")
    with pytest.raises(NotReadyError, match="not connected"):
        bench.status()
    with httpx.Client(trust_env=False) as client:
        assert client.get(f"{bench.backend.url}/health").status_code == 200
