"""Pages show what the store holds, to the right people, and their buttons do what they say."""

import base64
import itertools
import json
import re
import subprocess
import sys

import pytest
from relabel.service.connected import policy_of
from relabel.service.insight.overview import read_overview
from relabel.service.insight.preview import next_rows
from relabel.storage.database import reading
from relabel.storage.journal.events import Action, is_to_cancel, to_undo, unhandled
from relabel.storage.projects import get_project, set_project
from relabel.storage.rounds import RoundState, finish_round, running_round, start_round
from relabel.storage.tasks import list_tasks, set_problems
from relabel.web.pages.actions import ACTIONS, CONFIRMED
from relabel.web.pages.project import PAGES
from served import served
from werkzeug.wrappers import Request, Response

PAGE = {"Accept": "text/html"}
OWN = {"Sec-Fetch-Site": "same-origin"}
PLACES = {
    "number": ["1"],
    "task": ["1"],
    "name": list(PAGES),
    "action": [*ACTIONS, *CONFIRMED],
    "filename": ["relabel.css", "live.js", "icon.svg"],
}
"""What each variable part of an address may be."""
OPEN = {("GET", "/health")}


@pytest.fixture(scope="module")
def client(seeded):
    return seeded.client()


def test_the_home_page_lists_projects_for_people_and_health_for_programs(client, page):
    assert "Digits" in page(client, "/")
    assert client.get("/").get_json()["status"] == "UP"
    assert client.get("/", headers={"Accept": "*/*"}).get_json()["status"] == "UP"


def test_the_home_page_shows_a_failed_round_and_when_it_is_tried_again(own, page):
    assert "last round failed" not in page(own.client(), "/")
    with own.engine.begin() as connection:
        current = start_round(connection, 1, {}, "x")
        finish_round(connection, current.id, RoundState.FAILED, error="Too few labels.\nTraceback")
    text = page(own.client(), "/")
    assert "last round failed" in text
    assert "Too few labels." in text
    assert "Traceback" not in text
    assert re.search(r"Round 2 failed and is tried again at \d{4}-", text)


def test_a_project_whose_connecting_was_cut_off_says_so(own, page):
    with own.engine.begin() as connection:
        set_project(connection, 1, backend_id=None)
    assert "Connecting was cut off: repeat relabel connect --project 1." in page(own.client(), "/")


def test_the_queue_lists_open_tasks_by_the_score_label_studio_has(seeded, client):
    """Lowest score first; closed tasks are not among them."""
    state = read_overview(seeded.engine, seeded.settings, 1).state
    with reading(seeded.engine) as connection:
        tasks = list(list_tasks(connection, 1).values())
    shown = [tasks[row] for row in next_rows(state, 12).tolist()]
    expected = sorted((t for t in tasks if not t.is_labeled), key=lambda t: (t.score, t.task_id))
    assert [t.task_id for t in shown] == [t.task_id for t in expected[:12]]
    html = client.get("/projects/1/queue", headers=PAGE).get_data(as_text=True)
    places = [html.index(f'data?task={t.task_id}"') for t in shown]
    assert places == sorted(places)


def test_the_queue_says_why_a_task_is_asked_about(client, page):
    text = page(client, "/projects/1/queue")
    assert "likelier" in text
    assert "most similar images are labelled otherwise" in text
    assert "CE" in text


def test_a_failed_image_is_listed_with_its_reason_and_without_signatures(own, page):
    from relabel.storage.tables import tasks
    from sqlalchemy import update

    with own.engine.begin() as connection:
        connection.execute(
            update(tasks).where(tasks.c.task_id == 3).values(image="https://h/a.png?sig=secret")
        )
        set_problems(connection, 1, {3: "answered 403"})
    text = page(own.client(), "/projects/1/images")
    assert "https://h/a.png" in text
    assert "answered 403" in text
    assert "secret" not in text


def test_the_settings_page_explains_every_key_and_shows_no_secret(seeded, page):
    from relabel.policy import Policy
    from relabel.settings import Settings

    client = seeded.client(basic_auth_user="", database_url=seeded.settings.database())
    text = page(client, "/projects/1/settings")
    assert all(name in text for name in Policy.model_fields)
    assert all(f"RELABEL_{name.upper()}" in text for name in Settings.model_fields)
    assert seeded.settings.api_key() not in text


