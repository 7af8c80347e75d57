"""Cancelling a running round and undoing the last one, as the dashboard's buttons do."""

import pytest
from relabel.errors import NotReadyError, RoundCancelledError
from relabel.service.commands import ask_for_undo, cancel_round
from relabel.service.export.export import write_back
from relabel.service.insight.consequences import of_cancelling, of_undoing
from relabel.service.queue.cleanup import remove_old_predictions
from relabel.service.rounds.due import round_due_now
from relabel.service.rounds.progress import RoundProgress
from relabel.service.rounds.run import run_round
from relabel.service.sync.catch_up import carry_out
from relabel.storage.database import reading
from relabel.storage.rounds import RoundState, list_rounds, published_round
from wiring import claim_round, deliver, publish_round, state_of


@pytest.fixture
def ordered(context, fake, connected):
    """A project of four tasks after one round; (number, task ids by suspicion)."""
    number = connected(["cat", "dog", "bird", "cat"])
    ids = sorted(fake.tasks)
    publish_round(context, number, {ids[0]: 0.9, ids[1]: 0.8, ids[2]: 0.7, ids[3]: 0.6})
    deliver(context, fake)
    return number, ids


def rounds(context, number):
    with reading(context.engine) as connection:
        return list_rounds(connection, number)


def votes(context, number):
    return {(v.task_id, v.source, v.label) for v in state_of(context, number).votes}


def test_a_cancelled_round_ends_at_its_next_step_and_starts_no_other(
    context, fake, ordered, monkeypatch
):
    """The queue, its version and the votes stay; only new votes or a wish start another round."""
    number, ids = ordered
    fake.annotate(ids[3], 1, "dog")
    deliver(context, fake)
    before, version = votes(context, number), fake.projects[number]["model_version"]

    def work(context, _project, current):
        cancel_round(context.engine, number, current.run)
        RoundProgress(context, current)("predictions", 1, 4)

    monkeypatch.setattr("relabel.service.rounds.run._run", work)
    with pytest.raises(RoundCancelledError, match="'predictions'"):
        run_round(context, number)
    assert rounds(context, number)[-1].state is RoundState.CANCELLED
    assert round_due_now(context, number) == ""
    assert fake.projects[number]["model_version"] == version
    assert fake.next_task(2) == ids[3]  # begun, so first
    assert votes(context, number) == before


def test_what_a_cancelled_round_had_already_written_is_taken_back(
    context, fake, ordered, monkeypatch
):
    """Its predictions go with the next sweeps; a task that it opened waits behind those before."""
    number, ids = ordered

    def work(context, connected, current):
        from relabel.service.queue.publish import write_predictions
        from relabel.service.queue.refresh import change_task
        from relabel.service.queue.window import Change
        from relabel.types import silent

        version = current.model_version
        write_predictions(context, number, version, dict.fromkeys(ids, 0.5), silent)
        task = state_of(context, number).tasks[ids[3]]
        change_task(context, connected.project.id, task, Change(ids[3], 2, is_labeled=False))
        cancel_round(context.engine, number, current.run)
        RoundProgress(context, current)("opening tasks", 1, 2)

    monkeypatch.setattr("relabel.service.rounds.run._run", work)
    with pytest.raises(RoundCancelledError):
        run_round(context, number)
    assert fake.next_task(1) == ids[0]
    cancelled = rounds(context, number)[-1].model_version
    remove_old_predictions(context, number)
    assert cancelled not in context.label_studio.model_versions(number)


def test_only_the_round_that_runs_can_be_cancelled(context, ordered):
    number, _ = ordered
    with pytest.raises(NotReadyError, match="not running"):
        cancel_round(context.engine, number, "round-1")
    running = claim_round(context, number)
    with pytest.raises(NotReadyError, match="not running"):
        cancel_round(context.engine, number, "round-1")
    cancel_round(context.engine, number, running.run)


def test_undoing_a_round_puts_the_one_before_in_force_and_keeps_every_vote(context, fake, ordered):
    number, ids = ordered
    first = rounds(context, number)[0]
    publish_round(context, number, {ids[3]: 0.9})
    deliver(context, fake)
    assert fake.next_task(1) == ids[3]
    fake.annotate(ids[2], 1, "bird")
    deliver(context, fake)
    before = votes(context, number)
    ask_for_undo(context.engine, number, "round-2")
    assert carry_out(context, number).events == 1
    with reading(context.engine) as connection:
        published = published_round(connection, number)
    assert published.id == first.id
    assert fake.projects[number]["model_version"] == first.model_version
    assert fake.next_task(2) == ids[0]
    assert votes(context, number) == before
    assert round_due_now(context, number) == ""


def test_an_undo_that_was_interrupted_is_finished_by_the_next_look(
    context, fake, ordered, monkeypatch
):
    """Killed between the store and Label Studio, the same end is reached."""
    number, ids = ordered
    publish_round(context, number, {ids[3]: 0.9})
    deliver(context, fake)
    ask_for_undo(context.engine, number, "round-2")

    def die(*_args, **_kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("relabel.service.queue.undo.switch_queue", die)
        with pytest.raises(KeyboardInterrupt):
            carry_out(context, number)
    carry_out(context, number)
    assert fake.projects[number]["model_version"] == rounds(context, number)[0].model_version
    assert fake.next_task(1) == ids[0]
    assert carry_out(context, number).events == 0


def test_undoing_the_only_round_closes_the_queue(context, fake, ordered):
    number, ids = ordered
    ask_for_undo(context.engine, number, "round-1")
    carry_out(context, number)
    assert fake.next_task(1) is None
    assert all(fake.tasks[i]["is_labeled"] for i in ids)


def test_what_cannot_be_undone_is_refused_before_anything_is_noted(context, ordered):
    number, _ = ordered
    for run in ("round-7", "connect", "", "write-back"):
        with pytest.raises(NotReadyError):
            ask_for_undo(context.engine, number, run)
    claim_round(context, number)
    with pytest.raises(NotReadyError, match="cancel it"):
        ask_for_undo(context.engine, number, "round-1")
    assert carry_out(context, number).events == 0


def test_labels_written_back_can_be_undone_once(context, fake, ordered):
    """Data that tasks had before comes back; what is undone is offered no more."""
    number, ids = ordered
    for person in (1, 2):
        fake.annotate(ids[0], person, "dog")
    deliver(context, fake)
    before = dict(fake.tasks[ids[0]]["data"])
    assert write_back(context, number) >= 1
    assert fake.tasks[ids[0]]["data"] != before
    assert [c.run for c in of_undoing(context.engine, context.settings, number)] == [
        "round-1",
        "write-back",
    ]
    ask_for_undo(context.engine, number, "write-back")
    carry_out(context, number)
    assert fake.tasks[ids[0]]["data"] == before
    with pytest.raises(NotReadyError):
        ask_for_undo(context.engine, number, "write-back")


def test_the_preview_says_what_would_be_undone(context, fake, ordered):
    number, ids = ordered
    fake.annotate(ids[0], 1, "dog")
    deliver(context, fake)
    (only,) = of_undoing(context.engine, context.settings, number)
    text = " ".join(only.effects)
    assert only.run == "round-1"
    assert rounds(context, number)[0].model_version in text
    assert "all 1 count as before" in text
    assert "opened or closed 2 tasks" in text
    assert of_cancelling(context.engine, context.settings, number) == []
    running = claim_round(context, number)
    assert of_undoing(context.engine, context.settings, number) == []
    (cancelling,) = of_cancelling(context.engine, context.settings, number)
    assert cancelling.run == running.run
    assert "keeps the order of round 1" in " ".join(cancelling.effects)
