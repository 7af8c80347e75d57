"""What every route answers to whom: a route without a line here fails."""

import base64
import re
import socket
from dataclasses import dataclass

import pytest
from pydantic import SecretStr
from relabel.settings import Settings
from relabel.storage.changes import fingerprint
from relabel.storage.database import open_database, reading
from relabel.storage.projects import Project, save_project, set_project, token_digest
from relabel.web.app import create_app
from seeded_store import Campaign, seed_store

PASSWORD = ("anna", "right")
TOKEN, OTHER_TOKEN = "t" * 43, "o" * 43
FOREIGN = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
UNKNOWN, OTHER = 99, 2


@dataclass(frozen=True)
class Row:
    """How a route is called, and what it answers: rightly called, and to each wrong call."""

    body: dict | None
    right: int
    no_password: int
    cross_site: int
    foreign_host: int
    wrong_type: int | None
    wrong_secret: int
    foreign_project: int | None


SETUP = {
    "project": "1.5",
    "schema": "<View><Image name='i' value='$image'/><Choices name='label' toName='i'>"
    "<Choice value='a'/><Choice value='b'/></Choices></View>",
}
EVENT = {"action": "TASKS_DELETED", "project": {"id": 1}, "tasks": [{"id": 2}]}
FORM = {"run": "round-1"}
WEB = "/projects/<int:number>"
# body, right, no password, cross-site, foreign host, wrong type, wrong secret, foreign project
TABLE = {
    ("GET", "/health"): Row(None, 200, 200, 200, 200, None, 200, None),
    ("POST", "/setup"): Row(SETUP, 200, 401, 403, 421, 415, 401, 200),
    ("POST", "/predict"): Row({"tasks": [{"id": 1}]}, 200, 401, 403, 421, 415, 401, 200),
    ("POST", "/webhook"): Row(EVENT, 201, 401, 403, 421, 415, 401, 401),
    ("POST", "/train"): Row({"project": 1}, 201, 401, 403, 421, 415, 401, 400),
    ("GET", "/versions"): Row(None, 200, 401, 200, 421, None, 401, 200),
    ("POST", "/versions"): Row({"project": 1}, 200, 401, 403, 421, 415, 401, 200),
    ("GET", "/api/projects/<int:number>/status"): Row(None, 200, 401, 200, 421, None, 401, 404),
    ("GET", "/metrics"): Row(None, 200, 401, 200, 421, None, 401, None),
    ("GET", "/"): Row(None, 200, 401, 200, 421, None, 401, None),
    ("GET", "/static/<path:filename>"): Row(None, 200, 401, 200, 421, None, 401, None),
    ("GET", WEB): Row(None, 200, 401, 200, 421, None, 401, 404),
    ("GET", f"{WEB}/<name>"): Row(None, 200, 401, 200, 421, None, 401, 404),
    ("GET", f"{WEB}/live"): Row(None, 200, 401, 200, 421, None, 401, 404),
    ("POST", f"{WEB}/<action>"): Row(FORM, 303, 401, 403, 421, 415, 401, 404),
    ("GET", f"{WEB}/<action>/confirm"): Row(None, 200, 401, 200, 421, None, 401, 404),
    ("GET", f"{WEB}/thumbnails/<int:task>"): Row(None, 200, 401, 200, 421, None, 401, 404),
}
PLACES = {"name": "queue", "action": "undo", "task": "1", "filename": "relabel.css"}
CHANGING = [key for key in TABLE if key[0] != "GET"]
FORMS = [("POST", f"{WEB}/<action>")]


class Site:
    """The application with a password, with two connected projects that have secrets."""

    def __init__(self, settings, engine, **changes):
        self.engine = engine
        with self.engine.begin() as connection:
            set_project(connection, 1, webhook_digest=token_digest(TOKEN))
            digest = token_digest(OTHER_TOKEN)
            other = Project(OTHER, "", "Two", SETUP["schema"], "", "", {}, webhook_digest=digest)
            save_project(connection, other)
        self.client = create_app(settings.model_copy(update=changes)).test_client()

    def ask(self, key, *, number=1, headers=None, kind=None, auth=PASSWORD):
        """Call a route as whoever may call it does, but for what is said."""
        method, rule = key
        row = TABLE[key]
        places = PLACES | {"number": str(number)}
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda m: places[m[1]], rule)
        given = {"Accept": "text/html"} if method == "GET" else {}
        if auth:
            given["Authorization"] = "Basic " + base64.b64encode(":".join(auth).encode()).decode()
        if rule == "/webhook":
            given["X-Relabel-Token"] = TOKEN
        if key in FORMS and not headers:
            given["Sec-Fetch-Site"] = "same-origin"
        body = {"json": row.body} if key not in FORMS else {"data": row.body}
        if kind is not None:
            body = {"data": b'{"project": 1}', "content_type": kind}
        if row.body is not None and number != 1 and "json" in body:
            said = {"id": number} if rule == "/webhook" else number
            body = {"json": row.body | {"project": said}}
        answer = self.client.open(path, method=method, headers=given | (headers or {}), **body)
        answer.close()
        return answer.status_code

    def state(self):
        with reading(self.engine) as connection:
            return [fingerprint(connection, number) for number in (1, OTHER)]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A small store; whoever is refused changes nothing in it."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("store"), label_studio_api_key="x" * 40)
    engine = open_database(settings.database())
    seed_store(engine, settings, Campaign(tasks=60, votes=12, rounds=1, pictures=5))
    yield settings, engine
    engine.dispose()