def test_a_table_among_the_keys_is_shown_as_it_is_written():
    """Also one that was written under the name that it had before."""
    from relabel.settings import Settings
    from relabel.web.pages.settings import explain_policy

    settings, params = Settings(), 'stop_yield = 0.05\nclasses = {"a dog" = "dog"}'
    shown = {one.name: one for one in explain_policy(policy_of(settings, params), settings, params)}
    assert shown["stop_when"].value == "{ yield = 0.05 }"
    assert shown["classes"].value == '{ "a dog" = "dog" }'
    assert shown["stop_when"].source == shown["classes"].source == "extra params in Label Studio"
    assert shown["diversity_options"].value == shown["stop_when"].default == "none"


def test_rounds_are_listed_newest_first(client, page):
    text = page(client, "/projects/1/rounds")
    assert text.index("Round 2") < text.index("Round 1")


def test_a_key_that_an_earlier_version_did_not_have_is_no_changed_policy(own, page):
    from relabel.policy import Policy

    with own.engine.begin() as connection:
        for policy in ({"score": "ce"}, Policy().model_dump(mode="json")):
            current = start_round(connection, 1, policy, "x")
            finish_round(connection, current.id, RoundState.FAILED)
    newest = page(own.client(), "/projects/1/rounds").split("Round 2")[0]
    (changed,) = re.findall(r"Policy changed: (.*?)\.", newest)
    assert changed.strip() == "score from ce to tiered_phi"


def test_figures_about_people_need_the_setting_and_a_second_step(seeded, page):
    path = "/projects/1/annotators?people=1"
    off = page(seeded.client(), path)
    assert "agrees with consensus" not in off
    assert "RELABEL_SHOW_ANNOTATORS=true" in off, "it says how to switch them on"
    assert "mall numbers mislead" in off, "and why they are off"
    allowed = seeded.client(show_annotators=True)
    assert "agrees with consensus" not in page(allowed, "/projects/1/annotators")
    text = page(allowed, path)
    assert "agrees with consensus" in text


USERS = [
    {"id": 2, "first_name": "Ada", "last_name": "Byron", "email": "ada@example.com"},
    {"id": 3, "first_name": "", "last_name": "", "email": "ben@example.com"},
]


def test_people_go_by_their_names_and_nobody_else_is_asked_about(seeded, page):
    asked = []

    @Request.application
    def users(request):
        asked.append((request.method, request.path))
        return Response(json.dumps(USERS), mimetype="application/json")

    with served(users) as url:
        client = seeded.client(show_annotators=True, label_studio_url=url)
        page(client, "/projects/1/annotators")
        assert asked == [], "not before the figures are asked for"
        for _ in range(2):
            text = page(client, "/projects/1/annotators?people=1")
    assert asked == [("GET", "/api/users/")], "and then once for a while"
    for words in ("Ada Byron", "ben@example.com", "user 4 (gone from Label Studio)"):
        assert words in text
    with served(users) as url:
        page(seeded.client(label_studio_url=url), "/projects/1/annotators?people=1")
    assert len(asked) == 1, "never where the figures are off"


def test_without_label_studio_people_go_by_their_ids(seeded, page):
    client = seeded.client(show_annotators=True)
    text = page(client, "/projects/1/annotators?people=1")
    assert "user 2" in text
    assert "Label Studio did not tell the names" in text


def test_old_labels_have_rows_of_their_own(seeded, page):
    client = seeded.client(show_annotators=True)
    text = page(client, "/projects/1/annotators?people=1")
    assert text.count("old labels") == 1
    assert re.search(r"user 1 old labels 200 0 ", text), text


def every_address(app):
    """Return (method, address) of every route that the application has."""
    found = set()
    for rule in app.url_map.iter_rules():
        places = PLACES | ({"action": CONFIRMED} if rule.endpoint == "dashboard.confirm" else {})
        options = [[(key, value) for value in places[key]] for key in sorted(rule.arguments)]
        for values in itertools.product(*options):
            address = re.sub(r"<(?:\w+:)?(\w+)>", lambda m, v=dict(values): v[m[1]], rule.rule)
            found |= {(method, address) for method in rule.methods - {"OPTIONS", "HEAD"}}
    return found


def test_nothing_but_health_is_served_without_the_password(seeded):
    """Every route that there is, with every page, action, figure and image of it."""
    from pydantic import SecretStr

    client = seeded.client(
        basic_auth_user="anna", basic_auth_pass=SecretStr("right"), show_annotators=True
    )
    addresses = every_address(client.application)
    assert len(addresses) > 25
    for method, address in sorted(addresses - OPEN):
        for auth in (None, ("anna", "wrong"), ("bert", "right"), ("anna", "")):
            coded = base64.b64encode(":".join(auth or ("", "")).encode()).decode()
            headers = PAGE | ({"Authorization": f"Basic {coded}"} if auth else {})
            answer = client.open(address, method=method, headers=headers)
            assert answer.status_code == 401, (method, address, auth)
            assert b"Digits" not in answer.get_data()
    assert client.get("/health").status_code == 200


