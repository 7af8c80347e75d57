"""How long Label Studio waits for the webhook while people keep the dashboard open.

Run: .venv/bin/python benchmarks/open_pages.py [--tasks 10000] [--seconds 40] [--pages 4]

A `relabel serve` of its own process over a made-up store, so no Label Studio is needed. Votes come
through the webhook five times a second; each open overview asks for its figures as its script does.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

import httpx
import numpy as np
from dashboard import annotation_event
from relabel.demo.servers.processes import free_port
from relabel.settings import Settings
from relabel.storage.database import open_database
from relabel.storage.projects import set_project, token_digest
from seeded_store import Campaign, seed_store

RESULTS = Path(__file__).parent / "results" / "open_pages.md"
SECRET = "s" * 43
BETWEEN_SECONDS = 0.2


def main() -> None:
    """Measure without and with open pages, print, and keep the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--pages", type=int, default=4)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), label_studio_api_key="x" * 40)
        engine = open_database(settings.database())
        seed_store(engine, settings, Campaign(tasks=options.tasks, votes=300, pictures=0))
        with engine.begin() as connection:
            set_project(connection, 1, webhook_digest=token_digest(SECRET))
        engine.dispose()
        with served(folder) as url:
            alone = vote(url, options.seconds, first=0)
            stop = threading.Event()
            pages = [
                threading.Thread(target=keep_open, args=(url, stop), daemon=True)
                for _ in range(options.pages)
            ]
            for page in pages:
                page.start()
                time.sleep(1.0)  # nobody opens them all at once
            watched = vote(url, options.seconds, first=len(alone))
            stop.set()
    report(options, {"no page": alone, f"{options.pages} overviews": watched})


@contextmanager
def served(folder: str) -> Iterator[str]:
    """Yield the address of a `relabel serve` over the store in a folder."""
    port = free_port(0)
    env = os.environ | {
        "RELABEL_DATA_DIR": folder,
        "RELABEL_PORT": str(port),
        "LABEL_STUDIO_API_KEY": "x" * 40,
    }
    command = [sys.executable, "-m", "relabel", "serve", "--no-worker"]
    with subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL) as server:
        url = f"http://127.0.0.1:{port}"
        try:
            for _ in range(600):
                try:
                    httpx.get(f"{url}/health", trust_env=False)
                    break
                except httpx.ConnectError:
                    time.sleep(0.1)
            yield url
        finally:
            server.terminate()


def vote(url: str, seconds: float, first: int) -> list[float]:
    """Report votes; return the seconds until each was acknowledged."""
    taken, until = [], time.monotonic() + seconds
    while time.monotonic() < until:
        body = annotation_event(first + len(taken))
        # A new connection each time, as Label Studio makes it.
        with httpx.Client(trust_env=False, timeout=30.0) as client:
            begun = time.perf_counter()
            answer = client.post(f"{url}/webhook", json=body, headers={"X-Relabel-Token": SECRET})
            taken.append(time.perf_counter() - begun)
        assert answer.status_code == 201, answer.text
        time.sleep(BETWEEN_SECONDS)
    return taken


def keep_open(url: str, stop: threading.Event) -> None:
    """Open the overview and ask for its figures as often as its script does."""
    with httpx.Client(base_url=url, trust_env=False, timeout=60.0) as client:
        page = client.get("/projects/1", headers={"Accept": "text/html"}).text
        path = re.search(r'data-status="([^"]+)"', page)[1]
        every = int(re.search(r"EVERY_MS = (\d+)", client.get("/static/live.js").text)[1]) / 1000
        while not stop.wait(every):
            assert client.get(path).status_code == 200


def report(options: argparse.Namespace, rows: dict[str, list[float]]) -> None:
    """Print the table and keep it."""
    lines = [
        "# The webhook while overviews are open",
        "",
        f"{options.tasks:,} tasks, five votes a second; milliseconds until the answer.",
        "",
        "| open | votes | median | 99 % | longest |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {len(times)} | {1000 * np.median(times):.0f} | "
            f"{1000 * np.quantile(times, 0.99):.0f} | {1000 * max(times):.0f} |"
            for name, times in rows.items()
        ),
        "",
        "Made by `.venv/bin/python benchmarks/open_pages.py`.",
    ]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
