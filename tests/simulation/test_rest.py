"""All tasks at once come to the same votes as one vote after another."""

import numpy as np
import pytest
from relabel.numerics.audit import turns
from relabel.numerics.consensus.posterior import Rates
from relabel.simulation.campaign.judge import Terms
from relabel.simulation.campaign.orders import OrderedQueue
from relabel.simulation.campaign.people import Crowd
from relabel.simulation.campaign.project import run_project
from relabel.simulation.campaign.votelog import replay
from relabel.simulation.rest import Start, paces, play

K, TASKS, ANSWERS = 4, 250, 12
KNOWN = Rates(np.full(K, 0.2), 0.2, 0.1)
ALONE = np.arange(1, TASKS * ANSWERS + 1, dtype=np.float64)
NEVER = np.full(TASKS, np.inf)


@pytest.fixture(scope="module")
def made():
    """Old labels, posteriors, scores and people of 250 tasks."""
    rng = np.random.default_rng(7)
    truth = rng.integers(0, K, TASKS)
    old = np.where(rng.random(TASKS) < 0.2, rng.integers(0, K, TASKS), truth)
    weights = rng.gamma(1.0, size=(TASKS, K)) + 2 * np.eye(K)[truth]
    people = Crowd(0.04 + 0.84 * np.eye(K)[truth], 3)
    return old, weights / weights.sum(1, keepdims=True), rng.random(TASKS), people


def project(made, terms):
    old, probs, score, people = made
    order = np.argsort(-score)
    return run_project(
        old,
        K,
        lambda *_: probs,
        lambda _counts, _labels, pool: OrderedQueue(order[pool[order]]),
        people,
        terms,
        seed=1,
    )


def answers_after(people, asked):
    found = np.zeros((TASKS, ANSWERS), dtype=np.int64)
    for task, nth in np.ndindex(TASKS, ANSWERS):
        found[task, nth] = people(task, nth + int(asked[task]))[0]
    return found


@pytest.mark.parametrize("by_gain", [False, True], ids=["by score", "by gain"])
@pytest.mark.parametrize("consensus", ["majority", "posterior"])
@pytest.mark.parametrize("votes", [0, 77], ids=["from the start", "some way in"])
def test_the_votes_and_labels_are_those_of_a_project(made, consensus, by_gain, votes):
    old, probs, score, people = made
    terms = Terms(10**4, consensus, by_gain=by_gain, known=KNOWN)
    log = project(made, terms)
    head = log.head(votes)
    new = replay(head, np.zeros((TASKS, K), dtype=np.int64))
    labels, closed = old.copy(), np.zeros(TASKS, dtype=bool)
    labels[head.tasks], closed[head.tasks] = head.shown, head.settled
    start = Start(old, new, labels, closed, probs, KNOWN, score)
    course = play(start, terms, answers_after(people, new.sum(1)), NEVER, ALONE)
    # A live score puts all tasks that no vote can improve by doubt, a simulated key by its loss.
    last = 300 if by_gain and consensus == "majority" else len(log)
    assert course.tasks.tolist()[: last - votes] == log.tasks[votes:last]
    assert course.after.tolist()[: last - votes] == log.shown[votes:last]
    assert course.at.tolist() == list(range(1, len(log) - votes + 1))


def test_what_the_audit_asks_first_leaves_the_queue(made):
    old, probs, score, people = made
    new = np.zeros((TASKS, K), dtype=np.int64)
    start = Start(old, new, old, np.zeros(TASKS, dtype=bool), probs, KNOWN, score)
    last = int(score.argmin())
    turn = NEVER.copy()
    turn[last] = 5.0
    course = play(start, Terms(1), answers_after(people, new.sum(1)), turn, ALONE)
    assert set(course.at[course.tasks == last]) == {5.0}
    others = course.at[course.tasks != last]
    assert others.tolist() == list(range(1, len(others) + 1))


@pytest.mark.parametrize("spent", [0, 60, 500])
def test_queue_and_audit_share_the_votes(spent):
    queue, audit = paces(spent, 0.1, 400)
    for votes in (50, 200, 400):
        asked = turns(spent + votes, 0.1) - turns(spent, 0.1)
        assert (audit <= votes).sum() == asked
        assert (queue <= votes).sum() >= votes - 2 * asked


def test_a_target_counts_labels_put_right_less_those_broken(made):
    old, probs, score, people = made
    new = np.zeros((TASKS, K), dtype=np.int64)
    start = Start(old, new, old, np.zeros(TASKS, dtype=bool), probs, KNOWN, score)
    course = play(start, Terms(1), answers_after(people, new.sum(1)), NEVER, ALONE)
    log = project(made, Terms(10**4))
    truth = np.array([people(task, 0)[0] for task in range(TASKS)])
    shown, reached = old.copy(), None
    for votes, (task, label) in enumerate(zip(log.tasks, log.shown, strict=True), start=1):
        shown[task] = label
        if (shown == truth).sum() - (old == truth).sum() == 9 and reached is None:
            reached = votes
    assert course.votes_to(9, truth) == reached
    assert course.votes_to(TASKS, truth) == float("inf")
    shown = old.copy()
    shown[log.tasks[:100]] = log.shown[:100]
    assert course.changed(100, old) == (shown != old).sum()