def test_with_the_password_every_page_and_image_is_served(seeded):
    from pydantic import SecretStr

    client = seeded.client(
        basic_auth_user="anna", basic_auth_pass=SecretStr("right"), show_annotators=True
    )
    coded = base64.b64encode(b"anna:right").decode()
    for method, address in sorted(every_address(client.application)):
        if method == "GET":
            answer = client.get(address, headers=PAGE | {"Authorization": f"Basic {coded}"})
            assert answer.status_code == 200, address
            answer.close()


def test_an_error_is_a_page_for_people_and_json_for_programs(client):
    """Unknown projects and pages are named; no traceback, and the status code stays."""
    answer = client.get("/projects/99", headers=PAGE)
    assert answer.status_code == 404
    assert answer.mimetype == "text/html"
    assert "relabel connect --project 99" in answer.get_data(as_text=True)
    assert "error" in client.get("/projects/99").get_json()
    assert client.get("/projects/1/nonsense", headers=PAGE).status_code == 404


def test_pages_may_load_nothing_from_elsewhere(client):
    answer = client.get("/projects/1", headers=PAGE)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    html = answer.get_data(as_text=True)
    assert "style=" not in html
    assert "onclick" not in html


def test_titles_are_text_never_markup(own):
    from relabel.storage.projects import set_project

    with own.engine.begin() as connection:
        set_project(connection, 1, title="<img src=x onerror=alert(1)>")
    html = own.client().get("/projects/1", headers=PAGE).get_data(as_text=True)
    assert "<img src=x" not in html
    assert "&lt;img src=x" in html


def test_pausing_and_going_on_change_the_project_and_say_so(own):
    client = own.client()
    for action, paused in (("pause", True), ("resume", False)):
        answer = client.post(f"/projects/1/{action}", headers=OWN)
        assert answer.status_code == 303
        assert f"said={action}" in answer.headers["Location"]
        with reading(own.engine) as connection:
            assert get_project(connection, 1).paused is paused
        html = client.get("/projects/1", headers=PAGE).get_data(as_text=True)
        assert ("<button>Go on</button>" in html) is paused


def test_starting_a_round_asks_for_it_and_leaves_work_for_a_worker(own):
    own.client().post("/projects/1/round", headers=OWN)
    with reading(own.engine) as connection:
        assert get_project(connection, 1).train_requested
        assert "START_TRAINING" in unhandled(connection, 1)[2]


def test_undoing_is_confirmed_and_left_to_a_worker(own, page):
    """The question names what goes and what stays; the answer is for that round only."""
    client = own.client()
    text = page(client, "/projects/1/undo/confirm")
    for words in ("are removed from Label Studio", "No vote is lost", "Undo round 1"):
        assert words in text
    for run in ("", "round-2"):
        assert client.post("/projects/1/undo", data={"run": run}, headers=OWN).status_code == 404
    with reading(own.engine) as connection:
        assert not to_undo(connection, 1)
    answer = client.post("/projects/1/undo", data={"run": "round-1"}, headers=OWN)
    assert "said=undo" in answer.headers["Location"]
    with reading(own.engine) as connection:
        assert set(to_undo(connection, 1)) == {"round-1"}


def test_cancelling_is_confirmed_and_told_to_the_round(busy, page):
    """Nobody can cancel what does not run; whoever runs it sees the wish in the journal."""
    client = busy.client()
    assert "Cancel this round" in page(client, "/projects/1")
    text = page(client, "/projects/1/cancel/confirm")
    assert "Cancel round 2" in text
    assert "keeps the order of round 1" in text
    assert (
        client.post("/projects/1/cancel", data={"run": "round-1"}, headers=OWN).status_code == 404
    )
    assert (
        client.post("/projects/1/cancel", data={"run": "round-2"}, headers=OWN).status_code == 303
    )
    with reading(busy.engine) as connection:
        assert unhandled(connection, 1)[2] == {Action.CANCEL}
        assert is_to_cancel(connection, 1, "round-2")
        assert running_round(connection, 1) is not None  # until its process has seen the wish
    assert "nothing to undo, or a round is running" in page(client, "/projects/1/undo/confirm")


