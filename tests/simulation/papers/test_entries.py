"""Every figure and table runs to its end on small files, and says what the paper has beside it."""

import json
from dataclasses import asdict, replace
from io import StringIO

import pytest
from relabel.errors import ConfigurationError
from relabel.simulation.papers.parts.entry import Job, Numbers
from relabel.simulation.papers.registry import ENTRIES
from relabel.simulation.papers.run import WORDS, duration, run_entry, show_list, show_plan
from rich.console import Console

TINY = Numbers(seeds=1, samples=200, tested=200, batch=20, rounds=2, epochs=2)


def job_of(data_dir, out, samples=TINY.samples):
    shown = Console(width=200, file=StringIO())
    return Job(data_dir, out, replace(TINY, samples=samples), 1, shown)


@pytest.mark.slow
@pytest.mark.parametrize(("paper", "item"), ENTRIES)
def test_an_entry_runs_to_its_end_beside_what_the_paper_has(paper, item, data_dir, tmp_path):
    entry = ENTRIES[paper, item]
    # A long tail is a small part of what it is taken from.
    job = job_of(data_dir, tmp_path, 1300 if paper == "khanal2024" else TINY.samples)
    assert run_entry(entry, "small", job, {"paper": paper, "item": item, "scale": "small"}) == 0
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["options"]["item"] == item
    assert len(summary["paper"]) > 1
    assert all(row["row"] and row["paper"] and row["ours"] for row in summary["paper"])
    assert entry.used in job.console.file.getvalue()


@pytest.mark.parametrize(("paper", "item"), ENTRIES)
def test_small_computes_no_more_than_the_paper(paper, item):
    entry = ENTRIES[paper, item]
    assert entry.small.work <= entry.paper.work
    assert entry.small.seeds >= 3 or entry.small == entry.paper


def test_the_list_names_every_entry_with_its_published_value_and_its_time():
    shown = Console(width=300, file=StringIO())
    show_list(shown)
    said = shown.file.getvalue()
    for (paper, item), entry in ENTRIES.items():
        (line,) = (
            line
            for line in said.splitlines()
            if paper in line and f" {item} " in line and entry.title in line
        )
        assert entry.published in line
        assert duration(entry.seconds) in line


def test_the_time_of_the_paper_grows_with_what_it_computes(data_dir, tmp_path):
    entry = next(iter(ENTRIES.values()))
    small, large = Numbers(seeds=5, samples=100), Numbers(seeds=10, samples=600)
    known = replace(entry, seconds=100, small=small, paper=large)
    assert known.seconds_of_paper == 1200
    assert set(WORDS) == set(asdict(small))
    job = job_of(data_dir, tmp_path)
    show_plan(known, "paper", job)
    assert "Time: about 20 min" in job.console.file.getvalue()
    assert replace(known, seconds=None).seconds_of_paper is None


@pytest.mark.parametrize(("paper", "item"), ENTRIES)
def test_only_at_the_papers_scale_it_is_said_what_the_paper_had(paper, item, tmp_path):
    entry = ENTRIES[paper, item]
    said = {}
    for scale in ("small", "paper"):
        job = job_of(tmp_path, tmp_path)
        show_plan(entry, scale, job)
        said[scale] = " ".join(job.console.file.getvalue().split())
    assert entry.differs in said["small"]
    assert "Missing for" not in said["small"]
    assert all(f"Missing for the paper's own: {lack}." in said["paper"] for lack in entry.lacks)


def test_all_missing_files_are_named_before_anything_is_made(data_dir, tmp_path):
    entry = ENTRIES["kim2022", "table 1"]
    job = job_of(tmp_path, tmp_path / "out")
    with pytest.raises(ConfigurationError) as refused:
        run_entry(entry, "small", job, {})
    for want in entry.wants:
        for name in want.files:
            assert name in str(refused.value)
            assert not want.missing(data_dir)
    assert not (tmp_path / "out").exists()
    assert job.console.file.getvalue() == ""
