"""What is said of the wrong labels: nothing that no audit carries."""

import re

import pytest
from relabel.numerics.estimates.noise_rate import Estimate
from relabel.service.insight.audit import Audit
from relabel.service.insight.overview import read_overview, sentence
from relabel.web.pages.report import render_report

INTERVAL = re.compile(r"\d+ ?% interval|interval", re.IGNORECASE)
UNKNOWN = re.compile(r"not known yet; the audit has \d+ of 20")


def texts(seeded, page):
    overview = read_overview(seeded.engine, seeded.settings, 1)
    report = render_report(overview, seeded.engine, seeded.settings)
    return {
        "overview": page(seeded.client(), "/projects/1"),
        "report": re.sub(r"<[^>]+>", " ", report[report.index("<main") :]),
        "sentence": sentence(overview),
    }


@pytest.mark.slow
def test_until_the_audit_has_20_tasks_a_sentence_without_figures_is_shown(seeded, page):
    for where, text in texts(seeded, page).items():
        assert UNKNOWN.search(text), where
        assert not INTERVAL.search(text), where
        assert "Noise rate over rounds" not in text
        assert not re.search(r"about [\d,.]+ more labels", text), where


def test_metrics_and_status_hold_no_estimate(seeded):
    client = seeded.client()
    for path in ("/metrics", "/api/projects/1/status"):
        assert not re.search(r"noise|interval|wrong", client.get(path).get_data(as_text=True))


def test_without_an_audit_it_is_said_that_nothing_will_be_known(unaudited, page):
    for where, text in texts(unaudited, page).items():
        assert "not known: audit_share is 0" in text, where


@pytest.mark.parametrize("audited", [19, 20])
def test_from_20_audited_tasks_on_the_audit_is_shown_with_its_interval(
    own, page, monkeypatch, audited
):
    monkeypatch.setattr(Audit, "finished", property(lambda _: audited), raising=False)
    for name in ("initial", "alone"):
        monkeypatch.setattr(Audit, name, lambda *_: Estimate(0.25, 0.125, 0.5, 0.95))
    for where, text in texts(own, page).items():
        assert bool(INTERVAL.search(text)) == (audited == 20), where
        assert bool(UNKNOWN.search(text)) == (audited < 20), where
        assert "model's doubt" not in text, where  # too few to let it have a say
