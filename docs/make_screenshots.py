"""Take the pictures of the dashboard that the documentation shows.

Run `.venv/bin/python docs/make_screenshots.py` after changing how a page looks. It needs Chromium
and no Label Studio: the project is made up.
"""  # noqa: INP001  a script, no package

import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from PIL import Image
from playwright.sync_api import sync_playwright
from relabel.demo.servers.processes import free_port
from relabel.service.context import open_context
from relabel.settings import Settings
from relabel.storage.database import open_database
from relabel.web.app import create_app
from relabel.web.pages.report import write_report
from relabel.web.server import make_server
from seeded_store import Campaign, seed_store

IMAGES = Path(__file__).parent / "images"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
REPORT = "report"
"""Path of the picture whose page is a file."""
PICTURES = {
    "home": ("/", 1280, "light"),
    "overview": ("/projects/1", 1280, "light"),
    "overview-phone": ("/projects/1", 400, "dark"),
    "queue": ("/projects/1/queue", 1280, "light"),
    "rounds": ("/projects/1/rounds", 1280, "light"),
    "report": (REPORT, 1280, "light"),
}
"""Path, width in pixels and scheme of each, by its name: as many as the text needs."""
HIGHEST = {1280: 1400, 400: 1800}
"""Long lists are cut: a picture of all settings would be read by nobody."""
COLOURS = 96


def main() -> None:
    """Take every picture anew."""
    with (
        tempfile.TemporaryDirectory() as folder,
        site(Path(folder)) as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, (path, width, scheme) in PICTURES.items():
            page = (Path(folder) / "report.html").as_uri() if path == REPORT else address + path
            take(browser, page, f"dashboard-{name}", width, scheme)
        browser.close()


@contextmanager
def site(folder: Path) -> Iterator[str]:
    """Serve two made-up projects, one with a running round; yield the address."""
    port = free_port(0)
    settings = Settings(
        data_dir=folder,
        label_studio_api_key="x" * 40,
        host="127.0.0.1",
        port=port,
        show_annotators=True,
    )
    engine = open_database(settings.database())
    seed_store(engine, settings, Campaign(running=True))
    seed_store(engine, settings, Campaign(number=2, title="Street signs", tasks=300, pictures=0))
    context = open_context(settings)
    write_report(context, 1, folder / "report.html")
    context.close()
    server = make_server(create_app(settings), settings)
    threading.Thread(target=server.run, daemon=True).start()
    yield f"http://127.0.0.1:{port}"
    server.close()


def take(browser: Any, address: str, name: str, width: int, scheme: str) -> None:
    """Save one picture, with few colours since it is read on a screen and kept for ever."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.goto(address)
    page.evaluate("() => document.querySelectorAll('img').forEach(i => { i.loading = 'eager'; })")
    page.wait_for_function("() => [...document.images].every(i => i.complete)")
    height = page.evaluate("document.documentElement.scrollHeight")
    clip = {"x": 0, "y": 0, "width": width, "height": min(height, HIGHEST[width])}
    path = IMAGES / f"{name}.png"
    page.screenshot(path=path, full_page=True, clip=clip)
    context.close()
    picture = Image.open(path).convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE)
    picture.save(path, optimize=True)


if __name__ == "__main__":
    main()
