"""The dashboard in a real browser, over a store in the middle of a campaign."""

import threading
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest
from relabel.demo.servers.processes import free_port
from relabel.service.insight.status import project_status
from relabel.settings import Settings
from relabel.storage.database import open_database, reading
from relabel.storage.projects import get_project
from relabel.storage.rounds import list_rounds, set_round
from relabel.web.app import create_app
from relabel.web.server import make_server
from seeded_store import Campaign, seed_store
from sqlalchemy import Engine

pytestmark = pytest.mark.browser

PAGES = {
    "home": "/",
    "overview": "/projects/1",
    "queue": "/projects/1/queue",
    "labels": "/projects/1/labels?settled_by=people",
    "undecided": "/projects/1/undecided",
    "images": "/projects/1/images",
    "rounds": "/projects/1/rounds",
    "annotators": "/projects/1/annotators?people=1",
    "settings": "/projects/1/settings",
    "cancel": "/projects/1/cancel/confirm",
    "undo": "/projects/1/undo/confirm",
    "error": "/projects/99",
}
WIDTHS = (1280, 400)
WAIT_MS = 60_000


@dataclass(frozen=True, slots=True)
class Site:
    """A dashboard that is being served."""

    url: str
    settings: Settings
    engine: Engine

    def running(self):
        with reading(self.engine) as connection:
            return list_rounds(connection, 1)[-1]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    port = free_port(0)
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("dashboard"),
        label_studio_api_key="x" * 40,
        host="127.0.0.1",
        port=port,
        show_annotators=True,
    )
    engine = open_database(settings.database())
    campaign = Campaign(tasks=200, votes=40, rounds=2, pictures=200, running=True)
    seed_store(engine, settings, campaign)
    server = make_server(create_app(settings), settings)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield Site(f"http://127.0.0.1:{port}", settings, engine)
    server.close()


@pytest.fixture
def visit(visit_url, site):
    """Open a path: visit(path, width=1280, scheme="light") -> Visit."""
    return lambda path, *args, **options: visit_url(site.url + path, *args, **options)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", PAGES)
def test_every_page_opens_within_its_width_and_asks_nobody_else(visit, site, name, width):
    """No console error, no request to another host, nothing to scroll sideways for."""
    seen = visit(PAGES[name], width)
    # A page that is not found is told so in the console by the browser itself.
    assert [c for c in seen.complaints if name != "error" or "404" not in c] == []
    assert seen.requests == {urlsplit(site.url).netloc}
    assert seen.width() <= width
    assert seen.page.locator("h1").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_serious_violation(visit, axe, name, scheme):
    assert visit(PAGES[name], scheme=scheme).violations(axe) == []


def test_thumbnails_are_shown(visit):
    page = visit(PAGES["queue"]).page
    first = page.locator("img.thumb").first
    page.wait_for_function("i => i.complete && i.naturalWidth > 0", arg=first.element_handle())


def test_progress_moves_while_a_round_runs(visit, site):
    """The bar and the words follow the round without a click."""
    with site.engine.begin() as connection:
        set_round(connection, site.running().id)  # a heartbeat: the tests before took a while
    page = visit(PAGES["overview"]).page
    reached = "done => document.querySelector('progress').value === done"
    page.wait_for_function(reached, arg=100, timeout=WAIT_MS)  # it may open on an older reading
    with site.engine.begin() as connection:
        set_round(connection, site.running().id, stage="select", done=150)
    page.wait_for_function(reached, arg=150, timeout=WAIT_MS)
    assert "select, 150 of 200" in page.locator("[data-stage]").inner_text()


def test_figures_follow_the_store_without_a_click(visit, site):
    from relabel.storage.annotations import Annotation, Kind, record

    page = visit(PAGES["overview"]).page
    votes = page.locator("[data-figure=votes]")
    before = project_status(site.engine, site.settings, 1)["votes"]
    assert votes.inner_text() == str(before)
    at = "2026-12-01T00:00:00+00:00"
    with site.engine.begin() as connection:
        record(connection, 1, [Annotation(999_999, 7, "9", Kind.LABEL, "3", at, at)])
    page.wait_for_function(
        "n => document.querySelector('[data-figure=votes]').innerText === n",
        arg=str(before + 1),
        timeout=WAIT_MS,
    )


def test_buttons_pause_and_go_on(visit, site):
    """Pressed in the browser, each changes the project and says so."""

    def paused():
        with reading(site.engine) as connection:
            return get_project(connection, 1).paused

    page = visit(PAGES["overview"]).page
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("status").wait_for()
    assert paused()
    assert page.get_by_role("button", name="Start a round").is_disabled()
    page.get_by_role("button", name="Go on").click()
    page.get_by_role("button", name="Pause").wait_for()
    assert not paused()


def test_everything_can_be_reached_by_keyboard(visit):
    """The first stop skips to the content; tabs and buttons follow."""
    page = visit(PAGES["overview"]).page
    stops = []
    for _ in range(14):
        page.keyboard.press("Tab")
        stops.append(page.evaluate("document.activeElement.innerText.trim()"))
    assert stops[0] == "Skip to content"
    assert {"Queue", "Settings", "Pause"} <= set(stops)


def test_pages_work_without_javascript(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(site.url + PAGES["overview"])
    assert page.locator("svg.chart").count() == 2
    assert page.get_by_role("button", name="Pause").is_visible()
    context.close()


def test_starting_a_round_works_once_none_runs(visit, site):
    """Last, since it ends the running round."""
    from relabel.storage.rounds import RoundState, finish_round

    with site.engine.begin() as connection:
        finish_round(connection, site.running().id, RoundState.FAILED, error="out of memory")
    time.sleep(3.1)  # an overview may be this old
    visit(PAGES["overview"])
    time.sleep(1)
    page = visit(PAGES["overview"]).page
    assert "out of memory" in page.locator("main").inner_text()
    page.get_by_role("button", name="Start a round").click()
    page.get_by_role("status").wait_for()
    with reading(site.engine) as connection:
        assert get_project(connection, 1).train_requested
