"""The store keeps its promises on SQLite and on PostgreSQL alike."""

import itertools
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from postgresql import MissingError, running_postgresql
from relabel.errors import ConfigurationError, NotReadyError, RoundInProgressError
from relabel.storage.annotations import (
    Annotation,
    Kind,
    count_new_votes,
    list_annotations,
    record,
    record_deleted,
    record_truth,
)
from relabel.storage.database import clock, connect, migrate, open_database, reading
from relabel.storage.journal.claims import (
    RETRY_SECONDS,
    Waiting,
    give_back,
    take_sweep,
    waiting,
)
from relabel.storage.journal.claims import take as take_events
from relabel.storage.journal.events import (
    Action,
    count_events,
    is_to_cancel,
    journal,
    mark_handled,
    prune_events,
    to_undo,
    unhandled,
)
from relabel.storage.locks import queue_lock, tidy_lock
from relabel.storage.projects import (
    Project,
    find_project,
    forget_project,
    get_project,
    list_projects,
    save_project,
    set_project,
)
from relabel.storage.rounds import (
    STALE_SECONDS,
    RoundState,
    finish_round,
    list_rounds,
    published_round,
    set_round,
    start_round,
)
from relabel.storage.tables import annotations, events, metadata, rounds
from relabel.storage.task_states import (
    COUNTED,
    list_counted,
    mark_all_stale,
    mark_stale,
    revisions,
    save_counted,
)
from relabel.storage.tasks import (
    Task,
    drop_tasks,
    list_images,
    list_places,
    list_tasks,
    save_tasks,
    set_problems,
    set_scores,
    set_task,
)
from sqlalchemy import MetaData, inspect, select, text, update

P = 4
NEW_NAME = itertools.count()
STORE_OF_0_1_0 = Path(__file__).parents[1] / "support" / "store_0_1_0.sql"


@pytest.fixture(scope="session")
def postgresql():
    try:
        with running_postgresql() as address:
            engine = connect(f"{address}/postgres")
            yield address, engine
            engine.dispose()
    except MissingError as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql):
    engine = open_database(new_postgresql_database(*postgresql))
    yield engine
    engine.dispose()


def new_postgresql_database(address, engine):
    name = f"store{next(NEW_NAME)}"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    return f"{address}/{name}"


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request):
    return request.param


@pytest.fixture
def engine(kind, request, tmp_path):
    """An empty store with all tables."""
    if kind == "sqlite":
        path = tmp_path / "store.sqlite3"
        opened = open_database(f"sqlite:///{path}")
        yield opened
        opened.dispose()
    else:
        opened = request.getfixturevalue("migrated_postgresql")
        with opened.begin() as connection:
            for table in metadata.sorted_tables:
                connection.execute(table.delete())
        yield opened


@pytest.fixture
def new_address(kind, request, tmp_path):
    """The address of a store that does not exist yet."""
    if kind == "sqlite":
        return f"sqlite:///{tmp_path}/deep/folder/new.sqlite3"
    return new_postgresql_database(*request.getfixturevalue("postgresql"))


def moment(minute):
    return f"2026-01-01T00:{minute:02d}:00.000000Z"


def annotation(number, choice="cat", *, task=7, person="1", made=1, changed=None, **values):
    when = moment(made if changed is None else changed)
    return Annotation(number, task, person, Kind.LABEL, choice, moment(made), when, **values)


def task(number, **values):
    return Task(number, f"/{number}.png", 1, True, moment(0), 1, True, **values)


def project(number=P, before=None, **values):
    before = before or {"sampling": "x"}
    return Project(number, moment(0), "mine", "<View/>", "", moment(1), before, **values)


def stored(engine, task_ids=None):
    with reading(engine) as connection:
        found = list_annotations(connection, P, task_ids)
    return {a.annotation_id: a.choice for a in found}


def take(engine, *seen):
    with engine.begin() as connection:
        record(connection, P, seen)


def delete(engine, *ids):
    with engine.begin() as connection:
        return record_deleted(connection, P, ids)


def truth(engine, tasks, *seen, read_at=None):
    with engine.begin() as connection:
        record_truth(
            connection, P, tasks, seen, read_at=time.time() if read_at is None else read_at
        )


# -- annotations: late, repeated and lost events ---------------------------------------------
def test_an_annotation_comes_back_as_it_was(engine):
    given = annotation(3, editor="2", changed=4)
    take(engine, given)
    with reading(engine) as connection:
        assert list_annotations(connection, P) == [given]


def test_a_repeated_event_changes_nothing(engine):
    take(engine, annotation(3), annotation(3))
    take(engine, annotation(3))
    assert stored(engine) == {3: "cat"}


