"""Label Studio's labelling screen in headless Chromium, as one annotator sees and uses it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

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


@contextmanager
def launch() -> Iterator[Any]:
    """Start Chromium without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def label_stream(browser, url, email, password):
    """Log in as an annotator and leave the session when done."""
    with browser.new_context(viewport={"width": 1400, "height": 860}) as context:
        stream = LabelStream(context.new_page(), url)
        stream.log_in(email, password)
        yield stream


class LabelStream:
    """Label Studio's labelling screen, as one annotator sees and uses it."""

    def __init__(self, page, url):
        self.page = page
        self.url = url

    def log_in(self, email, password):
        self.page.goto(f"{self.url}/user/login/")
        self.page.fill("input[name=email]", email)
        self.page.fill("input[name=password]", password)
        self.page.click("button[type=submit]")
        self.page.wait_for_url(lambda url: "/user/login" not in url)

    def label_all_tasks(self, project):
        self.page.goto(f"{self.url}/projects/{project}/data")
        self.page.get_by_role("button", name="Label All Tasks").click(timeout=WAIT_MS)
        self.page.locator(".lsf-choice").first.wait_for(timeout=WAIT_MS)

    def task(self):
        return int(self.page.locator(TASK_ID).first.inner_text().split()[0])

    def _shown(self):
        image = self.page.locator("img[alt=image]").first
        image.wait_for(state="attached", timeout=WAIT_MS)
        handle = image.element_handle()
        self.page.wait_for_function("i => i.complete && i.naturalWidth > 0", arg=handle)
        return handle

    def image(self):
        """Return the bytes of the image on the screen, once it is drawn."""
        return bytes(
            self.page.evaluate(
                "async i => Array.from(new Uint8Array(await (await fetch(i.src)).arrayBuffer()))",
                self._shown(),
            )
        )

    def image_name(self):
        """Return where the image on the screen comes from."""
        self._shown()
        task = self.page.request.get(f"{self.url}/api/tasks/{self.task()}/")
        return task.json()["data"]["image"]

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
