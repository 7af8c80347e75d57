"""What an annotator sees who presses "Label All Tasks", in a real browser."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from relabel.demo import api
from relabel.demo.annotators import poll

pytestmark = [pytest.mark.live, pytest.mark.browser]

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or ""
ARGUMENTS = (
    "--no-sandbox",  # the tests may run as root in a container
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
TASK_ID = ".lsf-current-task__task-id, [class*='task-id']"
WAIT_MS = 60_000


@pytest.fixture(scope="module")
def browser():
    if not CHROMIUM:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        yield browser
        browser.close()


class LabelStream:
    """Label Studio's labelling screen, as one annotator sees and uses it."""

    def __init__(self, page, url):
        self.page = page
        self.url = url

    def log_in(self, account):
        self.page.goto(f"{self.url}/user/login/")
        self.page.fill("input[name=email]", account.email)
        self.page.fill("input[name=password]", account.password)
        self.page.click("button[type=submit]")
        self.page.wait_for_url(lambda url: "/user/login" not in url)

    def label_all_tasks(self, project):
        self.page.goto(f"{self.url}/projects/{project.id}/data")
        self.page.get_by_role("button", name="Label All Tasks").click(timeout=WAIT_MS)
        self.page.locator(".lsf-choice").first.wait_for(timeout=WAIT_MS)

    def task(self):
        return int(self.page.locator(TASK_ID).first.inner_text().split()[0])

    def image(self):
        """Return the bytes of the image on the screen, once it is drawn."""
        image = self.page.locator("img[alt=image]").first
        image.wait_for(state="attached", timeout=WAIT_MS)
        handle = image.element_handle()
        self.page.wait_for_function("i => i.complete && i.naturalWidth > 0", arg=handle)
        return bytes(
            self.page.evaluate(
                "async i => Array.from(new Uint8Array(await (await fetch(i.src)).arrayBuffer()))",
                handle,
            )
        )

    def ticked(self):
        return self.page.locator(".lsf-choice input:checked").count()

    def choose(self, label):
        choice = self.page.locator(".lsf-choice", has=self.page.locator(f'input[name="{label}"]'))
        choice.locator("label").click()

    def submit(self):
        """Press Submit and wait until another task is on the screen."""
        before = self.task()
        self.page.get_by_test_id("bottombar-submit-button").click()
        self.page.wait_for_function(
            "([query, id]) => { const e = document.querySelector(query);"
            " return e && e.innerText.trim().split(/\\s+/)[0] !== id"
            " && document.querySelector('.lsf-choice'); }",
            arg=[TASK_ID, str(before)],
            timeout=WAIT_MS,
        )


@contextmanager
def label_stream(browser, project, annotator) -> Iterator[LabelStream]:
    with browser.new_context(viewport={"width": 1400, "height": 860}) as context:
        stream = LabelStream(context.new_page(), project.label_studio.url)
        stream.log_in(annotator)
        yield stream


@pytest.fixture
def sorted_project(make_project, start_backend):
    """A project of 150 digits after its first round."""
    project = make_project(limit=150)
    backend = start_backend()
    backend.run("connect", "--project", str(project.id), "--yes")
    assert poll(lambda: backend.status(project)["rounds"] >= 1, seconds=300)
    assert poll(lambda: not backend.status(project)["pending_jobs"], seconds=120)
    return project


def test_label_all_tasks_serves_the_lowest_scores_in_order(browser, sorted_project):
    """Five tasks, answered by clicking: each is the best open one, and each vote is stored."""
    project, admin = sorted_project, sorted_project.label_studio.admin
    annotator = project.label_studio.annotators[0]
    queue = project.queue()
    order = sorted(queue.available_to(annotator.id), key=lambda t: queue.tasks[t].score)
    best = min(task.score for task in queue.tasks.values())
    assert queue.tasks[order[0]].score == best
    with label_stream(browser, project, annotator) as stream:
        stream.label_all_tasks(project)
        for expected in order[:5]:
            assert stream.task() == expected
            stored = admin.get(api.get(admin, f"/api/tasks/{expected}/")["data"]["image"])
            assert stream.image() == stored.content
            assert stream.ticked() == 0  # no suggestion sways the annotator
            stream.choose(project.true_label(expected))
            assert stream.ticked() == 1
            stream.submit()
            vote = project.queue().tasks[expected].votes[annotator.id]
            assert vote == project.true_label(expected)
        assert stream.task() == order[5]