def test_an_older_state_never_replaces_a_newer_one(engine):
    take(engine, annotation(3, "dog", changed=5))
    take(engine, annotation(3, "cat"))
    assert stored(engine) == {3: "dog"}


def test_an_event_after_the_deletion_brings_nothing_back(engine):
    take(engine, annotation(3))
    assert delete(engine, 3) == [7]
    take(engine, annotation(3, "dog", changed=9))
    assert stored(engine) == {}


def test_a_deletion_may_arrive_before_the_annotation(engine):
    assert delete(engine, 3) == []
    take(engine, annotation(3))
    assert stored(engine) == {}


def test_a_new_annotation_with_the_id_of_a_deleted_one_is_told_apart(engine):
    """SQLite hands out the id of a deleted last row again."""
    take(engine, annotation(3, made=1))
    delete(engine, 3)
    take(engine, annotation(3, "dog", task=8, person="2", made=5))
    assert stored(engine) == {3: "dog"}
    take(engine, annotation(3, "cat", made=1))
    assert stored(engine) == {3: "dog"}


def test_deleting_twice_is_deleting_once(engine):
    take(engine, annotation(3))
    assert delete(engine, 3) == [7]
    assert delete(engine, 3, 3) == [7]
    assert stored(engine) == {}


def test_very_many_annotations_may_be_deleted_at_once(engine):
    """More than a statement may hold parameters (PostgreSQL: 65,535)."""
    take(engine, annotation(3))
    assert delete(engine, *[3] * 66_000) == [7]
    assert stored(engine) == {}


def test_projects_do_not_see_each_others_annotations(engine):
    take(engine, annotation(3))
    with engine.begin() as connection:
        record(connection, P + 1, [annotation(3, "dog")])
        record_deleted(connection, P + 1, [3])
    assert stored(engine) == {3: "cat"}


def test_annotations_of_some_tasks_are_listed(engine):
    take(engine, annotation(3), annotation(4, task=8), annotation(5, task=9))
    assert set(stored(engine, [7, 9])) == {3, 5}


# -- annotations: what Label Studio says -----------------------------------------------------
def test_the_truth_adds_changes_and_removes(engine):
    take(engine, annotation(3), annotation(4), annotation(5, task=8))
    truth(engine, [7], annotation(4, "dog", changed=9), annotation(6, "bird"))
    assert stored(engine) == {4: "dog", 5: "cat", 6: "bird"}


def test_the_truth_replaces_a_made_up_newer_state(engine):
    take(engine, annotation(3, "dog", changed=50))
    truth(engine, [7], annotation(3, "cat", changed=2))
    assert stored(engine) == {3: "cat"}


def test_the_truth_brings_back_what_was_wrongly_taken_for_deleted(engine):
    take(engine, annotation(3))
    delete(engine, 3)
    truth(engine, [7], annotation(3))
    assert stored(engine) == {3: "cat"}


def test_the_truth_overrules_a_deletion_of_something_never_seen(engine):
    delete(engine, 3)
    truth(engine, [7], annotation(3))
    assert stored(engine) == {3: "cat"}


def test_what_arrived_after_the_reading_is_newer_than_it(engine):
    read_at = time.time() - 1
    take(engine, annotation(3, "dog", changed=9), annotation(4))
    take(engine, annotation(5))
    delete(engine, 5)
    truth(engine, [7], annotation(3), annotation(5), read_at=read_at)
    assert stored(engine) == {3: "dog", 4: "cat"}


def test_a_deletion_of_something_unseen_after_the_reading_is_newer_than_it(engine):
    read_at = time.time() - 1
    delete(engine, 3)
    truth(engine, [7], annotation(3), read_at=read_at)
    assert stored(engine) == {}


def test_what_arrived_before_the_clock_was_set_back_is_older_than_a_reading(engine):
    take(engine, annotation(3), annotation(4), annotation(5))
    delete(engine, 4)
    with engine.begin() as connection:
        connection.execute(update(annotations).values(received_at=time.time() + 3600))
    truth(engine, [7], annotation(3, "dog", changed=9), annotation(4), read_at=time.time())
    assert stored(engine) == {3: "dog", 4: "cat"}


def test_the_clock_of_the_store_goes_on_within_a_transaction(engine):
    with engine.begin() as connection:
        first, second = clock(connection), clock(connection)
    assert first <= second <= first + 60
    assert abs(first - time.time()) < 60


def test_what_the_truth_removed_stays_removed_for_late_events(engine):
    take(engine, annotation(3))
    truth(engine, [7])
    take(engine, annotation(3))
    assert stored(engine) == {}


def test_an_id_that_moved_to_another_task_follows_the_truth(engine):
    take(engine, annotation(3))
    truth(engine, [8], annotation(3, "dog", task=8, made=5))
    assert stored(engine, [8]) == {3: "dog"}
    assert stored(engine, [7]) == {}


