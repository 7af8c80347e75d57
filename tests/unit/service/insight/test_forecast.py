"""`relabel forecast` for a project in the store: what it says before and after the audit."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from relabel.cli.app import build_app
from relabel.errors import ConfigurationError
from relabel.numerics.consensus.posterior import Rates
from relabel.numerics.estimates.noise_rate import Estimate
from relabel.service.insight.audit import Audit
from relabel.service.insight.forecast import forecast_project
from relabel.service.insight.overview import read_overview, sentence
from relabel.service.votes.rates import RoundRates
from relabel.service.votes.result import RoundResult
from relabel.storage.projects import set_project
from seeded_store import Campaign, seed_store
from typer.testing import CliRunner


@pytest.fixture
def cleaned(context):
    """A project of which people have settled a part; its number."""
    seed_store(
        context.engine, context.settings, Campaign(tasks=120, votes=60, rounds=1, pictures=0)
    )
    return 1


def asked(context, monkeypatch, *options, code=0):
    monkeypatch.setenv("RELABEL_DATA_DIR", str(context.settings.data_dir))
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "f" * 40)
    answer = CliRunner().invoke(build_app(), ["forecast", "--project", "1", *options])
    assert answer.exit_code == code, answer.output
    return answer.stdout if code == 0 else answer.output


def with_rates(result):
    k = len(result.classes)
    believed = Rates(np.full(k, 0.3), 0.3, 0.05)
    return replace(result, rates=RoundRates(result.classes, believed, {}))


@pytest.fixture
def audited(monkeypatch):
    """The audit has enough finished tasks, and the round believes what it says."""
    real = RoundResult.arranged
    monkeypatch.setattr(Audit, "finished", property(lambda _: 20))
    monkeypatch.setattr(RoundResult, "arranged", lambda *known: with_rates(real(*known)))
    monkeypatch.setattr(Audit, "initial", lambda *_: Estimate(0.3, 0.2, 0.4, 0.95))


@pytest.mark.slow
@pytest.mark.usefixtures("cleaned")
def test_before_the_audit_there_are_votes_but_no_share_of_wrong_labels(context, monkeypatch):
    text = asked(context, monkeypatch)
    assert re.search(r"not known yet; the audit has \d+ of 20", " ".join(text.split()))
    assert "labels that people would change" not in text
    assert "never" not in text
    assert not re.search(r"\d to ", text), "no interval"
    found = json.loads(asked(context, monkeypatch, "--json"))["to_come"]
    assert found["votes"]["value"] > 0
    assert (found["votes"]["low"], found["votes"]["high"]) == (None, None)
    assert found["noise_rate"]["value"] is None


@pytest.mark.slow
@pytest.mark.usefixtures("cleaned", "audited")
def test_once_the_audit_carries_it_every_figure_has_a_range(context, monkeypatch):
    text = asked(context, monkeypatch)
    figures = [line.split("│")[1:-1] for line in text.splitlines() if line.startswith("│")]
    assert len(figures) == 6
    assert all(" to " in cells[2] for cells in figures)
    assert "votes fewer with posterior" in text
    found = json.loads(asked(context, monkeypatch, "--json"))
    assert set(found) == {"to_come", "unknown", "so_far"}
    yields = found["to_come"]["found"]
    assert 0 <= yields["low"] <= yields["value"] <= yields["high"]


@pytest.mark.usefixtures("cleaned", "audited")
def test_a_level_cannot_be_asked_for(context, monkeypatch):
    answer = asked(context, monkeypatch, "--level", "0.8", code=2)
    assert "No such option" in answer


@pytest.mark.usefixtures("audited")
def test_the_share_of_wrong_labels_is_told_with_the_votes(context, cleaned):
    found = forecast_project(context, cleaned, target=0.9)
    assert found.unknown == ""
    told = found.to_come
    assert told.votes.value > 0
    assert 0 < told.noise_rate.low <= told.noise_rate.value < 0.5
    assert 0.5 < told.correct_now.value < 1


def test_one_person_alone_is_refused_by_name(context, cleaned):
    with context.engine.begin() as connection:
        set_project(connection, cleaned, extra_params="solo = true")
    with pytest.raises(ConfigurationError, match="solo = true"):
        forecast_project(context, cleaned, target=0.9)


def test_a_model_that_has_seen_the_labels_has_no_interval(context, cleaned, monkeypatch):
    monkeypatch.setattr(Audit, "finished", property(lambda _: 20))
    found = forecast_project(context, cleaned, target=0.9)
    assert "has seen the labels" in found.unknown
    assert (found.to_come.votes.low, found.to_come.votes.high) == (None, None)
    assert found.to_come.fewer.value is None


def test_a_target_that_is_no_share_is_refused(context, cleaned):
    with pytest.raises(ConfigurationError, match="target = 95"):
        forecast_project(context, cleaned, target=95)


@pytest.mark.usefixtures("cleaned", "audited")
@pytest.mark.parametrize("params", ["", 'consensus = "posterior"', "budget = 75"])
def test_the_overview_says_of_the_next_votes_what_the_command_says(context, monkeypatch, params):
    monkeypatch.setattr(Audit, "alone", lambda *_: Estimate(0.3, 0.2, 0.4, 0.95))
    with context.engine.begin() as connection:
        set_project(connection, 1, extra_params=params)
    overview = read_overview(context.engine, context.settings, 1)
    votes, shown = overview.noise.changed_next
    assert votes == (75 - overview.status["votes"] if "budget" in params else 100)
    told = forecast_project(context, 1, target=0.9).to_come
    assert told.ahead == votes
    assert (told.found.value, told.found.low, told.found.high) == (
        shown.value,
        shown.low,
        shown.high,
    )
    assert f"the next {votes} votes should change about {shown.value:,.0f} labels" in sentence(
        overview
    )
