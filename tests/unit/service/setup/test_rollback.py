"""Connecting that fails leaves nothing behind and names one cause; an old connection goes on."""

import re
from dataclasses import asdict

import httpx
import pytest
import stamina
from fake_label_studio import CONFIG
from relabel.errors import NotReadyError, RelabelError
from relabel.service.setup.connect import connect, plan_connect
from relabel.service.setup.detach import detach
from relabel.service.sync.catch_up import carry_out
from relabel.service.sync.sweep import forget_sweeps, sweep
from relabel.storage.database import reading
from relabel.storage.projects import find_detached, find_project, list_projects
from wiring import connect_project, deliver, make_context, publish_round, state_of

HEALTH = (
    "Can't connect to ML backend http://relabel.test:9090, health check failed. Make sure it is up "
    'and your firewall is properly configured. <a href="https://labelstud.io/guide/ml.html">Learn '
    "more</a> about how to set up an ML backend. Additional info: "
)
SETUP = (
    "Successfully connected to http://relabel.test:9090 but it doesn't look like a valid ML "
    "backend. Reason: "
)
PATHS = ("/api/ml", "/api/webhooks/", "/api/dm/views/", "/api/projects/1/")


@pytest.fixture(autouse=True)
def no_pauses():
    with stamina.set_testing(True, attempts=2):
        yield


def validation(text):
    """Return Label Studio's answer to a backend that it cannot accept."""
    body = {"id": "c1f", "status_code": 400, "version": "1.23.2", "detail": "Validation error"}
    return httpx.Response(
        400, json=body | {"exc_info": None, "validation_errors": {"non_field_errors": [text]}}
    )


def answer_to(path, answer, *, methods=("POST", "PATCH")):
    """Return an interception that gives this answer, or raises it, to writes of a path."""

    def intercept(request):
        if request.method not in methods or request.url.path.rstrip("/") != path.rstrip("/"):
            return None
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return intercept


def everything(fake):
    return {
        "tasks": {n: (t["overlap"], t["is_labeled"]) for n, t in fake.tasks.items()},
        "projects": {n: dict(p) for n, p in fake.projects.items()},
        "others": [dict(x) for x in (fake.backends, fake.webhooks, fake.views, fake.predictions)],
    }


# -- nothing is left -------------------------------------------------------------------------
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "answer",
    [httpx.Response(400, json={"detail": "no"}), httpx.Response(403, json={"detail": "no"})],
    ids=["400", "403"],
)
def test_a_failed_first_connecting_leaves_nothing_behind(context, fake, path, answer):
    number = fake.add_project(["cat", "dog", None])
    fake.set_project(number, maximum_annotations=3, sampling="Uniform sampling")
    fake.tasks[min(fake.tasks)] |= {"overlap": 7, "is_labeled": False}
    before = everything(fake)
    fake.intercept = answer_to(path, answer)
    with pytest.raises(RelabelError, match=r"was not connected.*Everything was taken back"):
        connect_project(context, number)
    fake.intercept = lambda _request: None
    assert everything(fake) == before
    with reading(context.engine) as connection:
        assert list_projects(connection) == []
    connect_project(context, number)
    assert [len(x) for x in (fake.backends, fake.webhooks, fake.views)] == [1, 2, 1]
    assert state_of(context, number).initial.tolist() == [1, 1, 0]


@pytest.mark.parametrize("path", PATHS)
def test_ctrl_c_takes_back_what_was_written(context, fake, path):
    number = fake.add_project(["cat", "dog"])
    before = everything(fake)
    plan = plan_connect(context, number)

    def interrupt(request):
        if request.method != "GET" and request.url.path == path:
            fake.intercept = lambda _request: None
            raise KeyboardInterrupt

    fake.intercept = interrupt
    with pytest.raises(NotReadyError, match=r"it was interrupted\. Everything was taken back"):
        connect(context, plan)
    assert everything(fake) == before
    with reading(context.engine) as connection:
        assert find_project(connection, number) is None


def test_a_backend_that_was_added_although_the_answer_got_lost_is_taken_back(context, fake):
    number = fake.add_project(["cat", "dog"])
    before = everything(fake)

    def lose(request):
        if (request.method, request.url.path) == ("POST", "/api/ml"):
            fake.intercept = lambda _request: None
            fake.answer(request)
            raise httpx.ReadTimeout("nothing for 120 s")

    fake.intercept = lose
    with pytest.raises(RelabelError, match="taken back"):
        connect_project(context, number)
    assert everything(fake) == before


def test_where_the_files_of_an_earlier_connection_are_is_still_known_after_a_failure(
    context, fake, connected
):
    number = connected(["cat", "dog"])
    detach(context, number)
    with reading(context.engine) as connection:
        noted = find_detached(connection, number)
    assert noted is not None
    fake.intercept = answer_to("/api/ml", httpx.Response(400, json={"detail": "no"}))
    with pytest.raises(RelabelError, match="taken back"):
        connect_project(context, number)
    with reading(context.engine) as connection:
        assert find_detached(connection, number) == noted