# -- annotations: what is kept although Label Studio no longer says it -------------------------
BOTH = pytest.mark.parametrize("read", [False, True], ids=["event", "reading"])


def see(engine, read, *seen):
    """Take annotations over, from events or from a reading."""
    if read:
        truth(engine, [a.task_id for a in seen], *seen)
    else:
        take(engine, *seen)


def only(engine):
    with reading(engine) as connection:
        (found,) = list_annotations(connection, P)
    return found


@BOTH
def test_the_author_of_a_deleted_user_is_kept(engine, read):
    take(engine, annotation(3))
    see(engine, read, annotation(3, "dog", person="", changed=5))
    assert (only(engine).annotator, only(engine).choice) == ("1", "dog")


@BOTH
def test_an_author_is_not_kept_for_another_annotation_with_the_same_id(engine, read):
    take(engine, annotation(3))
    delete(engine, 3)
    see(engine, read, annotation(3, person="", made=5))
    assert only(engine).annotator == ""


@BOTH
def test_whoever_changed_what_it_says_is_kept_until_it_says_something_else(engine, read):
    take(engine, annotation(3))
    see(engine, read, annotation(3, changed=4, editor="8"))
    assert only(engine).editor == ""
    see(engine, read, annotation(3, "dog", changed=5, editor="8"))
    see(engine, read, annotation(3, "dog", changed=6, editor=""))
    assert only(engine).editor == "8"
    see(engine, read, annotation(3, "bird", changed=7, editor=""))
    assert only(engine).editor == ""


@BOTH
def test_what_it_said_at_the_beginning_is_kept_for_ever(engine, read):
    take(engine, annotation(3, editor="2", initial=True))
    for minute, choice in ((5, "dog"), (6, "bird")):
        see(engine, read, annotation(3, choice, changed=minute, initial=minute == 5))
    found = only(engine)
    assert (found.initial, found.initial_kind, found.initial_choice) == (True, "label", "cat")
    assert (found.initial_editor, found.initial_at) == ("2", moment(1))
    assert (found.kind, found.choice, found.changed) == (Kind.LABEL, "bird", True)


@BOTH
def test_a_new_annotation_with_the_id_of_an_initial_one_has_no_beginning(engine, read):
    take(engine, annotation(3, initial=True))
    delete(engine, 3)
    see(engine, read, annotation(3, "dog", made=5))
    assert (only(engine).initial, only(engine).initial_kind) == (False, "")


def test_changes_of_initial_labels_are_counted_among_the_votes_since(engine):
    take(engine, annotation(1, person="9", initial=True), annotation(2, person="9", initial=True))
    take(engine, annotation(2, "dog", person="9", initial=True, changed=5))
    take(engine, annotation(4, person=""), annotation(5, person=""))
    with reading(engine) as connection:
        assert count_new_votes(connection, P) == 3


def test_votes_since_the_beginning_are_counted_once_per_person_and_task(engine):
    take(
        engine,
        annotation(1, person="9", initial=True),
        annotation(2),
        annotation(3, "dog"),
        annotation(4, task=8),
        annotation(5, person="2"),
        Annotation(6, 9, "1", Kind.CANCELLED, "", moment(1), moment(1)),
        annotation(7, task=9, person="3"),
    )
    delete(engine, 7)
    with reading(engine) as connection:
        assert count_new_votes(connection, P) == 3


# -- tasks -----------------------------------------------------------------------------------
def test_the_first_sight_of_a_task_decides_what_is_restored(engine):
    with engine.begin() as connection:
        save_tasks(connection, P, [task(7)])
        changed = Task(7, "/new.png", 3, False, moment(5), 3, False, given="dog")
        save_tasks(connection, P, [changed])
        (found,) = list_tasks(connection, P).values()
    assert (found.image, found.overlap, found.is_labeled) == ("/new.png", 3, False)
    assert (found.updated_at, found.given) == (moment(5), "dog")
    assert (found.overlap_before, found.is_labeled_before) == (1, True)


def test_a_new_reading_forgets_nothing_of_our_own(engine):
    with engine.begin() as connection:
        save_tasks(connection, P, [task(7)])
        set_task(connection, P, 7, touched=True)
        set_scores(connection, P, {7: 0.25})
        set_problems(connection, P, {7: "broken"})
        save_tasks(connection, P, [task(7)])
        (found,) = list_tasks(connection, P).values()
    assert (found.touched, found.score, found.problem) == (True, 0.25, "broken")


def test_tasks_come_by_id_however_many_are_asked_for(engine):
    with engine.begin() as connection:
        save_tasks(connection, P, [task(n) for n in range(1500, 0, -1)])
        assert list(list_tasks(connection, P)) == list(range(1, 1501))
        asked = list_tasks(connection, P, [9999, *range(1200, 0, -1)])
    assert list(asked) == list(range(1, 1201))


