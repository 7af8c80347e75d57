"""The sweep repairs what no event told, and asks no more than that takes."""

from collections import Counter

import pytest
from fake_label_studio import CONFIG
from relabel.labelstudio.contract import with_notice
from relabel.service import connected as connected_module
from relabel.service.audit.turns import turns_of
from relabel.service.queue.scores import scores_now
from relabel.service.rounds.due import round_due_now
from relabel.service.sync.catch_up import carry_out
from relabel.service.sync.sweep import forget_sweeps, sweep
from relabel.service.votes.result import RoundResult
from relabel.storage.database import reading
from relabel.storage.journal.events import Action, journal
from relabel.storage.rounds import published_round
from wiring import (
    deliver,
    report,
    state_of,
    votes_of_store,
    writes,
)

pytestmark = pytest.mark.usefixtures("no_pauses")


def result_of(context, number):
    with reading(context.engine) as connection:
        last = published_round(connection, number)
    return RoundResult.load(context.folder(number), last.artifact)


def test_the_sweep_repairs_what_no_event_told(context, fake, running):
    number, ids = running
    fake.annotate(ids[0], 1, "cat")
    fake.delete_task(ids[3])
    (new,) = fake.add_tasks(number, ["dog"])
    fake.set_project(number, sampling="Sequential sampling")
    fake.events.clear()
    assert [p.id for p in sweep(context)] == [number]
    assert votes_of_store(context, number) == fake.votes(number)
    assert list(state_of(context, number).tasks) == [*ids[:3], new]
    assert fake.projects[number]["sampling"] == "Uncertainty sampling"
    assert ids[0] not in fake.open_tasks(number)


def test_a_sweep_first_does_what_a_killed_worker_left_undone(context, fake, running):
    """The comparison with Label Studio takes longer, and nobody waits for that."""
    number, ids = running
    fake.annotate(ids[0], 1, "cat")
    with context.engine.begin() as connection:
        journal(connection, number, Action.CHANGED)
    fake.requests.clear()
    sweep(context)
    calls = [f"{method} {path}" for method, path, _ in fake.requests]
    written = next(i for i, call in enumerate(calls) if call.startswith("PATCH /api/predictions/"))
    assert written < calls.index("GET /api/version")


@pytest.mark.usefixtures("running")
def test_a_sweep_without_changes_writes_nothing(context, fake):
    sweep(context)
    fake.requests.clear()
    sweep(context)
    assert writes(fake) == []


def test_one_broken_project_does_not_stop_the_others(context, fake, running, connected):
    number, ids = running
    gone = connected(["cat", "dog"])
    fake.delete_project(gone)
    broken = connected(["cat", "dog"])
    fake.projects[broken]["label_config"] = "<View/>"
    fake.annotate(ids[0], 1, "cat")
    fake.events.clear()
    assert number in [p.id for p in sweep(context)]
    assert votes_of_store(context, number) == fake.votes(number)


def test_a_config_with_another_class_does_not_stop_the_queue(context, fake, running):
    """The last round knows nothing of the new class; the next one will."""
    number, ids = running
    fake.set_project(
        number, label_config=CONFIG.replace("</Choices>", '<Choice value="fish"/></Choices>')
    )
    deliver(context, fake)
    fake.annotate(ids[0], 1, "fish")
    deliver(context, fake)
    assert [p.id for p in sweep(context)] == [number]
    assert (ids[0], "1", "fish") in votes_of_store(context, number)
    assert fake.next_task(2) in ids
    assert round_due_now(context, number) == "the classes have changed"


def test_classes_in_another_order_leave_every_score_as_it_was(context, fake, running):
    """The round's posteriors follow the names of the classes, not their places."""
    number, ids = running
    before, result = state_of(context, number), result_of(context, number)
    scores, _ = scores_now(before, result, turns_of(before))
    cat, dog = '<Choice value="cat"/>', '<Choice value="dog"/>'
    swapped = CONFIG.replace(cat, "CAT").replace(dog, cat).replace("CAT", dog)
    assert swapped != CONFIG
    fake.set_project(number, label_config=swapped)
    deliver(context, fake)
    after = state_of(context, number)
    assert after.schema.classes != before.schema.classes
    again, changed = scores_now(after, result, turns_of(after))
    assert again.tolist() == scores.tolist()
    assert not len(changed)
    fake.annotate(ids[0], 1, "dog")
    deliver(context, fake)
    voted = state_of(context, number)
    probs = result.arranged(voted.schema.classes).posteriors.probs
    names = [voted.schema.classes[c] for c in probs.argmax(1)]
    assert names == [before.schema.classes[c] for c in result.posteriors.probs.argmax(1)]


@pytest.mark.parametrize("damage", ["gone", "half"])
def test_a_lost_result_of_a_round_is_told_and_stops_no_other_project(
    context, running, connected, damage, caplog
):
    number, _ = running
    other = connected(["cat", "dog"])
    (file,) = context.folder(number).glob("*.npz")
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:100])
    assert [p.id for p in sweep(context)] == [other]
    assert f"relabel round --project {number}" in caplog.text


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
