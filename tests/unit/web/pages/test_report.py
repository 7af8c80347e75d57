"""The report is one file that needs nothing else and says what the store says."""

import re

import pytest
from relabel.errors import ConfigurationError, NotReadyError
from relabel.service.insight.status import project_status
from relabel.web.pages.report import write_report


def test_a_report_refers_to_nothing_outside_itself(report):
    """Styles, charts and images are inside; no script, no address to load."""
    sources = re.findall(r'(?:src|href)="([^"]*)"', report)
    assert sources
    assert all(source.startswith("data:") for source in sources)
    assert "<script" not in report
    assert "url(" not in report
    assert report.count("<svg") == 3


def test_a_report_shows_the_figures_of_the_status_command(seeded, report):
    status = project_status(seeded.engine, seeded.settings, 1)
    for name, label in (("corrected", "labels corrected"), ("votes", "votes spent")):
        assert f"<dt>{label}</dt><dd>{status[name]:,}</dd>" in report


def test_a_report_shows_corrected_tasks_with_label_before_and_after(seeded, report):
    """As many examples as there are, or 24; each differs from the label it had."""
    status = project_status(seeded.engine, seeded.settings, 1)
    examples = re.findall(r"<del>(\d)</del> → <strong>(\d)</strong>", report)
    assert len(examples) == min(status["corrected"], 24)
    assert all(before != after for before, after in examples)
    assert report.count("data:image/jpeg;base64,") >= len(examples)


def test_a_report_cites_the_three_papers(report):
    for name in ("Bernhardt", "Kim", "Khanal"):
        assert name in report


def test_a_report_that_cannot_be_made_leaves_no_file(context, tmp_path):
    with pytest.raises(NotReadyError, match="relabel connect --project 9"):
        write_report(context, 9, tmp_path / "report.html")
    with pytest.raises(ConfigurationError, match="--out"):
        write_report(context, 1, tmp_path / "missing" / "report.html")
    assert not list(tmp_path.iterdir())
