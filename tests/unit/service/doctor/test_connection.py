"""What the doctor says of addresses: Label Studio's own, and the backend's behind a certificate."""

from http.server import BaseHTTPRequestHandler

import httpx
import pytest
from https_server import certify, serving
from relabel.service.doctor.checkup import examine_project
from relabel.service.doctor.health import examine_server
from relabel.service.setup.own_address import ask_own_address
from relabel.settings import Settings
from served import BACKEND, served
from werkzeug.wrappers import Request, Response
from wiring import connect_project, make_context


def label_studio_line(context):
    return {f.check: f for f in examine_server(context)}["label studio"]


def test_what_label_studio_calls_itself_is_told_with_the_setting_to_make(context, fake):
    fake.hostname = "http://127.0.0.1:8799/labelstudio"
    found = label_studio_line(context)
    assert found.ok
    assert "it calls itself http://127.0.0.1:8799/labelstudio" in found.text
    wanted = """RELABEL_LABEL_STUDIO_ALIASES='["http://127.0.0.1:8799/labelstudio"]'"""
    assert wanted in found.text


@pytest.mark.parametrize(
    "name",
    [
        "",
        "http://labelstudio.test",
        "http://LABELSTUDIO.test:80/",
        "https://second.test/a",
        "http://[",
    ],
)
def test_a_name_that_is_known_or_none_is_not_told(tmp_path, fake, store_template, name):
    aliases = ("https://second.test/a",)
    context = make_context(tmp_path, fake, store_template, label_studio_aliases=aliases)
    fake.hostname = name
    assert "calls itself" not in label_studio_line(context).text
    context.close()


def test_a_label_studio_that_does_not_say_its_name_is_well(context, fake):
    def absent(request):
        return httpx.Response(404, json={}) if request.url.path.startswith("/docs") else None

    fake.intercept = absent
    found = label_studio_line(context)
    assert found.ok
    assert "calls itself" not in found.text


class Created(BaseHTTPRequestHandler):
    """Answers as `relabel serve` does to an event."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"status": "ok", "project": 1, "accepted": false}'
        self.send_response(201)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args):
        pass


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return certify(tmp_path_factory.mktemp("authority"), "127.0.0.1")


@pytest.mark.slow
@pytest.mark.parametrize("trusted", [True, False])
def test_the_delivery_to_a_backend_behind_https_trusts_the_bundle(
    tmp_path, fake, store_template, authority, trusted
):
    with serving(*authority, handler=Created) as port:
        settings = {"url": f"https://127.0.0.1:{port}"}
        if trusted:
            settings["ca_bundle"] = authority[0]
        context = make_context(tmp_path, fake, store_template, **settings)
        number = fake.add_project(["cat", "dog"])
        connect_project(context, number)
        found = {f.check: f for f in examine_project(context, number)}["delivery"]
        context.close()
    assert found.ok is trusted
    assert trusted or "set RELABEL_CA_BUNDLE" in found.text


def test_a_delivery_that_is_refused_says_so(tmp_path, fake, store_template):
    with serving() as port:
        pass
    context = make_context(tmp_path, fake, store_template, url=f"http://127.0.0.1:{port}")
    number = fake.add_project(["cat", "dog"])
    connect_project(context, number)
    found = {f.check: f for f in examine_project(context, number)}["delivery"]
    context.close()
    assert not found.ok
    assert "refused: nothing listens there" in found.text
    assert "relabel serve" in found.text


def test_a_backend_that_does_not_go_by_its_address_is_told_with_the_setting_to_make(tmp_path):
    """Health is told under any name, so it takes a second look."""

    @Request.application
    def application(request):
        return BACKEND if request.path == "/health" else Response("{}", 421)

    with served(application) as url:
        said = ask_own_address(Settings(url=url, data_dir=tmp_path))
    assert f"does not go by the name in {url}. Set RELABEL_URL={url} where it runs" in said
