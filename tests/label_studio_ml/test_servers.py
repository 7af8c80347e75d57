"""`label-studio-ml start` and other WSGI servers with our `_wsgi.py`; what init_app is told."""

import json
import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager

import httpx
import pytest
from ml_environments import OURS, ROOT, programs, variables
from relabel.service.setup.own_address import library_there
from served import served
from werkzeug.wrappers import Response
from wiring import make_settings

pytestmark = pytest.mark.slow

START = ROOT / "backend" / "relabel" / "label_studio_ml"
LIBRARIES = ("1.0.9", "2.x")
USER, PASSWORD = "label-studio", "a-password"
OPTIONS = ("--basic-auth-user", USER, "--basic-auth-pass", PASSWORD)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def with_programs(server, folder, **more):
    """Return an environment whose `python` is the server's, as `label-studio-ml start` wants it."""
    found = variables(folder, **more)
    ours = {"PYTHONPATH": os.pathsep.join(OURS)} if server == "2.x" else {"PYTHONPATH": OURS[0]}
    return found | ours | {"PATH": f"{programs(server)}{os.pathsep}{found['PATH']}"}


@contextmanager
def started(server, folder, *options, **environment):
    command = [programs(server) / "label-studio-ml", "start", str(START), *options]
    with subprocess.Popen(
        command,
        env=with_programs(server, folder, **environment),
        cwd=folder,
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            # The command has a shell and a Python of its own.
            os.killpg(process.pid, signal.SIGTERM)


def answers(address):
    """Return /health once it answers."""
    deadline = time.monotonic() + 120
    while True:
        try:
            return httpx.get(f"{address}/health", timeout=5, trust_env=False).json()
        except httpx.RequestError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


@pytest.mark.parametrize("server", LIBRARIES)
def test_start_takes_port_host_and_password_from_its_options_and_our_settings(server, tmp_path):
    port = free_port()
    environment = {"RELABEL_PORT": str(port), "RELABEL_HOST": "127.0.0.2"}
    with started(server, tmp_path, *OPTIONS, **environment):
        address = f"http://127.0.0.2:{port}"
        assert answers(address)["model_class"] == "relabel"
        assert httpx.get(f"{address}/versions", trust_env=False).status_code == 401
        given = {"auth": (USER, PASSWORD), "trust_env": False}
        assert httpx.get(f"{address}/versions", **given).status_code == 200


def run(server, folder, script, **environment):
    done = subprocess.run(
        [programs(server) / "python", "-c", script],
        env=with_programs(server, folder, **environment),
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


ASKED = """
import json
from relabel.label_studio_ml.backend import RelabelBackend
from label_studio_ml.api import init_app
client = init_app(RelabelBackend, **{told}).test_client()
answers = [client.get(path) for path in ("/health", "/versions")]
print(json.dumps([[a.status_code, a.get_json()] for a in answers]))
"""


def test_the_password_that_init_app_of_2_x_is_given_counts(tmp_path):
    told = {"basic_auth_user": USER, "basic_auth_pass": PASSWORD}
    health, versions = run("2.x", tmp_path, ASKED.format(told=told))
    assert (health[0], versions[0]) == (200, 401)


@pytest.mark.parametrize("server", LIBRARIES)
def test_a_wrong_setting_is_answered_by_its_name(server, tmp_path):
    health, _ = run(server, tmp_path, ASKED.format(told={}), RELABEL_PORT="high")
    assert health[0] == 503
    assert "RELABEL_PORT = 'high'" in health[1]["error"]


LATE = """
import json, sys, types
from contextlib import redirect_stderr
from io import StringIO
sys.modules["torch"] = types.ModuleType("torch")  # as label_studio_ml.api leaves it
said = StringIO()
with redirect_stderr(said):
    import relabel.label_studio_ml.backend
print(json.dumps([said.getvalue(), "torch" in sys.modules]))
"""


@pytest.mark.parametrize("server", LIBRARIES)
def test_the_wrong_order_of_imports_is_told_with_what_it_costs(server, tmp_path):
    said, still_there = run(server, tmp_path, LATE)
    assert "import relabel.label_studio_ml.backend before label_studio_ml" in said
    assert still_there


OTHER = """
import json
from relabel.label_studio_ml.backend import LabelStudioMLBase, api  # without torch
import flask
class Other(LabelStudioMLBase):
    predict = fit = None
app = api.init_app(Other)
app.wsgi_app = flask.Flask.wsgi_app.__get__(app)  # as the library leaves it
print(json.dumps(app.test_client().get("/health").get_json()))
"""


@pytest.mark.parametrize("server", LIBRARIES)
def test_the_doctor_knows_the_library_by_its_health(server, tmp_path):
    body = json.dumps(run(server, tmp_path, OTHER))
    with served(Response(body, mimetype="application/json")) as url:
        assert library_there(make_settings(tmp_path, url=url)) == f"label-studio-ml {server}"
