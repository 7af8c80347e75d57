"""Figures for Prometheus, as the store is at each request."""

import math
from collections.abc import Sequence

from sqlalchemy import Engine

from relabel.errors import RelabelError
from relabel.service.doctor.findings import Finding
from relabel.storage.database import reading
from relabel.storage.journal.events import count_waiting
from relabel.storage.projects import list_projects
from relabel.web.overviews import Overviews

FIGURES = {
    "tasks": "tasks in the project",
    "votes": "votes spent",
    "settled": "tasks settled by new votes",
    "corrected": "settled tasks whose label changed",
    "ambiguous": "tasks that reached the cap on votes without a majority",
    "in_progress": "tasks that wait for another vote",
    "open_tasks": "tasks open in Label Studio's queue",
    "rounds": "published rounds",
    "events": "webhook events journalled",
    "pending_jobs": "events not yet carried out",
    "left_out": "tasks whose image cannot be used",
}


def metrics_text(engine: Engine, overviews: Overviews, health: Sequence[Finding]) -> str:
    """Return the metrics page."""
    # Whoever has no Prometheus never asks for this page.
    from prometheus_client import CollectorRegistry, Gauge, generate_latest  # noqa: PLC0415

    registry = CollectorRegistry()
    parts = Gauge(
        "relabel_health",
        "whether a part is well: 1 or 0; NaN = not looked at by this process",
        ["check"],
        registry=registry,
    )
    for finding in health:
        parts.labels(finding.check).set(math.nan if finding.ok is None else finding.ok)
    gauges = {
        name: Gauge(f"relabel_{name}", text, ["project"], registry=registry)
        for name, text in FIGURES.items()
    }
    done = Gauge(
        "relabel_round_progress_ratio",
        "share of the running round's stage that is done",
        ["project", "stage"],
        registry=registry,
    )
    books = Gauge(
        "relabel_accounts",
        "what was read, by what became of it: the parts of a book are all that was read",
        ["project", "book", "part"],
        registry=registry,
    )
    with reading(engine) as connection:
        numbers = [project.id for project in list_projects(connection)]
        waiting = count_waiting(connection)
    everywhere = "events of all projects not yet carried out"
    Gauge("relabel_events_waiting", everywhere, registry=registry).set(waiting)
    for number in numbers:
        try:
            status = overviews.newest(number).status
        except RelabelError:
            continue  # a broken labelling config: `relabel doctor` explains it
        for name, gauge in gauges.items():
            gauge.labels(str(number)).set(status[name])
        for name, book in status["accounts"].items():
            for part in book["parts"]:
                books.labels(str(number), name, part["name"]).set(part["count"])
        running = status["round_running"]
        if running:
            share = running["done"] / max(running["total"], 1)
            done.labels(str(number), running["stage"]).set(share)
    return generate_latest(registry).decode()
