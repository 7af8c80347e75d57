"""The engine under label-studio-ml 1.0.9, with the old web stack that its pins bring (Flask 1.1.2).

Its environment cannot be ours, since the pins would replace our own Flask. It is made once under
.cache and sees our packages behind its own.
"""

import json
import os
import socket
import subprocess
import sysconfig
import time
import urllib.request
import venv
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
HOME = ROOT / ".cache" / "label-studio-ml-1.0.9"
CONFIG = (
    "<View><Image name='image' value='$image'/><Choices name='label' toName='image'>"
    "<Choice value='cat'/><Choice value='dog'/></Choices></View>"
)


@pytest.fixture(scope="session")
def environment():
    done = HOME / ".installed"
    if not done.exists():
        venv.create(HOME, clear=True, with_pip=True)
        command = [HOME / "bin" / "pip", "install", "--quiet", "label-studio-ml==1.0.9"]
        # 1.0.9 imports redis and rq without declaring them.
        command = [*command, "redis", "rq"]
        result = subprocess.run(command, check=False, capture_output=True, text=True)
        if result.returncode:
            pytest.skip(f"label-studio-ml 1.0.9 cannot be installed: {result.stderr[-300:]}")
        purelib = Path(sysconfig.get_path("purelib", vars={"base": str(HOME)}))
        ours = f"{sysconfig.get_path('purelib')}\n{ROOT / 'backend'}\n"
        (purelib / "zz_ours_behind.pth").write_text(ours)
        done.touch()
    return HOME / "bin"


def variables(tmp_path):
    # Label Studio's variables of whoever runs the tests have no business here.
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RELABEL_", "LABEL_STUDIO"))}
    return kept | {
        "RELABEL_DATA_DIR": str(tmp_path / "data"),
        "LABEL_STUDIO_API_KEY": "0" * 40,
        "PYTHONWARNINGS": "ignore",
    }


def run(environment, tmp_path, script):
    command = [environment / "python", "-c", script]
    options = {"env": variables(tmp_path), "cwd": tmp_path}
    done = subprocess.run(command, check=False, capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_model_class_answers_the_library_s_own_server(environment, tmp_path):
    script = f"""
import json, flask
from importlib.metadata import version
from label_studio_ml.api import init_app
from relabel.ml_backend import RelabelBackend
client = init_app(RelabelBackend, model_dir={str(tmp_path)!r}).test_client()
setup = client.post("/setup", json={{"project": "7.1", "schema": {CONFIG!r}}})
tasks = [{{"id": i, "project": 7, "data": {{}}}} for i in (1, 2)]
predict = client.post("/predict", json={{"tasks": tasks, "project": "7.1", "params": {{}}}})
print(json.dumps([version("flask"), setup.status_code, predict.get_json()["results"]]))
"""
    flask, setup, results = run(environment, tmp_path, script)
    assert flask == "1.1.2"
    assert setup == 200
    assert [r["score"] for r in results] == [1.0, 1.0]
    assert {r["model_version"] for r in results} == {"relabel-0"}


def test_the_model_class_journals_events_and_never_loses_their_names(environment, tmp_path):
    script = """
import json
from relabel.ml_backend import RelabelBackend
model = RelabelBackend(label_config="")
annotation = {"id": 3, "task": 2, "completed_by": 1, "result": [], "created_at": ""}
body = {"project": {"id": 7}, "annotation": annotation}
print(json.dumps([
    model.fit((), event="ANNOTATION_CREATED", data=body),  # as 1.0.9 calls it
    model.fit("ANNOTATION_CREATED", body),  # as 2.x calls it
    model.fit("ANNOTATION_CREATED", data={"project": "not a number"}),
]))
"""
    old, new, wrong = run(environment, tmp_path, script)
    assert old == new
    assert old["project"] == 7
    assert old["accepted"] is False  # that project is not connected
    assert "expected a project id" in wrong["error"]


def test_the_whole_application_runs_on_the_old_flask(environment, tmp_path):
    script = f"""
import json
from relabel.settings import Settings
from relabel.web.app import create_app
client = create_app(Settings.from_env()).test_client()
body = {{"action": "ANNOTATION_CREATED", "project": {{"id": 7}}}}
print(json.dumps([
    client.get("/health").get_json()["status"],
    client.post("/setup", json={{"project": "7.1", "schema": {CONFIG!r}}}).status_code,
    client.post("/setup", json={{"project": "7.1", "schema": "<View/>"}}).status,
    client.post("/webhook", json=body).status_code,
    client.get("/versions?project=7.1").get_json()["versions"],
]))
"""
    health, good, refused, webhook, versions = run(environment, tmp_path, script)
    assert (health, good, webhook, versions) == ("UP", 200, 201, ["relabel-0"])
    assert refused.startswith("400 The labelling config has no")


def test_its_start_command_serves_our_application(environment, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = f"{environment}{os.pathsep}{os.environ['PATH']}"
    command = [environment / "label-studio-ml", "start", str(ROOT / "backend"), "-p", str(port)]
    with subprocess.Popen(
        command, env=variables(tmp_path) | {"PATH": path}, cwd=tmp_path, start_new_session=True
    ) as server:
        try:
            assert health(port)["model_class"] == "relabel"
        finally:
            os.killpg(server.pid, 15)


def health(port):
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
                return json.load(answer)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