def test_problems_of_an_earlier_round_are_forgotten(engine):
    with engine.begin() as connection:
        save_tasks(connection, P, [task(7), task(8)])
        set_problems(connection, P, {7: "broken"})
        set_problems(connection, P, {8: "too large"})
        found = list_tasks(connection, P)
    assert [found[7].problem, found[8].problem] == ["", "too large"]


def test_a_dropped_task_takes_its_annotations_with_it(engine):
    with engine.begin() as connection:
        save_tasks(connection, P, [task(7), task(8)])
        record(connection, P, [annotation(3), annotation(4, task=8)])
        drop_tasks(connection, P, [7, 99])
        assert list(list_tasks(connection, P)) == [8]
    assert stored(engine) == {4: "cat"}


# -- projects --------------------------------------------------------------------------------
def test_a_project_comes_back_as_it_was(engine):
    given = project(backend_id=3, note="größer\nthan", paused=True, before={"a": None, "b": [1]})
    with engine.begin() as connection:
        save_project(connection, given)
        assert get_project(connection, P) == given
        assert find_project(connection, 99) is None


def test_projects_are_changed_listed_and_forgotten(engine):
    with engine.begin() as connection:
        save_project(connection, project(9))
        save_project(connection, project())
        set_project(connection, P, train_requested=True)
        assert [(p.id, p.train_requested) for p in list_projects(connection)] == [
            (P, True),
            (9, False),
        ]
        save_tasks(connection, P, [task(7)])
        record(connection, P, [annotation(3)])
        journal(connection, P, Action.TASKS_CREATED)
        start_round(connection, P, {}, "abc")
        forget_project(connection, P)
        assert [p.id for p in list_projects(connection)] == [9]
        for table in metadata.sorted_tables:
            left = connection.execute(select(table)).all()
            assert len(left) == (table.name == "projects")


def test_a_project_that_is_not_connected_says_how_to_connect_it(engine):
    with reading(engine) as connection, pytest.raises(NotReadyError, match=r"relabel connect .* 4"):
        get_project(connection, P)


# -- events ----------------------------------------------------------------------------------
def test_events_wait_until_they_were_carried_out(engine):
    with engine.begin() as connection:
        journal(connection, P, Action.ANNOTATION_CREATED, [7, 8])
        journal(connection, P, Action.PROJECT_UPDATED)
        journal(connection, P + 1, Action.TASKS_CREATED)
        ids, tasks, actions = unhandled(connection, P)
        assert (len(ids), tasks) == (3, {7, 8})
        assert actions == {"ANNOTATION_CREATED", "PROJECT_UPDATED"}
        mark_handled(connection, ids[:2])
        assert unhandled(connection, P) == (ids[2:], set(), {"PROJECT_UPDATED"})
        assert count_events(connection, P) == (3, 1)


def test_events_handled_long_ago_are_forgotten(engine):
    with engine.begin() as connection:
        journal(connection, P, Action.PAUSED)
        journal(connection, P, Action.RESUMED)
        (old, _), _, _ = unhandled(connection, P)
        mark_handled(connection, [old])
        long_ago = time.time() - 7 * 86_400 - 1
        connection.execute(update(events).where(events.c.id == old).values(handled_at=long_ago))
        assert prune_events(connection, P, before=time.time() - 7 * 86_400, most=9) == 1
        assert count_events(connection, P) == (1, 1)


def connected_project(connection, number, **values):
    save_project(connection, replace(project(number), backend_id=1, **values))


def test_events_are_taken_by_one_and_taken_again_after_a_pause(engine):
    with engine.begin() as connection:
        connected_project(connection, P)
        journal(connection, P, Action.ANNOTATION_CREATED, [7])
        (new,) = waiting(connection)
        assert new.due(time.time(), 60.0)
        assert take_events(connection, new)
        assert not take_events(connection, new), "somebody has"
        (taken,) = waiting(connection)
        assert not taken.due(time.time(), 60.0)
        assert taken.due(time.time() + RETRY_SECONDS, 60.0)
        assert take_events(connection, taken)
        journal(connection, P, Action.ANNOTATION_CREATED, [7])
        (newer,) = waiting(connection)
        assert newer.due(time.time(), 60.0), "what is new waits for nothing"


def test_events_given_back_are_new_unless_they_were_tried_before(engine):
    with engine.begin() as connection:
        connected_project(connection, P)
        journal(connection, P, Action.CHANGED)
        (new,) = waiting(connection)
        take_events(connection, new)
        (taken,) = waiting(connection)
        give_back(connection, taken)
        assert waiting(connection) == [taken]
        give_back(connection, new)
        assert waiting(connection) == [new]


