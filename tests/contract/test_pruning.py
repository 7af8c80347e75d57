"""What is old is forgotten once a day, and never what undoing or detaching needs."""

import os
import time

import pytest
from relabel.media.image.cache import ImageCache
from relabel.service.export.export import write_back
from relabel.service.queue.undo import undo_run
from relabel.service.setup.detach import detach
from relabel.service.sync.retention import (
    DAY,
    EVENT_DAYS,
    ROUND_DAYS,
    WRITE_DAYS,
    prune,
    prune_daily,
)
from relabel.storage.database import reading
from relabel.storage.journal.events import Action, count_events, journal
from relabel.storage.rounds import (
    RoundState,
    finish_round,
    list_rounds,
    published_round,
    running_round,
)
from relabel.storage.tables import events, rounds, writes
from relabel.storage.writes import count_writes
from sqlalchemy import event, update
from store_template import SQLITE
from wiring import claim_round, connect_project, deliver, publish_round, state_of
from workers import until, working


@pytest.fixture
def project(context, fake):
    """A project with labels written back, two orders, and its picture before connecting."""
    number = fake.add_project(["cat", "dog", "bird", "cat"])
    before = fake.picture(number)
    connect_project(context, number, "window = 2")
    ids = sorted(fake.tasks)
    publish_round(context, number, {ids[0]: 0.9, ids[1]: 0.8})
    for person in (1, 2):
        fake.annotate(ids[0], person, "dog")
        deliver(context, fake)
    write_back(context, number)
    publish_round(context, number, {ids[3]: 0.9, ids[2]: 0.8})
    deliver(context, fake)
    return number, before


def let_days_pass(context, days):
    """Make all that has happened so much older."""
    with context.engine.begin() as connection:
        for table, name in (
            (events, "handled_at"),
            (events, "received_at"),
            (writes, "at"),
            (rounds, "finished_at"),
        ):
            column = table.c[name]
            connection.execute(update(table).values({name: column - days * DAY}))


def fail(context, number):
    failed = claim_round(context, number)
    folder = context.folder(number)
    folder.mkdir(parents=True, exist_ok=True)
    for name in (f"round-{failed.number}.npz", f"round-{failed.number}-nearest.npz"):
        (folder / name).write_bytes(b"arrays")
    with context.engine.begin() as connection:
        finish_round(connection, failed.id, RoundState.FAILED, error="no")
    return failed


def look(context, read, *args):
    with reading(context.engine) as connection:
        return read(connection, *args)


def test_events_and_lines_of_the_log_are_kept_for_so_many_days(context, project):
    number, _ = project
    with context.engine.begin() as connection:
        journal(connection, number, Action.CHANGED)  # not carried out
    everything = look(context, count_events, number)[0]
    let_days_pass(context, EVENT_DAYS - 0.1)
    prune(context)
    assert look(context, count_events, number)[0] == everything
    let_days_pass(context, 0.2)
    prune(context)
    assert look(context, count_events, number) == (1, 1)
    let_days_pass(context, WRITE_DAYS - EVENT_DAYS - 0.2)
    prune(context)
    assert "score" in look(context, count_writes, number)["live"]
    let_days_pass(context, 0.2)
    prune(context)
    left = look(context, count_writes, number)
    assert "live" not in left
    assert {"connect", "round-1", "round-2", "write-back"} <= set(left)


def test_rounds_that_came_to_nothing_go_with_their_files_and_their_numbers_stay(context, project):
    number, _ = project
    failed = [fail(context, number) for _ in range(30)]
    let_days_pass(context, ROUND_DAYS - 0.1)
    prune(context)
    assert len(look(context, list_rounds, number)) == 32
    let_days_pass(context, 0.2)
    prune(context)
    kept = [r.number for r in look(context, list_rounds, number)]
    assert kept == [1, 2, *range(13, 33)]
    files = {path.name for path in context.folder(number).iterdir()}
    assert {"round-1.npz", "round-2.npz", "round-13.npz"} <= files
    assert not any(name.startswith(("round-3.", "round-3-", "round-12.")) for name in files)
    assert claim_round(context, number).number == failed[-1].number + 1


def test_a_round_whose_predictions_are_there_stays_until_they_are_removed(context, fake, project):
    number, _ = project
    failed = fail(context, number)
    one = {"task": min(fake.tasks), "result": [], "score": 0.5}
    versioned = one | {"model_version": failed.model_version}
    context.label_studio.import_predictions(number, [versioned])
    for _ in range(25):
        fail(context, number)
    let_days_pass(context, 2 * ROUND_DAYS)
    prune(context)
    assert failed.number in [r.number for r in look(context, list_rounds, number)]


