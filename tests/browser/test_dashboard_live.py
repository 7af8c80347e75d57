"""The dashboard in a real browser, over a real Label Studio project while people label it."""

import json
import re
from types import SimpleNamespace
from urllib.parse import urlsplit

import httpx
import pytest
from relabel.demo import api
from relabel.demo.annotators import poll
from relabel.errors import NotFoundError

pytestmark = [pytest.mark.live, pytest.mark.browser, pytest.mark.slow]

USER = ("label-studio", "dashboard-password")
TASKS = 90
POLICY = """
encoder = "tiny"
selector = "vanilla"
window = 20
retrain_after = 1000
"""
QUICK, SEEN = 20, 500
"""Epochs of a round that is only waited for, and of one that is seen by a page that looks every
5 s: it lasts more than 10 s on an idle machine."""
WIDTHS = (1280, 400)
SCHEMES = ("light", "dark")
ROUND_SECONDS = 480
WAIT_MS = 60_000
WATCH = """
const seen = new Set(JSON.parse(sessionStorage.getItem("seen") || "[]"));
function note() {
  const bar = document.querySelector("progress");
  if (bar && bar.offsetParent) seen.add(document.querySelector("[data-stage]").textContent);
  sessionStorage.setItem("seen", JSON.stringify([...seen]));
}
addEventListener("DOMContentLoaded", () => setInterval(note, 50));
"""
"""Collects what is said beside the progress bar, over all loads of the page."""


@pytest.fixture(scope="module")
def live(make_project, start_shared_backend):
    """A connected project after its first round, and its backend, which asks for a password."""
    project = make_project(limit=TASKS, title="Digits to look at")
    user, password = USER
    backend = start_shared_backend(user=user, password=password)
    train_for(backend, QUICK)
    backend.run("connect", "--project", str(project.id), "--yes")
    made = SimpleNamespace(project=project, backend=backend, root=f"/projects/{project.id}")
    await_rounds(made, 1)
    train_for(backend, SEEN)
    return made


def train_for(backend, epochs):
    """Let later rounds last so long: the policy is read afresh by each."""
    options = f"selector_options = {{ epochs = {epochs} }}\n"
    backend.backend.policy.write_text(POLICY + options)


def status(live):
    return live.backend.status(live.project)


def await_rounds(live, wanted):
    """Wait until so many rounds are published and nothing is left to be done."""

    def done():
        now = status(live)
        idle = not now["round_running"] and not now["round_due"] and not now["pending_jobs"]
        return now["rounds"] == wanted and idle

    assert poll(done, seconds=ROUND_SECONDS), status(live)


@pytest.fixture
def visit(visit_url, live):
    """Open a page of the project: visit("/queue", width=1280) -> Visit."""

    def open_page(path, **options):
        return visit_url(f"{live.backend.url}{live.root}{path}", user=USER, **options)

    return open_page


def previewed(page):
    """Return the ids of the tasks on the queue page, in order."""
    links = page.locator("ol.cards h2 a").all()
    return [int(re.search(r"task=(\d+)", link.get_attribute("href"))[1]) for link in links]


def previewed_when(page, right):
    """Return what the queue page shows once it is right: it may be seconds behind."""

    def reloaded():
        page.reload()
        return right(previewed(page))

    assert poll(reloaded, seconds=60), previewed(page)
    return previewed(page)


def in_order(queue):
    """Return Label Studio's open tasks as it serves them, from its own tables."""
    is_open = [task for task, one in queue.tasks.items() if one.is_open]
    return sorted(is_open, key=lambda task: (queue.tasks[task].score, task))


def next_task(live, annotator):
    """Ask Label Studio for the next task as its label stream does; None = there is none."""
    number = str(live.project.id)
    with api.connect(live.project.label_studio.url, annotator.token) as client:
        body = {"project": number}
        try:
            return api.post(client, "/api/dm/actions", body, id="next_task", project=number)["id"]
        except NotFoundError:
            return None


def press(page, name):
    """Press a button and wait for what the next page says."""
    page.get_by_role("button", name=name, exact=True).click()
    page.get_by_role("status").wait_for(timeout=WAIT_MS)


def start_round(page):
    """Press the button and wait, without another click, until progress is shown."""
    press(page, "Start a round")
    page.get_by_role("progressbar").wait_for(timeout=WAIT_MS)
    assert page.get_by_role("button", name="Start a round").is_disabled()


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_page_is_reached_by_clicking_and_is_in_order(visit, live, axe, width, scheme):
    """No console error, nobody else asked, nothing too wide, nothing serious found by axe-core."""
    seen = visit("", width=width, scheme=scheme)
    seen.page.get_by_role("link", name="Relabel").click()
    seen.page.get_by_role("link", name=re.compile("^Digits to look at")).click()
    tabs = seen.page.locator("nav.tabs a").all_inner_texts()
    assert len(tabs) >= 6
    for tab in tabs:
        seen.page.locator("nav.tabs a", has_text=tab).click()
        seen.page.wait_for_load_state("load")
        assert seen.page.locator("nav.tabs a[aria-current=page]").inner_text() == tab
        assert seen.width() <= width, tab
        assert seen.violations(axe) == [], tab
    assert seen.complaints == []
    assert seen.requests == {urlsplit(live.backend.url).netloc}