def die_at(fake, path):
    """Let Label Studio go away with the first write to this path, for good."""

    def intercept(request):
        if request.method != "GET" and request.url.path == path:
            fake.intercept = lambda _request: httpx.Response(503, text="down")
            return httpx.Response(503, text="down")
        return None

    fake.intercept = intercept


def test_when_label_studio_dies_in_the_middle_what_is_left_is_named(context, fake):
    number = fake.add_project(["cat", "dog"])
    before = everything(fake)
    die_at(fake, "/api/ml")
    with pytest.raises(RelabelError) as failed:
        connect_project(context, number)
    text = str(failed.value)
    for words in (
        "could not be taken back",
        "the settings",
        "the webhooks",
        "the tab",
        f"relabel connect --project {number}",
        f"relabel detach --project {number}",
    ):
        assert words in text, text
    fake.intercept = lambda _request: None
    detach(context, number)
    assert everything(fake) == before


def test_a_project_whose_connecting_was_cut_off_is_left_alone_until_it_is_repeated(
    context, fake, caplog
):
    number = fake.add_project(["cat", "dog"])
    die_at(fake, "/api/ml")
    with pytest.raises(RelabelError):
        connect_project(context, number)
    fake.intercept = lambda _request: None
    fake.set_project(number, sampling="Sequential sampling")
    deliver(context, fake)
    fake.requests.clear()
    forget_sweeps(context)
    assert sweep(context) == []
    assert fake.writes() == []
    assert f"relabel connect --project {number}" in caplog.text
    connect_project(context, number)
    assert [len(x) for x in (fake.backends, fake.webhooks, fake.views)] == [1, 2, 1]
    forget_sweeps(context)
    assert [project.id for project in sweep(context)] == [number]


# -- a connection that stands goes on ----------------------------------------------------------
@pytest.mark.parametrize("path", ["/api/ml/", "/api/webhooks/", "/api/dm/views/"])
@pytest.mark.parametrize("moved", [False, True])
def test_a_failed_reconnecting_leaves_the_old_connection_at_work(
    context, fake, connected, path, moved
):
    number = connected(["cat", "dog", "bird"])
    publish_round(context, number, {min(fake.tasks): 0.9})
    fake.events.clear()
    if path == "/api/dm/views/":
        fake.views.clear()  # so that there is one to add
    before = everything(fake)
    with reading(context.engine) as connection:
        row = asdict(find_project(connection, number))
    settings = context.settings
    if moved:
        settings = settings.model_copy(update={"url": "http://moved.test:9090"})
    again = type(context)(settings, context.engine, context.label_studio)
    refuse = httpx.Response(400, json={"detail": "no"})
    fake.intercept = lambda request: (
        refuse
        if request.method in ("POST", "PATCH") and request.url.path.startswith(path)
        else None
    )
    with pytest.raises(RelabelError, match="the connection from before goes on"):
        connect_project(again, number, "window = 3")
    fake.intercept = lambda _request: None
    assert everything(fake) == before
    with reading(context.engine) as connection:
        assert asdict(find_project(connection, number)) == row


TWO_TAGS = CONFIG.replace(
    "</View>",
    '<Choices name="mood" toName="image" choice="single-radio"><Choice value="calm"/>'
    '<Choice value="wild"/></Choices></View>',
)


def test_a_failed_reconnecting_with_other_keys_leaves_the_old_labels_as_they_were_read(
    context, fake, connected
):
    number = connected(["cat", "dog", "bird"], params='choices = "label"', config=TWO_TAGS)
    before = state_of(context, number).given.tolist()
    fake.intercept = answer_to("/api/webhooks/", httpx.Response(400, json={"detail": "no"}))
    with pytest.raises(RelabelError, match="the connection from before goes on"):
        connect_project(context, number, 'choices = "mood"')
    fake.intercept = lambda _request: None
    carry_out(context, number)
    state = state_of(context, number)
    assert state.schema.classes == ("cat", "dog", "bird")
    assert state.given.tolist() == before == [0, 1, 2]


def test_label_studio_going_away_once_the_connection_stands_undoes_nothing(context, fake):
    number = fake.add_project(["cat", "dog"])
    plan = plan_connect(context, number)
    fake.intercept = lambda request: (
        httpx.Response(503, text="down") if request.method == "DELETE" else None
    )
    connect(context, plan)
    fake.intercept = lambda _request: None
    assert len(fake.webhooks) == 3, "one of Label Studio's own, which proves nothing"
    connect_project(context, number)
    assert [len(x) for x in (fake.backends, fake.webhooks, fake.views)] == [1, 2, 1]


