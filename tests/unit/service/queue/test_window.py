import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from relabel.service.queue.window import SURPLUS, Change, choose_open, plan_changes
from relabel.storage.tasks import Task


def pairs(taken):
    """Return (row, person) of what each person has taken, some of them twice."""
    found = [(row, person) for person, mine in enumerate(taken) for row in np.flatnonzero(mine)]
    return np.array(found + found[::3], dtype=np.int64).reshape(-1, 2)


def choose(priority, *, candidates=None, begun=(), is_open=(), window=2, taken=(), held=()):
    n = len(priority)
    flags = [np.isin(np.arange(n), list(rows)) for rows in (begun, is_open, held)]
    allowed = np.ones(n, dtype=bool) if candidates is None else np.isin(np.arange(n), candidates)
    return choose_open(
        np.arange(n) * 10,
        np.array(priority, dtype=float),
        candidates=allowed,
        begun=flags[0],
        is_open=flags[1],
        window=window,
        taken=pairs([np.isin(np.arange(n), rows) for rows in taken]),
        held=flags[2],
    ).tolist()


def test_the_best_tasks_stand_open_the_most_urgent_first():
    assert choose([0.1, 0.9, 0.5, 0.7]) == [10, 30]


def test_begun_tasks_stand_open_beside_the_window():
    assert choose([0.1, 0.9, 0.5, 0.7], begun=[0]) == [10, 30, 0]


def test_what_may_not_be_relabelled_is_never_open():
    assert choose([0.1, 0.9, 0.5], candidates=[0, 2], begun=[1]) == [20, 0]


def test_a_task_that_fell_out_of_the_window_stays_open_while_there_are_few():
    assert choose([0.1, 0.9, 0.5, 0.7], is_open=[0]) == [10, 30, 0]
    assert choose([0.1, 0.9, 0.5, 0.7, 0.3], is_open=[0, 2, 4], window=1) == [10, 20]


def test_what_a_person_has_skipped_is_no_place_in_that_persons_window():
    urgent_first = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
    assert choose(urgent_first, taken=[[0, 1]]) == [0, 10, 20, 30]
    assert choose(urgent_first, taken=[[0, 1], [0, 1, 2, 3]]) == [0, 10, 20, 30, 40, 50]
    assert choose(urgent_first, taken=[[]]) == [0, 10]


def test_a_person_who_can_be_given_nothing_more_opens_nothing():
    assert choose([0.9, 0.8, 0.7], taken=[[0, 1, 2]], window=1) == [0]


def test_a_task_that_waits_for_whoever_skipped_it_stands_open_beside_the_window():
    assert choose([0.9, 0.8, 0.7, 0.6], held=[0], taken=[[0]]) == [0, 10, 20]


@st.composite
def situations(draw):
    n = draw(st.integers(0, 20))
    flags = [draw(hnp.arrays(bool, n)) for _ in range(4)]
    priority = draw(hnp.arrays(float, n, elements=st.floats(-3, 3)))
    taken = draw(hnp.arrays(bool, (draw(st.integers(0, 4)), n)))
    return priority, *flags, taken, draw(st.integers(1, 6))


@given(situations())
def test_laws_of_the_window(situation):
    priority, candidates, begun, is_open, held, taken, window = situation
    ids = np.arange(len(priority)) * 10
    found = choose_open(
        ids,
        priority,
        candidates=candidates,
        begun=begun,
        is_open=is_open,
        window=window,
        taken=pairs(taken),
        held=held,
    )
    rows = found // 10
    assert candidates[rows].all()
    assert set(ids[candidates & (begun | held)]) <= set(found.tolist())
    assert (np.diff(priority[rows]) <= 0).all()
    fresh = np.zeros(len(priority), dtype=bool)
    fresh[rows] = True
    fresh &= ~(begun | held)
    waiting = candidates & ~(begun | held)
    # Whoever comes, new to the project or not, finds a whole window, and the most urgent tasks.
    everybody = [np.zeros(len(priority), dtype=bool), *taken]
    for mine in everybody:
        free = np.flatnonzero(waiting & ~mine)
        first = free[np.argsort(-priority[free], kind="stable")][:window]
        assert fresh[first].all()
    assert fresh.sum() <= (len(everybody) + SURPLUS - 1) * window
    if not taken.any():
        assert fresh.sum() <= SURPLUS * window
        # No closed task is more urgent than one that was opened just now.
        opened, closed = priority[fresh & ~is_open], priority[waiting & ~fresh]
        assert not len(opened) or not len(closed) or min(opened) >= max(closed)


def task(number, overlap=1, *, is_labeled=True, touched=False):
    return Task(number, "", overlap, is_labeled, "", 1, True, touched=touched)


def plan(tasks, occupied, wanted):
    by_id = {t.task_id: t for t in tasks}
    return plan_changes(by_id, occupied, np.array(wanted, dtype=np.int64))


def test_a_task_is_opened_for_one_person_more_than_there_are():
    assert plan([task(7)], {7: 1}, [7]) == [Change(7, 2, is_labeled=False)]
    assert plan([task(7, 2)], {7: 2}, [7]) == [Change(7, 3, is_labeled=False)]


def test_a_task_that_is_open_already_is_left_alone():
    assert plan([task(7, 2, is_labeled=False, touched=True)], {7: 1}, [7]) == []


def test_a_task_no_longer_wanted_is_closed():
    stale = task(7, 2, is_labeled=False, touched=True)
    assert plan([stale], {7: 1}, []) == [Change(7, 1, is_labeled=True)]


def test_tasks_that_were_never_touched_are_never_closed():
    assert plan([task(7, is_labeled=False)], {7: 0}, []) == []


TASKS = st.builds(
    task,
    st.integers(1, 8),
    st.integers(1, 4),
    is_labeled=st.booleans(),
    touched=st.booleans(),
)


@given(
    st.lists(TASKS, unique_by=lambda t: t.task_id),
    st.dictionaries(st.integers(1, 8), st.integers(0, 3)),
    st.data(),
)
def test_laws_of_the_changes(tasks, people, data):
    ids = [t.task_id for t in tasks]
    occupied = {i: people.get(i, 0) for i in ids}
    wanted = data.draw(st.permutations(ids))[: data.draw(st.integers(0, len(ids)))]
    changes = plan(tasks, occupied, wanted)
    after = {t.task_id: t for t in tasks}
    for change in changes:
        after[change.task_id] = task(
            change.task_id, change.overlap, is_labeled=change.is_labeled, touched=True
        )
    for i in wanted:
        assert (after[i].overlap, after[i].is_labeled) == (occupied[i] + 1, False)
    for i in set(ids) - set(wanted):
        assert after[i].is_labeled or not after[i].touched
    # Carried out once, there is nothing left to do, and the most urgent were opened first.
    assert plan(list(after.values()), occupied, wanted) == []
    opened = [c.task_id for c in changes if not c.is_labeled]
    assert opened == [i for i in wanted if i in opened]
