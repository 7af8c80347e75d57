"""Each check of a project finds its trouble and says what to do."""

import re

import pytest
from relabel.service.doctor.checkup import examine_project

pytestmark = pytest.mark.usefixtures("no_pauses")


def found(context, number, check):
    return {f.check: f for f in examine_project(context, number)}[check]


def test_a_project_that_is_not_connected_says_how_to_connect(context):
    (finding,) = examine_project(context, 5)
    assert not finding.ok
    assert "relabel connect --project 5" in finding.text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("check", "damage", "words"),
    [
        ("ml backend", lambda f, _n: f.backends.clear(), "relabel connect"),
        (
            "ml backend",
            lambda f, _n: [
                b.update(state="ER", error_message="Connection refused")
                for b in f.backends.values()
            ],
            "nothing listens at .*relabel serve",
        ),
        ("webhook", lambda f, _n: f.webhooks.clear(), "0 webhooks"),
        (
            "webhook",
            lambda f, _n: [h.update(headers={"X": "1"}) for h in f.webhooks.values()],
            "secret is not the one",
        ),
        (
            "webhook",
            lambda f, _n: [h.update(is_active=False) for h in f.webhooks.values()],
            "switched off",
        ),
        (
            "webhook",
            lambda f, _n: [h.update(actions=[]) for h in f.webhooks.values()],
            "not every event",
        ),
        (
            "queue order",
            lambda f, n: f.set_project(n, sampling="Sequential sampling"),
            "sampling = 'Sequential sampling'.*relabel reconcile",
        ),
        ("queue order", lambda f, n: f.set_project(n, model_version=""), "model_version = ''"),
        ("score column", lambda f, _n: f.predictions.clear(), "0 of 4 tasks have a score"),
        ("delivery", lambda _f, _n: None, "relabel serve"),
        ("images", lambda _f, _n: None, "answered 404"),
    ],
)
def test_every_trouble_is_told_with_what_to_do(context, fake, running, check, damage, words):
    number, _ = running
    damage(fake, number)
    finding = found(context, number, check)
    assert not finding.ok
    assert re.search(words, finding.text), finding.text


def test_a_healthy_project_is_told_as_such(context, running):
    number, _ = running
    for check in (
        "labelling config",
        "ml backend",
        "webhook",
        "round",
        "queue order",
        "score column",
    ):
        assert found(context, number, check).ok, check


def test_nothing_can_be_learnt_before_a_round(context, connected):
    number = connected(["cat", "dog"])
    assert "relabel round" in found(context, number, "round").text
    assert "no round has been published" in found(context, number, "queue order").text
