"""What is kept of each task's votes is what counting its annotations gives."""

import numpy as np
import pytest
from fake_label_studio import CONFIG
from relabel.service.audit.turns import turns_of
from relabel.service.connected import open_connected
from relabel.service.queue.refresh import open_ids
from relabel.service.queue.stop_rule import stop_reason
from relabel.service.sync.catch_up import carry_out
from relabel.service.sync.sweep import sweep_project
from relabel.service.votes import task_states
from relabel.service.votes.task_states import (
    basis_of,
    count_missing,
    differing_tasks,
    read_queue_state,
    read_state,
    uncounted_tasks,
)
from relabel.storage.annotations import list_annotations, record_deleted
from relabel.storage.database import reading
from relabel.storage.projects import get_project, set_project
from relabel.storage.tables import task_states as table
from relabel.storage.tasks import drop_tasks
from sqlalchemy import update
from wiring import deliver

ARRAYS = ("initial", "new", "abstains", "silent", "voters", "given", "voted_at")


def opened(context, number):
    with reading(context.engine) as connection:
        return open_connected(context.settings, get_project(connection, number))


def both(context, number):
    """Return what decisions read, and the same counted anew."""
    connected = opened(context, number)
    with reading(context.engine) as connection:
        return read_queue_state(connection, connected), read_state(connection, connected)


def check_equal(context, number):
    kept, counted = both(context, number)
    for name in kept.places.__dataclass_fields__:
        one, other = getattr(kept.places, name), getattr(counted.places, name)
        assert np.array_equal(one, other, equal_nan=name == "score"), name
    assert (kept.counts.votes == counted.counts.votes).all()
    assert (kept.new_counts == counted.new_counts).all()
    for name in ARRAYS:
        assert getattr(kept, name).tolist() == getattr(counted, name).tolist(), name
    assert kept.consensus.labels.tolist() == counted.consensus.labels.tolist()
    assert kept.consensus.states.tolist() == counted.consensus.states.tolist()
    assert kept.presence.people == counted.presence.people
    for name in ("occupied", "taken", "held", "ended", "refused"):
        one, other = getattr(kept.serving, name), getattr(counted.serving, name)
        assert one.tolist() == other.tolist(), name
    scores = np.linspace(0, 1, len(kept.new))
    reason = stop_reason(kept)
    assert reason == stop_reason(counted)
    assert (
        open_ids(kept, scores, reason, turns_of(kept)).tolist()
        == open_ids(counted, scores, reason, turns_of(counted)).tolist()
    )
    return kept


def uncounted(context, number):
    with reading(context.engine) as connection:
        return uncounted_tasks(connection, opened(context, number))


@pytest.mark.parametrize("skips", ["REQUEUE_FOR_OTHERS", "REQUEUE_FOR_ME", "IGNORE_SKIPPED"])
def test_a_vote_and_a_skip_are_counted_with_their_reading(context, fake, running, skips):
    number, ids = running
    fake.set_project(number, skip_queue=skips)
    deliver(context, fake)
    fake.annotate(ids[0], 1, "dog")
    fake.annotate(ids[1], 2, None, cancelled=True)
    deliver(context, fake)
    assert uncounted(context, number) == []
    kept = check_equal(context, number)
    assert kept.new.tolist() == [1, 0, 0, 0]
    assert kept.presence.skipped.tolist() == [False, True, False, False]


def test_after_one_vote_only_its_task_is_counted(context, fake, running, monkeypatch):
    number, ids = running
    sweep_project(context, opened(context, number).project)
    counted = []
    real = task_states.count_state

    def count(connected, tasks, annotations):
        counted.append(list(tasks))
        return real(connected, tasks, annotations)

    monkeypatch.setattr(task_states, "count_state", count)
    for task in fake.tasks.values():
        task["updated_at"] = "2026-01-01T00:00:00.000000Z"
    fake.annotate(ids[0], 1, "dog")
    deliver(context, fake)
    assert {tuple(tasks) for tasks in counted} == {(ids[0],)}


def test_a_deleted_annotation_is_not_counted_from_the_event_on(context, running):
    number, ids = running
    with context.engine.begin() as connection:
        (first, *_) = list_annotations(connection, number, [ids[0]])
        record_deleted(connection, number, [first.annotation_id])
    assert uncounted(context, number) == [ids[0]]
    assert check_equal(context, number).counts.votes[0].sum() == 0


def test_a_deleted_task_leaves_nothing(context, running):
    number, ids = running
    with context.engine.begin() as connection:
        drop_tasks(connection, number, [ids[0]])
    assert check_equal(context, number).places.task_ids.tolist() == ids[1:]


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        {"extra_params": "max_votes = 2"},
        {"extra_params": "solo = true"},
        {"extra_params": 'overwritten = "ignore"'},
        {"skip_queue": "IGNORE_SKIPPED"},
        {"label_config": CONFIG.replace("</Choices>", '<Choice value="fish"/></Choices>')},
    ],
    ids=str,
)
def test_on_another_basis_every_task_is_counted_anew(context, fake, running, change):
    """By whoever looks first, and for good by the next sweep."""
    number, ids = running
    fake.annotate(ids[0], 1, "dog")
    deliver(context, fake)
    was = basis_of(opened(context, number))
    with context.engine.begin() as connection:
        set_project(connection, number, **change)
    assert basis_of(opened(context, number)) != was
    assert uncounted(context, number) == ids
    check_equal(context, number)
    assert count_missing(context.engine, opened(context, number), context.folder(number)) == len(
        ids
    )
    assert uncounted(context, number) == []
    check_equal(context, number)


def test_keys_that_decide_nothing_of_votes_leave_the_basis(context, running):
    number, _ = running
    was = basis_of(opened(context, number))
    with context.engine.begin() as connection:
        set_project(connection, number, extra_params="window = 7")
    assert basis_of(opened(context, number)) == was


def test_what_changed_while_it_was_counted_is_not_kept(context, running, monkeypatch):
    """The count finds another revision: somebody marked the task meanwhile."""
    number, ids = running
    connected = opened(context, number)
    real = task_states.count_state

    def count(*given):
        # As another process may on PostgreSQL; SQLite lets one writer in at a time.
        counting.execute(
            update(table)
            .where(table.c.task_id == ids[0])
            .values(basis="", revision=table.c.revision + 1)
        )
        return real(*given)

    with context.engine.begin() as counting:
        monkeypatch.setattr(task_states, "count_state", count)
        task_states.count_tasks(counting, connected, ids, context.folder(number))
    assert uncounted(context, number) == [ids[0]]


def test_a_defect_in_what_is_kept_is_found_named_and_mended(context, running, caplog):
    number, ids = running
    with context.engine.begin() as connection:
        connection.execute(update(table).where(table.c.task_id == ids[1]).values(label=2, new=9))
    with reading(context.engine) as connection:
        found = differing_tasks(connection, opened(context, number))
    assert found == {ids[1]: ["label", "new"]}
    sweep_project(context, opened(context, number).project, full=True)
    assert "1 tasks were kept otherwise than their annotations say" in caplog.text
    with reading(context.engine) as connection:
        assert differing_tasks(connection, opened(context, number)) == {}
    carry_out(context, number)
    check_equal(context, number)