def test_more_of_the_audit_is_offered_told_and_left_to_a_worker(own, page):
    """The overview offers what is needed; the page behind it says what it costs; undone alike."""
    client = own.client()
    offered = re.search(r"Ask (\d+) more audited tasks?…", page(client, "/projects/1"))
    assert offered
    html = client.get("/projects/1/audit/confirm", headers=PAGE).get_data(as_text=True)
    assert f"Ask {offered[1]} more audited tasks<" in html
    assert "two new people agree on each: about" in html
    assert 'class="danger"' not in html
    (wish,) = re.findall(r'name="run" value="([^"]*)"', html)
    assert client.post("/projects/1/audit", data={"run": "57"}, headers=OWN).status_code == 404
    for _ in range(2):
        answer = client.post("/projects/1/audit", data={"run": wish}, headers=OWN)
        assert "said=audit" in answer.headers["Location"]
        with reading(own.engine) as connection:
            assert get_project(connection, 1).audit_until == {"": int(wish[1:])}
            assert unhandled(connection, 1)[2] == {Action.AUDIT}
    assert "Ask no more of them…" in page(client, "/projects/1")
    html = client.get("/projects/1/audit/confirm", headers=PAGE).get_data(as_text=True)
    (back,) = re.findall(r'name="run" value="([^"]*)"', html)
    assert 'class="danger">Ask no more of them' in html
    client.post("/projects/1/audit", data={"run": back}, headers=OWN)
    with reading(own.engine) as connection:
        assert get_project(connection, 1).audit_until == {"": int(back[1:])}
    assert offered[0] in page(client, "/projects/1")


def test_a_question_about_an_unknown_action_is_not_found(client):
    assert client.get("/projects/1/pause/confirm", headers=PAGE).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Referer": "https://evil.example/localhost"},
    ],
    ids=["nothing", "cross-site", "same-site", "origin", "opaque", "referer"],
)
def test_buttons_cannot_be_pressed_from_elsewhere(own, headers):
    client = own.client()
    for action in (*ACTIONS, *CONFIRMED):
        data = {"run": "round-1"}
        answer = client.post(f"/projects/1/{action}", data=data, headers=headers)
        assert answer.status_code == 403
    with reading(own.engine) as connection:
        assert not get_project(connection, 1).paused
        assert not unhandled(connection, 1)[2]


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://localhost"}, {"Referer": "http://localhost/projects/1"}], ids=str
)
def test_buttons_work_on_plain_http_where_browsers_say_less(own, headers):
    assert own.client().post("/projects/1/pause", headers=headers).status_code == 303


def test_looking_never_changes_anything(own):
    """GET of an action's address is not the action."""
    for action in (*ACTIONS, *CONFIRMED):
        assert own.client().get(f"/projects/1/{action}", headers=PAGE).status_code == 404
    with reading(own.engine) as connection:
        assert not get_project(connection, 1).paused


def test_a_thumbnail_is_made_once_and_not_sent_again(seeded, client):
    first = client.get("/projects/1/thumbnails/1")
    assert first.mimetype == "image/jpeg"
    assert first.get_data()[:2] == b"\xff\xd8"
    kept = list((seeded.settings.data_dir / "thumbnails").glob("??/*.jpg"))
    assert kept
    again = client.get("/projects/1/thumbnails/1", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert client.get("/projects/1/thumbnails/99999").status_code == 404


def test_a_project_without_a_round_has_pages_too(make, tmp_path, page):
    client = make(tmp_path, tasks=20, rounds=0, pictures=0).client(show_annotators=True)
    assert "No round yet" in page(client, "/projects/1")
    for name in ("queue", "undecided", "images", "rounds", "settings", "annotators?people=1"):
        page(client, f"/projects/1/{name}")


@pytest.mark.slow
def test_the_web_process_imports_neither_torch_nor_matplotlib():
    code = "import sys, relabel.web.app; print({'torch', 'matplotlib'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_pages_open_after_a_class_was_added_since_the_last_round(own, page):
    """The old posteriors are not shown for the new classes; votes and states are."""
    from relabel.storage.projects import set_project

    with own.engine.begin() as connection:
        config = get_project(connection, 1).label_config
        more = config.replace("</Choices>", '<Choice value="none of these"/></Choices>')
        set_project(connection, 1, label_config=more)
    client = own.client()
    for name in ("", "/queue", "/undecided", "/rounds"):
        page(client, f"/projects/1{name}")
    assert "likelier" not in page(client, "/projects/1/queue")
