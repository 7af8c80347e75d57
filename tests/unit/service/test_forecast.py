"""`relabel forecast` for a project in the store: what it says before and after the audit."""

import json
import re

import pytest
from relabel.cli.app import build_app
from relabel.demo.seeded_store import Campaign, seed_store
from relabel.errors import ConfigurationError
from relabel.numerics.estimates import Estimate
from relabel.service.audit import Audit
from relabel.service.forecast import forecast_project
from typer.testing import CliRunner


@pytest.fixture
def cleaned(context):
    """A project of which people have settled a part; its number."""
    seed_store(
        context.engine, context.settings, Campaign(tasks=120, votes=60, rounds=1, pictures=0)
    )
    return 1


def asked(context, monkeypatch, *options):
    monkeypatch.setenv("RELABEL_DATA_DIR", str(context.settings.data_dir))
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "f" * 40)
    answer = CliRunner().invoke(build_app(), ["forecast", "--project", "1", *options])
    assert answer.exit_code == 0, answer.output
    return answer.stdout


@pytest.mark.usefixtures("cleaned")
def test_before_the_audit_there_are_votes_but_no_intervals(context, monkeypatch):
    text = asked(context, monkeypatch)
    assert re.search(r"not known yet; the audit has \d+ of 20", " ".join(text.split()))
    assert "from" not in text.split("How many")[0]
    found = json.loads(asked(context, monkeypatch, "--json"))
    assert found["votes"]["value"] > 0
    assert (found["votes"]["low"], found["noise_rate"], found["correct_now"]) == (None,) * 3


def test_the_audit_carries_intervals_and_the_share_of_wrong_labels(context, cleaned, monkeypatch):
    monkeypatch.setattr(Audit, "finished", property(lambda _: 20))
    monkeypatch.setattr(Audit, "initial", lambda *_: Estimate(0.3, 0.2, 0.4, 0.95))
    found = forecast_project(context, cleaned, target=0.9, level=0.8)
    assert found.unknown == ""
    assert found.votes.low <= found.votes.value <= found.votes.high
    assert 0.2 < found.noise_rate.value < 0.4


def test_a_target_that_is_no_share_is_refused(context, cleaned):
    with pytest.raises(ConfigurationError, match="target = 95"):
        forecast_project(context, cleaned, target=95, level=0.8)
