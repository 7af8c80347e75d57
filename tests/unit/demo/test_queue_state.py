from relabel.demo.queue_state import QueuedTask, QueueState, majority

ANNA, BEN, ORIGINAL = 1, 2, 9


def state(**tasks: QueuedTask) -> QueueState:
    return QueueState("v1", {int(name[1:]): task for name, task in tasks.items()})


def task(score, *, is_open=True, votes=None, locked_by=()):
    votes = {ORIGINAL: "3"} if votes is None else votes
    return QueuedTask(score, is_open, votes, set(votes), set(locked_by))


def test_the_lowest_open_score_is_the_right_task():
    queue = state(t1=task(0.4), t2=task(0.1), t3=task(0.2))
    assert queue.problem(ANNA, 2) == ""
    assert "before open tasks [2]" in queue.problem(ANNA, 3)


def test_any_of_equally_scored_tasks_is_right():
    queue = state(t1=task(0.1), t2=task(0.1))
    assert queue.problem(ANNA, 1) == queue.problem(ANNA, 2) == ""


def test_tasks_that_the_user_judged_or_others_hold_are_passed_over():
    queue = state(
        t1=task(0.1, votes={ORIGINAL: "3", ANNA: "4"}), t2=task(0.2, locked_by={BEN}), t3=task(0.3)
    )
    assert queue.problem(ANNA, 3) == ""
    assert "not open to this user" in queue.problem(ANNA, 1)
    assert "not open to this user" in queue.problem(ANNA, 2)


def test_a_user_gets_the_task_again_that_he_holds():
    queue = state(t1=task(0.1), t2=task(0.3, locked_by={ANNA}))
    assert queue.problem(ANNA, 2) == ""
    assert "not open to this user" in queue.problem(ANNA, 1)


def test_a_better_unsettled_task_outside_the_window_is_a_problem():
    queue = state(t1=task(0.1, is_open=False), t2=task(0.2))
    assert "while better tasks [1] are closed" in queue.problem(ANNA, 2)


def test_a_better_settled_task_stays_closed():
    settled = task(0.1, is_open=False, votes={ORIGINAL: "3", BEN: "3"})
    assert state(t1=settled, t2=task(0.2)).problem(ANNA, 2) == ""


def test_a_task_without_score_is_never_right_and_comes_before_all_others():
    queue = state(t1=task(None), t2=task(0.2))
    assert "has no score" in queue.problem(ANNA, 1)
    assert "before open tasks [1]" in queue.problem(ANNA, 2)


def test_an_empty_queue_is_right_only_if_nothing_is_open_to_the_user():
    assert state(t1=task(0.1, locked_by={BEN})).problem(ANNA, None) == ""
    assert "nothing served" in state(t1=task(0.1)).problem(ANNA, None)


def test_a_majority_is_strict_and_has_two_votes():
    assert majority([]) is None
    assert majority(["3"]) is None
    assert majority(["3", "4"]) is None
    assert majority(["3", "4", "3"]) == "3"
    assert majority(["3", "4", "3", "4"]) is None
