import base64
import json
import socket
import ssl

import httpx
import pytest
import stamina
from relabel.errors import (
    AccessError,
    LabelStudioDownError,
    LabelStudioError,
    NotFoundError,
    UnreachableError,
)
from relabel.labelstudio.client import ATTEMPTS, PAGE, LabelStudio, is_personal_token

URL = "http://ls.test"
LEGACY = "a" * 40


def jwt(name="refresh"):
    parts = [{"alg": "HS256"}, {"token_type": name}]
    coded = [base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts]
    return ".".join([*coded, "signature"])


def raised(error):
    """Return what httpx makes of an error of the socket."""
    made = httpx.ConnectError(str(error))
    made.__cause__ = error
    return made


def untrusted():
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = 19, "self-signed certificate in certificate chain"
    return error


@pytest.fixture(autouse=True)
def no_pauses():
    with stamina.set_testing(True, attempts=ATTEMPTS, cap=True):
        yield


class Server:
    """Gives its answers one after another, the last one again and again."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(*answer[:1], **answer[1]) if isinstance(answer, tuple) else answer

    def client(self, key=LEGACY, url=URL):
        return LabelStudio(url, key, transport=httpx.MockTransport(self))

    def paths(self):
        return [r.url.path for r in self.requests]


def ok(**body):
    return 200, {"json": body}


# -- tokens ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("key", "personal"),
    [
        (jwt(), True),
        (LEGACY, False),
        ("a.b.c", False),
        ("", False),
        ("..", False),
        ("e30.x.y", True),
    ],
)
def test_the_kind_of_a_token_is_seen_from_its_form(key, personal):
    assert is_personal_token(key) is personal


def test_a_legacy_token_is_sent_as_it_is():
    server = Server(ok(release="1.23.2"))
    assert server.client().version() == "1.23.2"
    assert server.requests[0].headers["authorization"] == f"Token {LEGACY}"


def test_a_personal_token_is_exchanged_once_and_never_sent_as_a_header():
    server = Server(ok(access="short"), ok(release="1"))
    client = server.client(jwt())
    client.version()
    client.version()
    assert server.paths() == ["/api/token/refresh/", "/api/version", "/api/version"]
    assert json.loads(server.requests[0].content) == {"refresh": jwt()}
    assert {r.headers["authorization"] for r in server.requests[1:]} == {"Bearer short"}


def test_an_access_token_that_expired_early_is_replaced():
    server = Server(ok(access="old"), (401, {"json": {}}), ok(access="new"), ok(release="1"))
    assert server.client(jwt()).version() == "1"
    assert server.requests[-1].headers["authorization"] == "Bearer new"


def test_an_old_access_token_is_replaced_before_it_expires(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("relabel.labelstudio.client.time.monotonic", lambda: now[0])
    server = Server(ok(access="old"), ok(release="1"), ok(access="new"), ok(release="1"))
    client = server.client(jwt())
    client.version()
    now[0] += 299
    client.version()
    assert server.paths()[2] == "/api/token/refresh/"


def test_a_refused_personal_token_says_what_to_do():
    server = Server((401, {"json": {"detail": "Token is blacklisted"}}))
    with pytest.raises(AccessError, match=r"personal access token \(401\): create a new one"):
        server.client(jwt()).version()


def test_a_server_that_fails_to_exchange_a_token_is_down_and_asked_again():
    server = Server((502, {"text": "Bad gateway"}), ok(access="short"), ok(release="1"))
    assert server.client(jwt()).version() == "1"


# -- errors ----------------------------------------------------------------------------------
@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_token_is_told_at_once_with_what_label_studio_says(status):
    server = Server((status, {"json": {"detail": "legacy token authentication disabled"}}))
    with pytest.raises(AccessError, match=f"{status} .legacy token .*LABEL_STUDIO_API_KEY"):
        server.client().project(3)
    assert len(server.requests) == 1


def test_what_is_gone_is_not_asked_for_again():
    server = Server((404, {"json": {"detail": "Not found."}}))
    with pytest.raises(NotFoundError, match="GET /api/projects/3/: not found"):
        server.client().project(3)
    assert len(server.requests) == 1


def test_a_refused_value_is_told_with_label_studios_reason():
    detail = {"detail": "Validation error", "validation_errors": {"model_version": ["unknown"]}}
    server = Server((400, {"json": detail}))
    with pytest.raises(LabelStudioError, match=r"PATCH /api/projects/3/: .*400 .*unknown"):
        server.client().update_project(3, model_version="x")
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_busy_or_failing_server_is_asked_again(status):
    server = Server((status, {"text": "busy"}), ok(id=3, title="mine"))
    assert server.client().project(3)["title"] == "mine"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((500, {"text": "database is locked"}), "answered 500 .database is locked"),
        ((429, {"text": "slow down"}), "answered 429"),
        ((200, {"text": '{"id": 3, "tit'}), "not whole JSON"),
        (raised(ConnectionRefusedError(111, "no")), "LABEL_STUDIO_URL. does not answer: .*refused"),
        (raised(socket.gaierror(socket.EAI_AGAIN, "later")), "name of the host is unknown"),
        (httpx.ConnectTimeout("slow"), "no connection came about in time"),
        (httpx.ReadTimeout("slow"), "no answer in time.*RELABEL_REQUEST_TIMEOUT_SECONDS"),
        (httpx.RemoteProtocolError("cut"), "connection broke before the answer was there"),
    ],
)
def test_a_server_that_stays_down_is_told_after_all_tries(answer, message):
    server = Server(answer)
    with pytest.raises(LabelStudioDownError, match=message):
        server.client().project(3)
    assert len(server.requests) == ATTEMPTS


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            (200, {"text": "<html><title>Log in</title>"}),
            r"is a web page \(Log in\), 27 bytes, instead of JSON: LABEL_STUDIO_URL",
        ),
        ((200, {"text": "It works!"}), "is text, 9 bytes, instead of JSON"),
        (
            (404, {"text": "<html><title>nginx: not found</title>"}),
            r"404 with a web page \(nginx: not found\), not by Label Studio: set LABEL_STUDIO_URL",
        ),
        ((407, {"text": "no"}), "a proxy asks for a password.*NO_PROXY"),
        (raised(socket.gaierror(socket.EAI_NONAME, "no")), "name of the host is unknown"),
        (raised(untrusted()), "nobody whom this machine trusts.*RELABEL_CA_BUNDLE"),
        (raised(ssl.SSLError(1, "WRONG_VERSION_NUMBER")), "no https is spoken there"),
        (httpx.ProxyError("407 Proxy Authentication Required"), "proxy does not pass it on .407"),
        (httpx.UnsupportedProtocol("x"), "no address of the web"),
    ],
)
def test_what_lasts_is_told_at_once(answer, message):
    server = Server(answer)
    with pytest.raises(UnreachableError, match=message):
        server.client().project(3)
    assert len(server.requests) == 1


def test_a_page_of_label_studio_itself_for_what_is_gone_means_gone():
    """It answers so to the deletion of a backend that is gone."""
    page = "<!doctype html>\n<html><title>Label Studio</title>"
    Server((404, {"text": page})).client().delete_backend(5)


def test_an_error_told_by_a_web_page_shows_its_title_instead_of_its_code():
    server = Server((400, {"text": "<html><head><title>400 Bad Request</title></head>"}))
    with pytest.raises(LabelStudioError, match=r"answered 400 \(a web page \(400 Bad Request\)\)"):
        server.client().project(3)


def test_a_proxy_of_the_environment_is_named_when_the_way_through_it_fails(monkeypatch):
    for name in ("http_proxy", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        proxy = f"http://127.0.0.1:{closed.getsockname()[1]}"
    monkeypatch.setenv("HTTP_PROXY", proxy)
    with pytest.raises(LabelStudioDownError, match=f"refused.*through the proxy {proxy}.*NO_PROXY"):
        LabelStudio("http://studio.example", LEGACY).project(3)


def test_predictions_are_never_sent_twice():
    """Label Studio would keep both."""
    server = Server((500, {"text": "late"}))
    with pytest.raises(LabelStudioDownError):
        server.client().import_predictions(3, [])
    assert len(server.requests) == 1


@pytest.mark.parametrize("location", ["https://ls.test/api/projects/3/", "/user/login"])
def test_a_redirect_is_told_and_never_taken_for_an_empty_answer(location):
    server = Server((301, {"headers": {"location": location}}))
    with pytest.raises(LabelStudioError, match=f"redirects to .*{location}.*LABEL_STUDIO_URL"):
        server.client().project(3)


def test_a_token_never_stands_in_a_message():
    server = Server((403, {"json": {"detail": "no"}}))
    with pytest.raises(AccessError) as error:
        server.client().project(3)
    assert LEGACY not in str(error.value)


# -- requests --------------------------------------------------------------------------------
def test_a_trailing_slash_and_a_folder_in_the_address_are_kept_right():
    server = Server(ok(release="1"))
    server.client(url=f"{URL}/studio/").version()
    assert server.paths() == ["/studio/api/version"]


def filters(request):
    """Return what a listing is asked for, by column."""
    query = json.loads(request.url.params["query"])
    assert query["ordering"] == ["tasks:id"]
    return {
        item["filter"].removeprefix("filter:tasks:"): item for item in query["filters"]["items"]
    }


def test_each_page_of_a_listing_begins_after_the_last_task_of_the_one_before():
    pages = [[{"id": i} for i in range(PAGE)], [{"id": PAGE + 5}]]
    server = Server(ok(tasks=pages[0], total=PAGE + 1), ok(tasks=pages[1], total=1))
    assert [t["id"] for t in server.client().task_states(3)] == [*range(PAGE), PAGE + 5]
    assert [r.url.params["page"] for r in server.requests] == ["1", "1"]
    assert [filters(r)["id"]["value"] for r in server.requests] == ["0", str(PAGE - 1)]


def test_a_listing_that_shrinks_meanwhile_ends():
    server = Server(ok(tasks=[{"id": 1}], total=3 * PAGE), ok(tasks=[], total=3 * PAGE))
    assert len(list(server.client().task_states(3))) == 1


def test_an_incremental_reading_asks_for_later_changes_only():
    server = Server(ok(tasks=[], total=0))
    list(server.client().tasks_since(3, "2026-01-01T00:00:00.000000Z"))
    assert filters(server.requests[0])["updated_at"] == {
        "filter": "filter:tasks:updated_at",
        "operator": "greater",
        "type": "Datetime",
        "value": "2026-01-01T00:00:00.000000Z",
    }


def test_the_number_of_created_predictions_is_returned():
    rows = [{"task": 1, "result": [], "score": 0.5, "model_version": "v"}]
    server = Server((201, {"json": {"created": 1}}))
    assert server.client().import_predictions(3, rows) == 1
    assert json.loads(server.requests[0].content) == rows


@pytest.mark.parametrize("name", ["delete_backend", "delete_webhook", "delete_view"])
def test_deleting_what_is_gone_already_is_no_error(name):
    server = Server((404, {"json": {}}))
    getattr(server.client(), name)(5)
    assert server.requests[0].method == "DELETE"


def test_a_task_is_read_with_its_image_address_as_stored():
    server = Server(ok(id=7))
    server.client().task(7)
    assert server.requests[0].url.params["resolve_uri"] == "false"


def test_addresses_in_cloud_storage_are_read_as_stored_whatever_label_studio_makes_of_them():
    """Up to 1.22 it does not listen; written back, its link would replace the address for good."""
    coded = base64.urlsafe_b64encode(b"s3://bucket/a.png").decode()
    task = {"id": 7, "data": {"image": f"/tasks/7/resolve/?fileuri={coded}", "n": 3}}
    found = [
        Server(ok(**task)).client().task(7),
        *Server(ok(tasks=[task], total=1)).client().all_tasks(3),
        *Server(ok(tasks=[task], total=1)).client().tasks_since(3, "2026-01-01T00:00:00.000000Z"),
    ]
    assert [body["data"] for body in found] == [{"image": "s3://bucket/a.png", "n": 3}] * 3


def test_an_empty_answer_is_an_empty_object():
    server = Server(httpx.Response(204))
    server.client().update_prediction(4, 0.5)
    assert json.loads(server.requests[0].content) == {"score": 0.5}