def test_without_the_password_nothing_of_the_project_is_served(live):
    with httpx.Client(base_url=live.backend.url, trust_env=False) as client:
        for path in ("", "/queue", "/rounds", "/undo/confirm"):
            answer = client.get(live.root + path, headers={"Accept": "text/html"})
            assert answer.status_code == 401
            assert "Digits" not in answer.text


def test_the_first_task_of_the_preview_is_the_one_that_label_studio_serves_next(visit, live):
    """Before each of six votes of two people, one of whom errs; and the whole order agrees."""
    page = visit("/queue").page
    for turn in range(6):
        annotator = live.project.label_studio.annotators[turn % 2]
        assert poll(lambda: not status(live)["pending_jobs"], seconds=60)
        queue = live.project.queue()
        shown = previewed_when(page, lambda shown, q=queue: shown == in_order(q)[:12])
        # Nobody is asked again what he has answered.
        first = next(t for t in shown if annotator.id not in queue.tasks[t].seen_by)
        assert next_task(live, annotator) == first
        label = live.project.true_label(first) if turn % 3 else "0"
        live.project.annotate(annotator, first, label)
    votes = [one.votes for one in live.project.queue().tasks.values()]
    assert sum(len(given) for given in votes) == TASKS + 6


def test_every_previewed_task_has_its_picture_and_a_reason(visit):
    page = visit("/queue").page
    cards = page.locator("li.task").all()
    assert len(cards) == 12
    for card in cards:
        picture = card.locator("img.thumb").first
        picture.scroll_into_view_if_needed()
        page.wait_for_function(
            "i => i.complete && i.naturalWidth > 0", arg=picture.element_handle()
        )
        assert len(card.locator("p").all_inner_texts()[2]) > 20


def test_a_round_is_started_and_its_progress_moves_on_the_page(visit, live):
    """One click; then bar, words and, in the end, the charts follow by themselves."""
    before = status(live)["rounds"]
    page = visit("").page
    page.add_init_script(WATCH)
    start_round(page)
    await_rounds(live, before + 1)
    page.get_by_text(f"Round {before + 1} of selector vanilla").wait_for(timeout=WAIT_MS)
    seen = json.loads(page.evaluate("() => sessionStorage.getItem('seen')"))
    assert len(seen) >= 2, seen
    assert all(said.startswith(f"Round {before + 1}: ") for said in seen)
    version = status(live)["model_version"]
    assert live.project.settings()["model_version"] == version
    assert version in visit("/rounds").page.locator("main").inner_text()


def test_pausing_empties_the_queue_and_going_on_fills_it(visit, live):
    """Nobody is served a task while it is paused."""
    person = live.project.label_studio.annotators[2]
    page = visit("").page
    press(page, "Pause")
    assert poll(lambda: status(live)["open_tasks"] == 0, seconds=60)
    assert next_task(live, person) is None
    assert "paused" in visit("/queue").page.locator("main").inner_text()
    press(page, "Go on")
    assert poll(lambda: status(live)["open_tasks"] >= 20, seconds=60)
    assert next_task(live, person) is not None


def test_a_running_round_is_cancelled_after_a_question(visit, live):
    """The queue, its order and all votes stay; no other round starts by itself."""
    before, settings = status(live), live.project.settings()
    page = visit("").page
    start_round(page)
    page.get_by_role("link", name="Cancel this round…").click()
    assert "No vote is lost" in page.locator("main").inner_text()
    press(page, f"Cancel round {before['round'] + 1}")
    assert poll(lambda: not status(live)["round_running"], seconds=120)
    await_rounds(live, before["rounds"])
    after = status(live)
    assert live.project.settings()["model_version"] == settings["model_version"]
    for figure in ("votes", "corrected", "model_version", "last_error"):
        assert after[figure] == before[figure]
    page = visit("/rounds").page

    def told():
        page.reload()
        return page.locator(".state").first.inner_text() == "cancelled"

    assert poll(told, seconds=60)


def test_the_last_round_is_undone_after_a_question(visit, live):
    """The order of the round before is in force again, and every vote is still there."""
    before = status(live)
    assert before["rounds"] == 2
    page = visit("/rounds").page
    undone = before["model_version"]
    page.get_by_role("link", name="Undo this round…").click()
    assert undone in page.locator("main").inner_text()
    press(page, f"Undo round {before['round']}")
    await_rounds(live, 1)
    assert poll(
        lambda: live.project.settings()["model_version"] == status(live)["model_version"],
        seconds=60,
    )
    assert status(live)["model_version"] != undone
    assert status(live)["votes"] == before["votes"]
    queue = live.project.queue()
    previewed_when(visit("/queue").page, lambda shown: shown == in_order(queue)[:12])
