"""What a sweep asks of Label Studio, and when it asks again."""

from collections import Counter

import pytest
from relabel.labelstudio.contract import with_notice
from relabel.service import connected as connected_module
from relabel.service.sync.catch_up import carry_out
from relabel.service.sync.sweep import forget_sweeps, sweep
from wiring import deliver, report


@pytest.fixture
def settled(context, fake, running):
    """A project in which nothing is left to do."""
    number, ids = running
    for _ in range(3):
        deliver(context, fake)
        forget_sweeps(context)
        sweep(context)
    fake.events.clear()
    fake.requests.clear()
    forget_sweeps(context)
    return number, ids


@pytest.mark.usefixtures("settled")
def test_an_idle_sweep_asks_each_thing_once_and_writes_nothing(context, fake):
    sweep(context)
    asked = Counter((method, path) for method, path, _ in fake.requests)
    assert set(asked.values()) == {1}
    assert fake.writes() == []


def test_a_description_changed_during_the_sweep_is_not_written_over(
    context, fake, settled, monkeypatch
):
    """It is read again before anything is written that stands on it."""
    number, _ = settled
    project = fake.projects[number]
    project["description"] = with_notice("What cats look like", "Paused", "an old reason")
    real = context.label_studio.views

    def views(*given):
        project["description"] = "Somebody's own words"
        return real(*given)

    monkeypatch.setattr(context.label_studio, "views", views)
    sweep(context)
    assert project["description"] == "Somebody's own words"


@pytest.mark.parametrize("act", ["event", "sweep"])
def test_policy_and_schema_are_read_once(context, fake, settled, monkeypatch, act):
    number, _ = settled
    read = Counter()

    def counting(name):
        real = getattr(connected_module, name)

        def call(*given):
            read[name] += 1
            return real(*given)

        monkeypatch.setattr(connected_module, name, call)

    counting("policy_of")
    counting("schema_of")
    if act == "event":
        fake.annotate(fake.open_tasks(number)[0], 1, "dog")
        report(context, fake.events.pop(0))
        carry_out(context, number)
    else:
        sweep(context)
    assert read == {"policy_of": 1, "schema_of": 1}