WITH_PASSWORD = {"basic_auth_user": PASSWORD[0], "basic_auth_pass": SecretStr(PASSWORD[1])}


@pytest.fixture(scope="module")
def site(store):
    return Site(*store, **WITH_PASSWORD)


@pytest.fixture(scope="module")
def open_site(store):
    """The same without a password."""
    return Site(*store)


def routes(client):
    """Return (method, rule) of every route that the application has."""
    rules = client.application.url_map.iter_rules()
    return {(m, rule.rule) for rule in rules for m in rule.methods - {"OPTIONS", "HEAD"}}


def test_every_route_has_a_line_and_every_line_a_route(site):
    assert routes(site.client) == set(TABLE)


def test_called_rightly_every_route_answers(own):
    site = Site(own.settings, own.engine, **WITH_PASSWORD)
    assert {key: site.ask(key) for key in TABLE} == {key: row.right for key, row in TABLE.items()}


def refusals(site, column, keys=TABLE, **options):
    """Compare a column with the answers; what is refused changes nothing."""
    before = site.state()
    wanted = {key: getattr(TABLE[key], column) for key in keys}
    asked = [key for key, status in wanted.items() if status is not None]
    found = {key: site.ask(key, **options) for key in asked}
    assert found == {key: wanted[key] for key in asked}
    if column != "foreign_project":  # of an unconnected project there is nothing to change
        assert site.state() == before
    return found


def test_without_the_password(site):
    refusals(site, "no_password", auth=None, headers={"X-Relabel-Token": ""})


def test_from_a_page_elsewhere(site):
    refusals(site, "cross_site", headers=FOREIGN)


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost.evil.example"},
        {"Origin": "http://localhost:8080"},
        {"Referer": "https://evil.example/localhost"},
    ],
    ids=str,
)
def test_from_a_page_elsewhere_where_there_is_no_password(open_site, headers):
    """Browsers say where a page is from in one way or another."""
    refusals(open_site, "cross_site", CHANGING, auth=None, headers=headers)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:9090",
        "localhost.evil.example",
        "203.0.113.5",
        "localhost@evil.example",
        "[::2]:9090",
        "",
        ":9090",
        "[::1",
    ],
)
def test_under_a_foreign_name(site, host):
    refusals(site, "foreign_host", headers={"Host": host})


@pytest.mark.parametrize(
    ("listening", "host"),
    [
        ("127.0.0.1", "localhost:9999"),
        ("127.0.0.1", "LOCALHOST."),
        ("127.0.0.1", "[::1]:9090"),
        ("127.0.0.1", "Relabel.Internal:9090"),
        ("backend.lan", "backend.lan:9090"),
        ("10.0.0.5", "10.0.0.5:9090"),
        ("0.0.0.0", "203.0.113.5:9090"),
        ("::", "[2001:db8::5]"),
        ("0.0.0.0", f"{socket.gethostname()}:9090"),
    ],
)
def test_under_its_own_names(store, listening, host):
    """Of RELABEL_URL and RELABEL_HOST, of loopback, and what nobody elsewhere can point here."""
    made = Site(*store, host=listening, url="http://relabel.internal:9090/below")
    headers = {"Host": host, "Origin": f"http://{host}"}
    assert made.ask(("POST", "/predict"), auth=None, headers=headers) == 200


def test_a_foreign_name_is_told_with_the_remedy(open_site):
    answer = open_site.client.get("/versions", headers={"Host": "gpu-box:9090"})
    said = answer.get_json()["error"]
    assert "'gpu-box:9090'" in said
    assert "set RELABEL_URL" in said


def test_under_a_foreign_name_where_there_is_no_password(open_site):
    """A page elsewhere whose name was pointed at this machine is of the same origin."""
    name = "evil.example:9090"
    headers = {"Host": name, "Origin": f"http://{name}", "Sec-Fetch-Site": "same-origin"}
    refusals(open_site, "foreign_host", auth=None, headers=headers)


@pytest.mark.parametrize("kind", ["text/plain", "", "multipart/form-data", "application/jsonx"])
def test_with_a_body_of_another_type(site, kind):
    refusals(site, "wrong_type", [k for k in TABLE if k not in FORMS], kind=kind)


def test_a_button_takes_forms_only(site):
    refusals(site, "wrong_type", FORMS, kind="text/plain")


def test_a_secret_of_nobody_opens_nothing(site):
    refusals(site, "wrong_secret", auth=None, headers={"X-Relabel-Token": "x" * 43})


def test_a_secret_of_nobody_is_refused_with_the_password_too(site):
    assert site.ask(("POST", "/webhook"), headers={"X-Relabel-Token": "x" * 43}) == 401


def test_about_a_foreign_project(site):
    refusals(site, "foreign_project", [k for k in TABLE if k[1] != "/webhook"], number=UNKNOWN)
    refusals(site, "foreign_project", [("POST", "/webhook")], number=OTHER)
    refusals(site, "foreign_project", [("POST", "/webhook")], number=OTHER, auth=None)


def test_nobody_elsewhere_is_allowed_to_ask_beforehand(site):
    """Without these headers browsers send no JSON from elsewhere."""
    for _method, rule in TABLE:
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda m: (PLACES | {"number": "1"})[m[1]], rule)
        answer = site.client.options(path, headers=FOREIGN)
        assert not [name for name in answer.headers if "Access-Control" in name]
