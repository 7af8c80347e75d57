"""Running an entry: what is missing and how long it takes, then its tables and its report."""

import json
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from relabel.errors import ConfigurationError
from relabel.files import told, write_file
from relabel.simulation.experiment.summary import summarise
from relabel.simulation.papers.parts.entry import Entry, Job, Numbers
from relabel.simulation.papers.registry import ENTRIES
from relabel.simulation.report.files import paper_table, table_of, write_report

SCALES = ("small", "paper")
WORDS = {
    "seeds": "repeats",
    "samples": "samples",
    "tested": "to test",
    "batch": "labels a round",
    "rounds": "rounds",
    "epochs": "epochs",
}
"""How the plan calls each of `Numbers`."""


def numbers_of(entry: Entry, scale: str) -> Numbers:
    """Return how much an entry computes at a scale.

    Raises:
        ConfigurationError: no such scale.

    """
    if scale not in SCALES:
        raise ConfigurationError(f"scale={scale!r} is unknown; known: {', '.join(SCALES)}.")
    return entry.paper if scale == "paper" else entry.small


def check_files(entry: Entry, job: Job) -> None:
    """Refuse to start without the files that the entry reads.

    Raises:
        ConfigurationError: naming all that are missing, with where to get them.

    """
    missing = [
        f"{', '.join(names)} ({want.what}; from {want.source})"
        for want in entry.wants
        if (names := want.missing(job.data_dir))
    ]
    if missing:
        there = "" if job.data_dir.is_dir() else " (no such folder)"
        raise ConfigurationError(
            f"In --data-dir {told(job.data_dir)}{there} there is no {'; no '.join(missing)}."
        )


def show_plan(entry: Entry, scale: str, job: Job) -> None:
    """Say what the paper used, what differs, how much is computed, and how long that takes."""
    small = scale == "small"
    seconds = entry.seconds if small else entry.seconds_of_paper
    counted = asdict(job.numbers)
    numbers = ", ".join(
        f"{word} {counted[name]:,}" for name, word in WORDS.items() if counted[name]
    )
    time = "not measured yet" if seconds is None else f"about {duration(seconds)} on two cores"
    lines = [
        entry.title,
        f"The paper: {entry.used}.",
        f"Here: {numbers}. Other than in the paper: {entry.differs}.",
        *(f"Missing for the paper's own: {lack}." for lack in entry.lacks if not small),
        f"Time: {time}. Stopped, the same command goes on.",
    ]
    for line in lines:
        job.console.print(line, highlight=False, markup=False)


def run_entry(entry: Entry, scale: str, job: Job, options: dict[str, object]) -> int:
    """Run an entry, write its report into job.out and show its tables; 0 = done.

    Raises:
        ConfigurationError: its data is not in job.data_dir.

    """
    check_files(entry, job)
    show_plan(entry, scale, job)
    outcome = entry.run(job)
    job.out.mkdir(parents=True, exist_ok=True)
    job.console.print(paper_table(outcome.paper))
    told_options = {**options, "data_dir": str(job.data_dir), **asdict(job.numbers)}
    told_options |= {"device": job.device, "option": dict(job.options)}
    if outcome.setting is None:
        content = {
            "title": outcome.title,
            "options": told_options,
            "rows": [],
            "paper": outcome.paper,
        }
        write_file(job.out / "summary.json", json.dumps(content, indent=1) + "\n")
        return 0
    rows = summarise(outcome.setting, outcome.methods, outcome.runs)
    job.console.print(table_of(rows, outcome.title, job.console.width))
    write_report(
        job.out, outcome.title, outcome.setting, rows, outcome.runs, told_options, outcome.paper
    )
    return 0


def show_list(console: Console) -> None:
    """Show every entry with its published value and the time that `small` takes."""
    table = Table("paper", "number", "what", "published", "small takes", title="Papers")
    for (paper, item), entry in ENTRIES.items():
        table.add_row(paper, item, entry.title, entry.published, duration(entry.seconds))
    console.print(table)


def duration(seconds: float | None) -> str:
    """Return a time in words, coarse."""
    if seconds is None:
        return "not measured"
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