def test_projects_wait_in_the_order_of_their_first_event(engine):
    with engine.begin() as connection:
        for number in (9, P, 7):
            connected_project(connection, number)
            journal(connection, number, Action.CHANGED)
        journal(connection, 9, Action.CHANGED)
        save_project(connection, project(8))  # being connected
        journal(connection, 8, Action.CHANGED)
        assert [one.project_id for one in waiting(connection)] == [9, P, 7]
        mark_handled(connection, unhandled(connection, P)[0])
        assert [one.project_id for one in waiting(connection)] == [9, 7]


def test_of_two_that_take_the_same_events_at_once_one_has_them(engine):
    with engine.begin() as connection:
        connected_project(connection, P)
        journal(connection, P, Action.CHANGED)
        (seen,) = waiting(connection)
    start, outcomes = threading.Barrier(6), []

    def try_it():
        start.wait()
        with engine.begin() as connection:
            outcomes.append(take_events(connection, seen))

    threads = [threading.Thread(target=try_it) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [False] * 5 + [True]


def test_pauses_grow_with_the_time_that_was_waited_up_to_a_longest_one():
    for waited, pause in ((0.1, RETRY_SECONDS), (3.0, 3.0), (50.0, 50.0), (500.0, 60.0)):
        one = Waiting(P, 1000.0, 1000.0 + waited)
        assert not one.due(one.taken_at + pause - 0.01, 60.0)
        assert one.due(one.taken_at + pause + 0.01, 60.0)
        assert one.due(one.taken_at - 3600, 60.0), "a clock that was set back"


def test_whoever_waits_longest_for_a_sweep_is_taken_first(engine):
    with engine.begin() as connection:
        now = clock(connection)
        for number, swept in ((P, now - 70), (9, now - 90), (7, now - 10)):
            connected_project(connection, number, swept_at=swept)
        assert [take_sweep(connection, 60.0) for _ in range(3)] == [9, P, None]


# -- rounds ----------------------------------------------------------------------------------
def start(engine):
    with engine.begin() as connection:
        return start_round(connection, P, {"window": 2}, "abc")


def change_round(engine, number, **values):
    with engine.begin() as connection:
        connection.execute(update(rounds).where(rounds.c.id == number).values(**values))


def test_one_round_of_a_project_runs_at_a_time(engine):
    first = start(engine)
    assert (first.number, first.model_version, first.pid) == (1, "relabel-1-abc", os.getpid())
    with pytest.raises(RoundInProgressError, match="Round 1 of project 4 is already running"):
        start(engine)
    with engine.begin() as connection:
        assert start_round(connection, P + 1, {}, "abc").number == 1


def test_the_next_round_may_start_once_one_has_ended(engine):
    first = start(engine)
    with engine.begin() as connection:
        finish_round(connection, first.id, RoundState.FAILED, error="no labels")
    second = start(engine)
    assert second.number == 2
    with reading(engine) as connection:
        one, two = list_rounds(connection, P)
    assert (one.state, one.error, two.state) == (RoundState.FAILED, "no labels", RoundState.RUNNING)
    assert one.finished_at >= one.started_at


def test_only_one_of_many_threads_gets_the_round(engine):
    won = []
    with engine.begin() as connection:
        save_project(connection, project())

    def claim():
        try:
            won.append(start(engine).number)
        except RoundInProgressError:
            won.append(0)

    threads = [threading.Thread(target=claim) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [0, 0, 0, 0, 0, 1]


def test_a_round_whose_process_is_gone_is_taken_over(engine):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    first = start(engine)
    change_round(engine, first.id, pid=dead.pid)
    assert start(engine).number == 2
    with reading(engine) as connection:
        assert list_rounds(connection, P)[0].state is RoundState.KILLED


@pytest.mark.parametrize(("age", "alive"), [(STALE_SECONDS - 60, True), (STALE_SECONDS + 1, False)])
def test_a_round_elsewhere_lives_as_long_as_its_heart_beats(engine, age, alive):
    first = start(engine)
    change_round(engine, first.id, host="other", pid=1, heartbeat_at=time.time() - age)
    with reading(engine) as connection:
        assert list_rounds(connection, P)[0].alive() is alive


def test_a_process_that_got_the_number_of_a_dead_one_is_not_the_round(engine):
    """After a container's restart some other process often has the same number."""
    first = start(engine)
    assert first.host == socket.gethostname()
    change_round(engine, first.id, pid=os.getppid(), heartbeat_at=time.time() - 86_400)
    with reading(engine) as connection:
        assert not list_rounds(connection, P)[0].alive()


def test_every_change_of_a_round_is_a_heartbeat(engine):
    first = start(engine)
    change_round(engine, first.id, heartbeat_at=0.0)
    with engine.begin() as connection:
        set_round(connection, first.id, stage="embedding", done=5, total=10)
        (found,) = list_rounds(connection, P)
    assert time.time() - found.heartbeat_at < 60
    assert (found.stage, found.done, found.total) == ("embedding", 5, 10)


def test_the_time_left_follows_from_the_pace(engine):
    first = start(engine)
    change_round(engine, first.id, done=2, total=10, stage_started_at=100.0, heartbeat_at=104.0)
    with reading(engine) as connection:
        assert list_rounds(connection, P)[0].seconds_left() == pytest.approx(16.0)
    change_round(engine, first.id, done=0)
    with reading(engine) as connection:
        assert list_rounds(connection, P)[0].seconds_left() is None


def test_the_published_round_is_the_last_that_reached_the_queue(engine):
    with reading(engine) as connection:
        assert published_round(connection, P) is None
    for state in (RoundState.PUBLISHED, RoundState.PUBLISHED, RoundState.FAILED):
        current = start(engine)
        with engine.begin() as connection:
            finish_round(connection, current.id, state, record={"tasks": 3})
    with reading(engine) as connection:
        found = published_round(connection, P)
    assert (found.number, found.record, found.policy) == (2, {"tasks": 3}, {"window": 2})


# -- locks and the database itself -----------------------------------------------------------
def test_one_thread_at_a_time_holds_a_queue(engine, tmp_path):
    inside, most = [], []

    def work(folder):
        with queue_lock(engine, folder, P):
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.02)
            inside.pop()

    # On PostgreSQL the lock is the database's, whatever the data folder.
    folders = [tmp_path / str(n if engine.dialect.name == "postgresql" else 0) for n in range(4)]
    threads = [threading.Thread(target=work, args=(folder,)) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1, 1, 1, 1]


def test_whoever_tidies_up_is_alone_and_keeps_nobody_waiting(engine, tmp_path):
    with tidy_lock(engine, tmp_path, P) as first:
        with tidy_lock(engine, tmp_path, P) as second, tidy_lock(engine, tmp_path, P + 1) as other:
            assert (first, second, other) == (True, False, True)
        with queue_lock(engine, tmp_path, P):
            pass  # votes go on meanwhile
    with tidy_lock(engine, tmp_path, P) as again:
        assert again


def test_what_is_written_while_reading_is_not_kept(engine):
    with reading(engine) as connection:
        save_project(connection, project())
    with reading(engine) as connection:
        assert list_projects(connection) == []


def test_a_failed_transaction_leaves_nothing(engine):
    def fail():
        with engine.begin() as connection:
            save_project(connection, project())
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with reading(engine) as connection:
        assert list_projects(connection) == []


def test_writers_wait_for_each_other(engine, tmp_path):
    """Read, think, write: nothing is lost between two that do it at the same time."""

    def add():
        with queue_lock(engine, tmp_path, P), engine.begin() as connection:
            (found,) = list_tasks(connection, P).values()
            set_task(connection, P, 7, overlap=found.overlap + 1)

    with engine.begin() as connection:
        save_tasks(connection, P, [task(7)])
    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(engine) as connection:
        assert list_tasks(connection, P)[7].overlap == 9


def test_a_new_store_has_all_tables_and_columns(new_address):
    engine = open_database(new_address)
    found = inspect(engine)
    for table in metadata.sorted_tables:
        columns = {column["name"]: column for column in found.get_columns(table.name)}
        assert set(columns) == set(table.columns.keys())
        for column in table.columns:
            assert columns[column.name]["nullable"] == column.nullable, (table.name, column.name)
        indexes = {index["name"] for index in found.get_indexes(table.name)}
        assert indexes == {index.name for index in table.indexes}
    engine.dispose()


OLD_ANNOTATION = text(
    "INSERT INTO annotations VALUES (4, :number, 7, :author, :kind, :choice, :made, :changed, "
    ":saved_by, :initial, :deleted, 0.0)"
)


def test_a_store_of_an_earlier_version_keeps_its_labels_as_initial_ones(new_address):
    if new_address.startswith("sqlite"):
        Path(new_address.removeprefix("sqlite:///")).parent.mkdir(parents=True)
    engine = connect(new_address)
    migrate(engine, "0002")
    late = "2026-01-01T00:01:00.390000Z"
    soon = "2026-01-01T00:01:00.013900Z"
    rows = [
        # number, author, saved by, last saved, kind, choice, initial
        (1, "9", "9", moment(1), "label", "cat", True),
        (2, "9", "8", soon, "label", "dog", True),
        (3, "9", "8", late, "label", "dog", True),
        (4, "9", "9", late, "empty", "", True),
        (5, "1", "8", late, "label", "cat", False),
        (6, "1", "", "", "cancelled", "", False),
    ]
    names = ("number", "author", "saved_by", "changed", "kind", "choice", "initial")
    with engine.begin() as connection:
        connection.execute(
            OLD_ANNOTATION,
            [
                dict(zip(names, row, strict=True)) | {"made": moment(1), "deleted": row[0] == 6}
                for row in rows
            ],
        )
        connection.execute(
            text(
                "INSERT INTO projects (id, created_at, title, label_config, extra_params, "
                "connected_at, before, high_water, train_requested, paused, note) VALUES "
                "(4, '', 'mine', '', '', '', '{}', 'x', :no, :no, '')"
            ),
            {"no": False},
        )
    migrate(engine)
    with reading(engine) as connection:
        found = {row.annotation_id: row for row in connection.execute(select(annotations))}
        assert get_project(connection, P).skip_queue == ""
    beginnings = {n: (r.initial_kind, r.initial_choice, r.initial_editor) for n, r in found.items()}
    assert beginnings == {
        1: ("label", "cat", ""),
        2: ("label", "dog", ""),
        3: ("label", "dog", "8"),
        4: ("empty", "", ""),
        5: ("", "", ""),
        6: ("", "", ""),
    }
    assert [found[n].editor for n in range(1, 7)] == ["", "", "8", "", "8", ""]
    assert [found[n].initial_at for n in range(1, 7)] == [moment(1), soon, late, late, "", ""]
    assert found[6].deleted
    engine.dispose()


@pytest.fixture
def store_of_0_1_0(new_address, tmp_path):
    """A store that version 0.1.0 left behind, with work that was not carried out.

    Two projects were connected, rounds published, labels written back, a round was cancelled.
    """
    file = tmp_path / "0.1.0.sqlite3"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(STORE_OF_0_1_0.read_text())
    if new_address.startswith("sqlite"):
        yield connect(f"sqlite:///{file}")
        return
    opened, old = connect(new_address), connect(f"sqlite:///{file}")
    migrate(opened, "0006")
    known = MetaData()
    known.reflect(old)
    with reading(old) as source, opened.begin() as connection:
        for table in known.sorted_tables:
            rows = [dict(row._mapping) for row in source.execute(select(table))]
            if rows and table.name != "alembic_version":
                connection.execute(table.insert(), rows)
    old.dispose()
    yield opened


def test_the_journal_of_a_store_of_0_1_0_is_carried_on_with(store_of_0_1_0):
    """What stood within an action stands in a column; what waited waits; STOP is CANCEL now."""
    with reading(store_of_0_1_0) as connection:
        before = connection.execute(text("SELECT action, handled_at FROM events ORDER BY id")).all()
    assert {"STOP round-3", "UNDO round-2", "UNDO write-back"} <= {row.action for row in before}
    migrate(store_of_0_1_0)
    with reading(store_of_0_1_0) as connection:
        after = connection.execute(select(events).order_by(events.c.id)).all()
        renamed = {"STOP round-3": "CANCEL round-3", "ROUND_STOPPED": "ROUND_CANCELLED"}
        assert [f"{row.action} {row.run}".strip() for row in after] == [
            renamed.get(row.action, row.action) for row in before
        ]
        assert list_rounds(connection, 1)[-1].state is RoundState.CANCELLED
        assert [row.handled_at for row in after] == [row.handled_at for row in before]
        assert {Action(row.action) for row in after} > {Action.CANCEL, Action.UNDO}
        assert set(to_undo(connection, 1)) == {"round-2", "write-back"}
        assert is_to_cancel(connection, 1, "round-3")
        assert not is_to_cancel(connection, 1, "round-2")
        assert unhandled(connection, 1)[2] == {
            *(Action.CANCEL, Action.ROUND_CANCELLED, Action.ANNOTATION_CREATED),
            *(Action.CHANGED, Action.RECONCILE),
        }
        (one,) = waiting(connection)
        assert (one.project_id, one.taken_at) == (1, 0.0)
        assert [(p.id, p.swept_at, p.read_at) for p in list_projects(connection)] == [
            (1, 0.0, 0.0),
            (11, 0.0, 0.0),
        ]
        assert published_round(connection, 1).number == 2
    store_of_0_1_0.dispose()


def test_a_store_of_an_earlier_version_has_a_stale_row_for_every_task(new_address):
    """The next sweep counts them."""
    if new_address.startswith("sqlite"):
        Path(new_address.removeprefix("sqlite:///")).parent.mkdir(parents=True)
    engine = connect(new_address)
    migrate(engine, "0006")
    columns = "overlap, is_labeled, updated_at, overlap_before, is_labeled_before, touched, given"
    with engine.begin() as connection:
        connection.execute(
            text(
                f"INSERT INTO tasks (project_id, task_id, image, {columns}, audit, problem) "
                "VALUES (:project, :task, '', 1, :no, '', 1, :no, :no, '', :no, '')"
            ),
            [{"project": 4, "task": 7, "no": False}, {"project": 4, "task": 9, "no": False}],
        )
    migrate(engine)
    with engine.begin() as connection:
        assert revisions(connection, 4, [7, 8, 9]) == {7: 0, 9: 0}
        assert list_counted(connection, 4, "a basis") == []
        mark_stale(connection, 4, [9])
        assert revisions(connection, 4, [7, 9]) == {7: 0, 9: 1}
    engine.dispose()


def counted(task_id, revision, label=1):
    numbers = dict.fromkeys(COUNTED, 1) | {
        "counts": b"\1\0\0\0",
        "voted_at": 2.5,
        "new_counts": b"",
        "believed": b"",
    }
    said = {"skipped": False, "held": True, "people": '["1"]', "answered": ""}
    said |= {"said": '[["1", "cat", "vote", 0, true, false]]', "asked_at": None}
    return numbers | said | {"task_id": task_id, "revision": revision, "label": label}


def test_a_reading_is_of_one_moment(engine):
    """Figures from several statements fit together while votes arrive."""
    with reading(engine) as connection:
        assert list_places(connection, P).task_ids.tolist() == []
        with engine.begin() as writer:
            save_tasks(writer, P, [Task(7, "7.png", 1, False, "", 1, False)])
        assert list_tasks(connection, P) == {}
    with reading(engine) as connection:
        assert list_images(connection, P) == {7: "7.png"}


def test_what_was_counted_is_kept_unless_the_task_has_changed_since(engine):
    with engine.begin() as connection:
        save_tasks(connection, P, [Task(i, "", 1, False, "", 1, False) for i in (7, 9)])
        was = revisions(connection, P, [7, 9])
    with engine.begin() as connection:
        mark_stale(connection, P, [9])
    with engine.begin() as connection:
        save_counted(connection, P, "a basis", [counted(i, was[i]) for i in (7, 9)])
    with reading(engine) as connection:
        (kept,) = list_counted(connection, P, "a basis")
        assert dict(zip(COUNTED, kept, strict=True)) == {
            name: value for name, value in counted(7, 0).items() if name != "revision"
        }
        assert list_counted(connection, P, "another") == []
    with engine.begin() as connection:
        mark_all_stale(connection, P)
        assert list_counted(connection, P, "a basis") == []
        drop_tasks(connection, P, [7])
        assert list(revisions(connection, P, [7, 9])) == [9]


def test_an_annotation_that_moves_marks_the_task_that_it_leaves(engine):
    """Numbers of deleted annotations are given again, on other tasks too."""
    with engine.begin() as connection:
        save_tasks(connection, P, [Task(i, "", 1, False, "", 1, False) for i in (7, 9)])
        record(connection, P, [Annotation(1, 7, "1", Kind.LABEL, "cat", moment(1), moment(1))])
        was = revisions(connection, P, [7, 9])
        record(connection, P, [Annotation(1, 9, "1", Kind.LABEL, "cat", moment(2), moment(2))])
        now = revisions(connection, P, [7, 9])
    assert {task: now[task] - was[task] for task in now} == {7: 1, 9: 1}


def test_opening_a_store_again_changes_nothing(new_address):
    first = open_database(new_address)
    with first.begin() as connection:
        save_project(connection, project())
    second = open_database(new_address)
    migrate(second)
    with reading(second) as connection:
        assert get_project(connection, P) == project()
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1
    first.dispose()
    second.dispose()


def test_several_processes_may_open_a_new_store_at_the_same_time(new_address):
    program = "import sys; from relabel.storage.database import open_database as o; o(sys.argv[1])"
    processes = [
        subprocess.Popen([sys.executable, "-c", program, new_address], stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    outcomes = [(p.communicate(timeout=60)[1].decode(), p.returncode) for p in processes]
    assert outcomes == [("", 0)] * 2


@pytest.mark.parametrize(
    "address", ["sqlite:////proc/none/store.sqlite3", "nonsense", "mysql://h/d"], ids=str
)
def test_a_store_that_cannot_be_opened_says_which_setting_to_check(address):
    with pytest.raises(ConfigurationError, match="RELABEL_DATABASE_URL, RELABEL_DATA_DIR"):
        open_database(address)


def test_rows_of_annotations_hold_when_they_arrived(engine):
    before = time.time()
    take(engine, annotation(3))
    with reading(engine) as connection:
        (row,) = connection.execute(select(annotations.c.received_at))
    assert before <= row.received_at <= time.time()
