"""How long pages take on a project of 10,000 tasks while annotations arrive.

Run: .venv/bin/python benchmarks/dashboard.py [--tasks 10000] [--seconds 40]

The store is made up, so no Label Studio is needed. One thread votes through the webhook route twice
a second, as busy annotators do, while another opens a page twice a second: between any two pages
the project has changed.
"""

import argparse
import itertools
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

import numpy as np
from flask import Flask
from relabel.service.insight.overview import read_overview
from relabel.settings import Settings
from relabel.storage.database import open_database
from relabel.web.app import create_app
from seeded_store import START, Campaign, reference, seed_store

PAGES = ("", "/queue", "/undecided", "/images", "/rounds", "/settings")
RESULTS = Path(__file__).parent / "results" / "dashboard.md"
BETWEEN_SECONDS = 0.5
LAG = (
    "The first page waits for one reading of the store; later ones show what was read last while a "
    "newer one is read, so figures lag by up to 3 s and a reading."
)


def main() -> None:
    """Measure, print, and keep the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=40)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), label_studio_api_key="x" * 40)
        engine = open_database(settings.database())
        campaign = Campaign(tasks=options.tasks, votes=300, pictures=200)
        seed_store(engine, settings, campaign)
        app = create_app(settings)
        reading = [timed(lambda: read_overview(engine, settings, 1))[0] for _ in range(5)]
        stop = threading.Event()
        voter = threading.Thread(target=vote, args=(app, stop), daemon=True)
        voter.start()
        pages = look(app, options.seconds)
        stop.set()
        voter.join()
        pictures = [
            timed(lambda i=i: app.test_client().get(f"/projects/1/thumbnails/{i}"))[0]
            for i in itertools.chain(range(1, 101), range(1, 101))
        ]
        engine.dispose()
    report(options, pages, reading, pictures)


def vote(app: Flask, stop: threading.Event) -> None:
    """Vote on one task after the other until told to stop."""
    client = app.test_client()
    for number in itertools.count():
        if stop.wait(BETWEEN_SECONDS):
            return
        body = annotation_event(number)
        answer = client.post("/webhook", json=body)
        assert answer.status_code == 201, answer.get_data(as_text=True)


def annotation_event(number: int) -> dict:
    """Return what Label Studio sends after an annotation."""
    task, at = 5000 - number, f"2026-11-20T10:{number // 60 % 60:02}:{number % 60:02}.000000Z"
    choice = {"choices": [str(number % 10)]}
    result = {"from_name": "label", "to_name": "image", "type": "choices", "value": choice}
    return {
        "action": "ANNOTATION_CREATED",
        "project": {"id": 1},
        "annotation": {
            "id": 90_000_000 + number,
            "task": task,
            "completed_by": 7,
            "updated_by": 7,
            "result": [result],
            "was_cancelled": False,
            "created_at": at,
            "updated_at": at,
        },
        "task": {"id": task, "data": {"image": reference(task)}, "created_at": START.isoformat()},
    }


def look(app: Flask, seconds: float) -> dict[str, list[float]]:
    """Open one page after the other, and ask for the live figures as an open page does."""
    client, found = app.test_client(), {}
    until = time.monotonic() + seconds
    for page in itertools.cycle(PAGES):
        path = f"/projects/1{page}"
        taken, answer = timed(lambda path=path: client.get(path, headers={"Accept": "text/html"}))
        assert answer.status_code == 200
        found.setdefault(page or "/overview", []).append(taken)
        time.sleep(BETWEEN_SECONDS)
        if time.monotonic() > until:
            return found
    return found


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return seconds and result."""
    begun = time.perf_counter()
    result = work()
    return time.perf_counter() - begun, result


def report(
    options: argparse.Namespace,
    pages: dict[str, list[float]],
    reading: list[float],
    pictures: list[float],
) -> None:
    """Print the table and keep it."""
    every = [taken for times in pages.values() for taken in times]
    rows = [(f"page {name}", times) for name, times in pages.items()]
    rows += [
        ("all pages", every),
        ("reading the whole project from the store, alone", reading),
        ("thumbnail, first time", pictures[:100]),
        ("thumbnail, from the cache", pictures[100:]),
    ]
    lines = [
        "# Dashboard",
        "",
        f"{options.tasks:,} tasks, two votes and two pages per second; milliseconds.",
        "",
        "| what | requests | median | 95 % | longest |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {len(times)} | {1000 * np.median(times):.0f} | "
            f"{1000 * np.quantile(times, 0.95):.0f} | {1000 * max(times):.0f} |"
            for name, times in rows
        ),
        "",
        f"Median below 200 ms: {'yes' if np.median(every) < 0.2 else 'NO'}.",
        "",
        LAG,
        "",
        "Made by `.venv/bin/python benchmarks/dashboard.py`.",
    ]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
