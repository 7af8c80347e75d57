"""Skipped tasks and answers without a vote: nobody starves, and what is left is named."""

import pytest
from relabel.labelstudio.contract import TAB_TITLE
from relabel.service.insight.preview import explain, undecided_rows
from relabel.service.sync.sweep import forget_sweeps, sweep
from relabel.types import State
from wiring import answer, deliver, publish_round, state_of

WINDOW = 4
ALONE = f"window = {WINDOW}\nsolo = true"


@pytest.fixture
def make(context, fake, connected):
    """Make a published project whose tasks are served in the order of their ids."""

    def made(tasks, params=ALONE, skip_queue="REQUEUE_FOR_OTHERS"):
        number = connected(["cat", "dog"] * (tasks // 2), params)
        fake.set_project(number, skip_queue=skip_queue)
        deliver(context, fake)
        ids = list(fake.tasks)
        publish_round(context, number, {n: 0.9 - 0.02 * i for i, n in enumerate(ids)})
        fake.events.clear()
        return number, ids

    return made


def skip(context, fake, person):
    """Skip what is served, and return it."""
    return answer(context, fake, person, cancelled=True)


# -- REQUEUE_FOR_OTHERS ----------------------------------------------------------------------
def test_one_person_who_skips_is_served_every_task_in_its_order(context, fake, make):
    _, ids = make(30)
    assert [skip(context, fake, 1) for _ in range(30)] == ids
    assert fake.next_task(1) is None


def test_skips_of_one_person_leave_others_the_best_tasks(context, fake, make):
    number, ids = make(20)
    for _ in range(15):
        skip(context, fake, 1)
    assert [answer(context, fake, 2, "cat") for _ in range(10)] == ids[:10]
    assert fake.next_task(1) == ids[15]
    assert len(fake.open_tasks(number)) <= 4 * WINDOW


def test_without_a_skip_exactly_one_window_stands_open(context, fake, make):
    number, ids = make(20)
    for person in (1, 2, 3):
        answer(context, fake, person, "cat")
    assert fake.open_tasks(number) == ids[3 : 3 + WINDOW]


def test_old_labels_in_a_persons_own_name_take_no_place_from_that_person(context, fake, connected):
    number = connected([None] * 10, f"window = {WINDOW}")
    ids = list(fake.tasks)
    for task in ids:
        fake.annotate(task, 1 if task < ids[6] else 9, "cat")
    fake.events.clear()
    with context.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE projects SET connected_at = '2999'")
    forget_sweeps(context)
    sweep(context)
    publish_round(context, number, {n: 0.9 - 0.02 * i for i, n in enumerate(ids)})
    assert answer(context, fake, 1, "cat") == ids[6]
    assert fake.next_task(2) == ids[0]


def test_begun_tasks_that_nobody_can_finish_starve_nobody(context, fake, make):
    number, ids = make(20, f"window = {WINDOW}")
    for _ in range(6):
        answer(context, fake, 1, "bird")
    assert sorted(skip(context, fake, 2) for _ in range(6)) == ids[:6]
    assert state_of(context, number).begun().sum() == 6
    assert answer(context, fake, 1, "bird") == ids[6]
    assert answer(context, fake, 2, "bird") == ids[6]
    assert fake.next_task(2) == ids[7]


def test_a_task_that_everybody_at_work_skipped_is_named(context, fake, make):
    number, ids = make(8)
    skip(context, fake, 1)
    assert state_of(context, number).skipped().tolist() == [True] + [False] * 7
    fake.annotate(ids[7], 2, "cat")
    deliver(context, fake)
    assert not state_of(context, number).skipped().any(), "the second person may be given it"
    assert skip(context, fake, 2) == ids[0]
    assert state_of(context, number).skipped().sum() == 1
    assert fake.next_task(3) == ids[0], "somebody new is still given it"


# -- REQUEUE_FOR_ME --------------------------------------------------------------------------
def test_skipped_tasks_that_come_back_do_so_after_all_others(context, fake, make):
    number, ids = make(12, skip_queue="REQUEUE_FOR_ME")
    assert [skip(context, fake, 1) for _ in range(6)] == ids[:6]
    assert [answer(context, fake, 1, "cat") for _ in range(6)] == ids[6:]
    assert not state_of(context, number).skipped().any()
    assert [answer(context, fake, 1, "cat") for _ in range(6)] == ids[:6]
    assert fake.next_task(1) is None


def test_skipped_tasks_that_come_back_are_kept_from_others(context, fake, make):
    number, ids = make(12, skip_queue="REQUEUE_FOR_ME")
    for _ in range(6):
        skip(context, fake, 1)
    assert [answer(context, fake, 2, "cat") for _ in range(6)] == ids[6:]
    assert fake.next_task(2) is None
    assert set(ids[:6]) <= set(fake.open_tasks(number))


# -- IGNORE_SKIPPED --------------------------------------------------------------------------
def test_a_skip_that_ends_its_task_does_so_for_everybody(context, fake, make):
    number, ids = make(12, skip_queue="IGNORE_SKIPPED")
    assert [skip(context, fake, 1) for _ in range(6)] == ids[:6]
    assert answer(context, fake, 2, "cat") == ids[6]
    assert not set(ids[:6]) & set(fake.open_tasks(number))
    assert state_of(context, number).skipped().tolist() == [True] * 6 + [False] * 6


def test_what_skips_have_ended_is_told_when_nothing_is_left(context, fake, make):
    number, _ = make(4, skip_queue="IGNORE_SKIPPED")
    skip(context, fake, 1)
    for _ in range(3):
        answer(context, fake, 1, "cat")
    assert fake.open_tasks(number) == []
    (view,) = fake.views.values()
    assert view["data"]["title"] == f"Finished: {TAB_TITLE}"
    told = fake.projects[number]["description"]
    assert told == "[Relabel] Finished: all tasks are settled but 1 skipped."


@pytest.mark.parametrize("told", [True, False], ids=["event", "event lost"])
def test_a_change_of_what_skips_mean_is_followed(context, fake, make, told):
    number, ids = make(12)
    for _ in range(3):
        skip(context, fake, 1)
    fake.set_project(number, skip_queue="IGNORE_SKIPPED")
    if told:
        deliver(context, fake)
    else:
        fake.events.clear()
        forget_sweeps(context)
        sweep(context)
    assert fake.next_task(2) == ids[3]
    state = state_of(context, number)
    assert state.skipped().sum() == 3
    for task_id, task in state.tasks.items():
        theirs = fake.tasks[task_id]
        assert (task.overlap, task.is_labeled) == (theirs["overlap"], theirs["is_labeled"])


# -- answers without a vote ------------------------------------------------------------------
@pytest.mark.parametrize("said", [(), ("fish",), ("cat", "dog")], ids=["empty", "unknown", "two"])
def test_answers_without_a_vote_come_to_an_end_that_is_named(context, fake, make, said):
    number, ids = make(8, f"window = {WINDOW}\nmax_votes = 3")
    assert answer(context, fake, 1, *said) == ids[0]
    assert fake.next_task(2) == ids[0]
    assert answer(context, fake, 2, *said) == ids[0]
    state = state_of(context, number)
    assert state.consensus.states[0] == State.AMBIGUOUS
    assert state.unanswered().tolist() == [True] + [False] * 7
    assert state.silent[0] == 2
    assert ids[0] not in fake.open_tasks(number)
    assert fake.next_task(3) == ids[1]
    assert state.spent == 0
    (shown,) = explain(state, undecided_rows(state, 9), None, None)
    assert (shown.task_id, shown.state) == (ids[0], "no answer")


def test_a_task_with_some_votes_and_some_answers_without_is_ambiguous(context, fake, make):
    number, ids = make(8, f"window = {WINDOW}\nmax_votes = 3")
    answer(context, fake, 1)
    assert answer(context, fake, 2, "dog") == ids[0]
    state = state_of(context, number)
    assert state.consensus.states[0] == State.AMBIGUOUS
    assert not state.unanswered().any()


def test_votes_that_decide_are_not_undone_by_answers_without_one(context, fake, make):
    number, ids = make(8, f"window = {WINDOW}\nmax_votes = 3")
    answer(context, fake, 1)
    assert answer(context, fake, 2, "cat") == ids[0]
    assert state_of(context, number).consensus.states[0] == State.SETTLED


def test_a_person_counts_once_however_often_no_vote_was_given(context, fake, make):
    number, ids = make(8, f"window = {WINDOW}\nmax_votes = 4")
    for _ in range(3):
        fake.annotate(ids[0], 1)
    fake.annotate(ids[1], 1)
    fake.annotate(ids[1], 1, "bird")
    deliver(context, fake)
    state = state_of(context, number)
    assert state.silent.tolist() == [1, 0] + [0] * 6
    assert not state.unanswered().any()