# -- causes ----------------------------------------------------------------------------------
CAUSES = {
    "refused": (
        validation(
            HEALTH + "HTTPConnectionPool(host='relabel.test', port=9090): Max retries exceeded "
            "with url: /health (Caused by NewConnectionError('<HTTPConnection object at 0x7f>: "
            "Failed to establish a new connection: [Errno 111] Connection refused'))"
        ),
        r"nothing listens at http://relabel\.test:9090.*relabel serve",
    ),
    "password": (
        validation(
            SETUP + "401 Client Error: UNAUTHORIZED for url: http://relabel.test:9090/setup"
        ),
        r"another password.*BASIC_AUTH_USER and BASIC_AUTH_PASS",
    ),
    "another name": (
        validation(
            SETUP + "421 Client Error: MISDIRECTED REQUEST for url: http://relabel.test:9090/setup"
        ),
        r"does not go by the name in .*Set RELABEL_URL=http://relabel\.test:9090 where it runs",
    ),
    "password at /health": (
        validation(
            "Able to connect to ML Server, but authentication parameters were either not "
            "provided or are incorrect."
        ),
        "another password.*BASIC_AUTH_PASS",
    ),
    "reserved": (
        httpx.Response(
            403,
            json={"detail": "URL resolves to a reserved network address (block: 127.0.0.0/8)"},
        ),
        "private address.*SSRF_PROTECTION_ENABLED=false.*ML_BLOCK_LOCAL_IP=false",
    ),
    "certificate": (
        validation(
            HEALTH + "HTTPSConnectionPool(host='relabel.test', port=9090): Max retries "
            "exceeded with url: /health (Caused by SSLError(SSLCertVerificationError(1, '[SSL: "
            "CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate')))"
        ),
        "certificate.*REQUESTS_CA_BUNDLE",
    ),
    "http spoken as https": (
        validation(
            HEALTH + "(Caused by SSLError(SSLError(1, '[SSL: WRONG_VERSION_NUMBER] wrong "
            "version number (_ssl.c:1006)')))"
        ),
        "http://",
    ),
    "proxy": (
        validation(
            HEALTH + "(Caused by ProxyError('Unable to connect to proxy', OSError('Tunnel "
            "connection failed: 403 Forbidden')))"
        ),
        "proxy.*NO_PROXY",
    ),
    "name": (
        httpx.Response(500, json={"detail": "Can't resolve hostname relabel.test"}),
        "does not know the name relabel.test.*RELABEL_URL",
    ),
    "slow": (
        validation(
            HEALTH + "(Caused by ConnectTimeoutError(<HTTPConnection>, 'Connection to "
            "relabel.test timed out. (connect timeout=1.0)'))"
        ),
        "no answer.*firewall",
    ),
    "another program": (
        validation(SETUP + "404 Client Error: Not Found for url: http://relabel.test:9090/setup."),
        "another program.*RELABEL_URL",
    ),
    "refused by this backend": (
        validation(
            SETUP + '400 Client Error: &lt;Choices name="label"&gt;: use '
            'choice="single-radio" for url: http://relabel.test:9090/setup.'
        ),
        '<Choices name="label">: use choice="single-radio"',
    ),
    "anything else": (
        validation("A disk is on fire, <b>says</b> the server"),
        "A disk is on fire, says the server",
    ),
}


@pytest.mark.parametrize("name", CAUSES)
def test_one_cause_is_named_with_its_remedy(context, fake, name):
    answer, words = CAUSES[name]
    number = fake.add_project(["cat", "dog"])
    fake.intercept = answer_to("/api/ml", answer)
    with pytest.raises(RelabelError) as failed:
        connect_project(context, number)
    text = str(failed.value)
    assert re.search(words, text), text
    for noise in ("non_field_errors", "{", "<a href", "Caused by", "\n", "LABEL_STUDIO_API_KEY"):
        assert noise not in text, text
    remedies = ("SSRF_PROTECTION_ENABLED", "REQUESTS_CA_BUNDLE", "BASIC_AUTH_PASS", "NO_PROXY")
    assert sum(remedy in text for remedy in remedies) <= 1, "one cause and not a list of guesses"


def test_a_token_that_may_not_connect_is_no_fault_of_the_address(context, fake):
    number = fake.add_project(["cat", "dog"])
    detail = {"detail": "You do not have permission to perform this action."}
    fake.intercept = answer_to("/api/ml", httpx.Response(403, json=detail))
    with pytest.raises(RelabelError, match=r"You do not have permission.*LABEL_STUDIO_API_KEY"):
        connect_project(context, number)


def test_a_backend_that_answers_here_and_not_there_is_told_as_such(
    tmp_path, fake, store_template, backend_here
):
    """`localhost` is another machine for a Label Studio in a container."""
    context = make_context(tmp_path, fake, store_template, url=backend_here)
    number = fake.add_project(["cat", "dog"])
    fake.intercept = answer_to("/api/ml", CAUSES["refused"][0])
    with pytest.raises(RelabelError, match=r"answers from here.*RELABEL_URL.*RELABEL_HOST"):
        connect_project(context, number)
    context.close()
