"""The sweep repairs what no event told."""

import pytest
from fake_label_studio import CONFIG
from relabel.service.queue.scores import RoundResult, scores_now
from relabel.service.rounds.due import round_due_now
from relabel.service.sync.sweep import sweep
from relabel.storage.database import reading
from relabel.storage.events import journal
from relabel.storage.rounds import published_round
from wiring import (
    deliver,
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
        journal(connection, number, "CHANGED")
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
    scores, _ = scores_now(before, result)
    cat, dog = '<Choice value="cat"/>', '<Choice value="dog"/>'
    swapped = CONFIG.replace(cat, "CAT").replace(dog, cat).replace("CAT", dog)
    assert swapped != CONFIG
    fake.set_project(number, label_config=swapped)
    deliver(context, fake)
    after = state_of(context, number)
    assert after.schema.classes != before.schema.classes
    again, changed = scores_now(after, result)
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