def test_after_years_everything_can_be_undone_and_detached(context, fake, project):
    number, before = project
    let_days_pass(context, 1000)
    prune(context)
    undo_run(context, number, "write-back")
    undo_run(context, number, "round-2")
    prune(context)
    undo_run(context, number, "round-1")
    detach(context, number)
    after = fake.picture(number)
    del after["tasks"][min(fake.tasks)], before["tasks"][min(fake.tasks)]  # it has votes
    assert after == before


def test_labels_taken_back_are_not_offered_again_once_the_log_is_pruned(context, project):
    number, _ = project
    undo_run(context, number, "write-back")
    let_days_pass(context, WRITE_DAYS + 1)
    write_back(context, number)
    undo_run(context, number, "write-back")
    prune(context)
    let_days_pass(context, WRITE_DAYS + 1)
    prune(context)
    assert "write-back" not in look(context, count_writes, number)


def kept_for(folder, digest, *, used):
    """Make the two files of an image; return their paths."""
    paths = [
        folder / "images" / digest[:2] / digest,
        folder / "thumbnails" / digest[:2] / f"{digest}.jpg",
    ]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        os.utime(path, times=(used, used))
    return paths


def test_images_and_thumbnails_that_no_task_refers_to_are_deleted(context, fake, project):
    number, _ = project
    other = fake.add_project(["cat", "dog", "cat", "dog"])
    connect_project(context, other)
    cache, folder = ImageCache(context.settings.data_dir / "images"), context.settings.data_dir
    digests = {}
    for owner in (number, other):
        for task in state_of(context, owner).tasks.values():
            digests[owner, task.image] = cache.add(owner, task.image, task.image.encode())
    image = next(image for owner, image in digests if owner == number)
    cache.add(other, "the same", image.encode())  # of both projects
    fresh = cache.add(other, "fresh", b"fresh")
    files = {d: kept_for(folder, d, used=0) for d in digests.values()}
    files[fresh] = kept_for(folder, fresh, used=time.time())  # a round may be about to list it
    detach(context, other)
    prune(context)
    wanted = {d for (owner, _), d in digests.items() if owner == number} | {fresh}
    for place in range(2):
        assert {d for d, paths in files.items() if paths[place].exists()} == wanted
    assert cache.known(other) == {}
    assert len(cache.known(number)) == 4
    cache.close()


def test_it_is_done_with_a_sweep_once_a_day(context, project, monkeypatch):
    assert project
    done = []
    monkeypatch.setattr("relabel.service.sync.retention.prune", lambda _: done.append(1))
    stamp = context.settings.data_dir / "locks" / "pruned"
    for _ in range(3):
        with working(context, sweeps=True):
            assert until(stamp.exists)
    assert len(done) == 1
    os.utime(stamp, times=(time.time() - DAY - 1,) * 2)
    prune_daily(context)
    assert len(done) == 2


def walks(connection, statement, values):
    """Return the steps in which a statement would walk through a whole table."""
    values = values[0] if isinstance(values, list) else values
    if SQLITE:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        return [row[3] for row in plan if row[3].startswith("SCAN")]
    # Small tables are walked through whatever there is; without that, only for want of an index.
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    plan = connection.exec_driver_sql(f"EXPLAIN {statement}", values)
    return [row[0] for row in plan if "Seq Scan" in row[0]]


def test_no_vote_reads_all_that_ever_happened(context, fake, project):
    """No statement of a vote walks through a table, or takes the record of each round along."""
    number, _ = project
    statements = []

    def note(_connection, _cursor, statement, values, _context, _many):
        statements.append((statement, values))

    event.listen(context.engine, "before_cursor_execute", note)
    fake.annotate(max(fake.tasks), 1, "bird")
    deliver(context, fake)
    look(context, published_round, number)
    look(context, running_round, number)
    event.remove(context.engine, "before_cursor_execute", note)
    asked = [s for s in statements if s[0].startswith(("SELECT", "UPDATE", "DELETE"))]
    with reading(context.engine) as connection:
        walked = [(s, found) for s, values in asked if (found := walks(connection, s, values))]
    assert walked == []
    assert [
        text for text, _ in asked if "rounds.record" in text and "rounds.state = " not in text
    ] == []
