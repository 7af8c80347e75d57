"""Headless Chromium for the tests, and what is watched on every page that they open."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

# Tests are no packages: what several files share is found by its folder.
sys.path.insert(0, str(Path(__file__).parent))

from label_stream import CHROMIUM, launch

AXE_VERSION = "4.10.3"
AXE_FOLDER = Path(
    os.environ.get("RELABEL_TEST_AXE", Path(__file__).parents[2] / ".cache" / "axe-core")
)
SERIOUS = ("serious", "critical")


@pytest.fixture(scope="session")
def browser():
    if not CHROMIUM:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    with launch() as browser:
        yield browser


@dataclass(slots=True)
class Visit:
    """A page with what happened on it. requests: hosts asked; complaints: console and failures."""

    page: object
    requests: set
    complaints: list

    def violations(self, axe):
        """Return what axe-core finds serious, with everything unfolded: [(rule, elements), ...]."""
        for details in self.page.locator("details").all():
            details.evaluate("e => { e.open = true; }")
        # Run by the debugger, to which the page's own content policy does not apply.
        self.page.evaluate(axe)
        found = self.page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")
        assert len(found["passes"]) > 5
        return [
            (v["id"], [node["html"][:120] for node in v["nodes"]][:3])
            for v in found["violations"]
            if v["impact"] in SERIOUS
        ]

    def width(self):
        """Return how wide the page is: more than its window = it must be scrolled sideways."""
        return self.page.evaluate("document.documentElement.scrollWidth")


@pytest.fixture
def visit_url(browser):
    """Open an address: visit_url(url, width=1280, scheme="light", user=("name", "password"))."""
    contexts = []

    def open_url(url, width=1280, scheme="light", user=None):
        credentials = user and {"username": user[0], "password": user[1]}
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme=scheme,
            http_credentials=credentials,
        )
        contexts.append(context)
        page, requests, complaints = context.new_page(), set(), []
        page.on("request", lambda r: requests.add(urlsplit(r.url).netloc))
        page.on("console", lambda m: complaints.append(m.text) if m.type != "log" else None)
        page.on("pageerror", lambda e: complaints.append(str(e)))
        page.goto(url)
        page.wait_for_load_state("load")
        return Visit(page, requests, complaints)

    yield open_url
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def axe():
    """The text of axe-core, from npm's registry, kept in a cache folder outside the repository."""
    script = AXE_FOLDER / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("npm is not installed, so axe-core cannot be had")
        AXE_FOLDER.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(
            [*command, "--prefix", str(AXE_FOLDER), f"axe-core@{AXE_VERSION}"],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode:
            pytest.skip(f"axe-core cannot be installed: {done.stderr.strip()[-200:]}")
    return script.read_text()
