"""The relabelling loop: when a task closes, what a budget means, how a log is read."""

import numpy as np
import pytest
from relabel.errors import ConfigurationError
from relabel.learning.data import TrainingData
from relabel.numerics.consensus.majority import majority
from relabel.simulation.campaign.loop import Rules, initial_counts, is_settled, run_campaign
from relabel.simulation.campaign.orders import OrderedQueue, random_order
from relabel.simulation.campaign.people import NOBODY, Crowd, Panel, make_annotators, parse_panel
from relabel.simulation.campaign.votelog import VoteLog, replay
from relabel.simulation.data.noise_models import symmetric_matrix
from relabel.simulation.measure.curves import curve_of, final_labels, visits_of


def in_order(_counts, _labels, pool):
    return OrderedQueue(np.flatnonzero(pool))


def scripted(*answers):
    """Annotators who give these answers to every task, in this order."""
    return lambda _task, nth: (answers[nth], nth)


@pytest.mark.parametrize(
    ("start", "answers", "votes", "counts"),
    [
        ((1, 0, 0), (0,), 1, (2, 0, 0)),
        ((1, 0, 0), (1, 1), 2, (1, 2, 0)),
        ((1, 0, 0), (1, 2, 1), 3, (1, 2, 1)),
        ((1, 0, 0), (1, 2, 0), 3, (2, 1, 1)),
        ((2, 1, 0), (1, 2, 1), 3, (2, 3, 1)),
    ],
)
def test_a_task_closes_at_its_first_strict_majority(start, answers, votes, counts):
    before = np.array([start])
    log = run_campaign(before, in_order, scripted(*answers, 0, 0), Rules(10))
    assert len(log) == votes
    assert replay(log, before).tolist() == [list(counts)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("d", "label", "ends", "votes"),
    [
        ((1 / 3, 2 / 3), 0, (0.5556, 0.4444), 1.6667),
        ((1 / 3, 2 / 3), 1, (0.1111, 0.8889), 1.3333),
        ((0.6, 0.4), 0, (0.84, 0.16), 1.4),
        ((0.6, 0.4), 1, (0.36, 0.64), 1.6),
        ((0.1, 0.9, 0.0), 0, (0.19, 0.81, 0), 1.9),
        ((0.5, 0.3, 0.2), 1, (0.35, 0.57, 0.08), 1.9),
    ],
)
def test_chance_of_each_outcome_and_mean_votes_equal_theory(d, label, ends, votes):
    """Right labels can flip, and wrong ones stay, as often as the vote distribution says."""
    n = 20_000
    distributions = np.tile(d, (n, 1))
    initial = np.full(n, label)
    counts = initial_counts(initial, len(d))
    rules = Rules(10 * n, max_votes=None)
    log = run_campaign(counts, in_order, Crowd(distributions, 5), rules)
    labels = final_labels(visits_of(log, counts, rules), initial)
    shares = np.bincount(labels, minlength=len(d)) / n
    assert shares == pytest.approx(ends, abs=4 * 0.5 / np.sqrt(n))
    assert len(log) / n == pytest.approx(votes, abs=0.03)


def test_settled_means_the_same_as_in_the_production_consensus():
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 4, size=(3000, 4))
    states = majority(counts, max_votes=100).states
    assert [is_settled(row) for row in counts.tolist()] == (states == 1).tolist()


def test_budget_is_met_exactly_and_an_interrupted_task_keeps_its_label():
    counts = initial_counts(np.zeros(5, dtype=np.int64), 3)
    rules = Rules(4)
    log = run_campaign(counts, in_order, scripted(1, 2, 1), rules)
    assert len(log) == 4
    visits = visits_of(log, counts, rules)
    assert visits.tasks.tolist() == [0]
    assert final_labels(visits, np.zeros(5, dtype=np.int64)).tolist() == [1, 0, 0, 0, 0]


def test_cap_closes_a_task_without_changing_its_label():
    counts = initial_counts(np.array([0]), 4)
    rules = Rules(50, max_votes=4)
    log = run_campaign(counts, in_order, scripted(1, 2, 3, 1), rules)
    assert len(log) == 3
    visits = visits_of(log, counts, rules)
    assert (visits.before, visits.after) == ([0], [0])


def test_expert_vote_is_the_label_whatever_was_said_before():
    counts = np.array([[5, 0], [5, 0]])
    rules = Rules(2, closing="expert")
    log = run_campaign(counts, in_order, scripted(1), rules)
    assert final_labels(visits_of(log, counts, rules), np.zeros(2, dtype=np.int64)).tolist() == [
        1,
        1,
    ]


def test_selectors_learn_that_an_expert_settled_a_task():
    learnt = []

    def prioritise(counts, _labels, pool):
        learnt.append(TrainingData(np.arange(len(counts)), counts).settled.tolist())
        return OrderedQueue(np.flatnonzero(pool))

    counts = initial_counts(np.zeros(2, dtype=np.int64), 2)
    run_campaign(counts, prioritise, scripted(1), Rules(2, closing="expert", update_every=1))
    assert learnt == [[False, False], [True, False]]


def test_ranking_is_asked_anew_only_between_tasks_and_after_enough_votes():
    calls = []

    def prioritise(counts, _labels, pool):
        calls.append((int(counts.sum()) - 20, int((~pool).sum())))
        return OrderedQueue(np.flatnonzero(pool))

    counts = initial_counts(np.zeros(20, dtype=np.int64), 2)
    log = run_campaign(counts, prioritise, scripted(1, 1), Rules(10, update_every=3))
    assert calls == [(0, 0), (4, 2), (8, 4)]
    assert log.rounds == [0, 4, 8]


def test_single_votes_let_a_task_come_again_until_the_cap():
    counts = initial_counts(np.zeros(3, dtype=np.int64), 2)
    rules = Rules(100, closing="vote", max_votes=4, update_every=1)
    log = run_campaign(counts, in_order, scripted(1, 1, 1), rules)
    assert log.tasks == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_audit_share_of_visits_goes_to_tasks_that_the_ranking_would_leave_for_last():
    n = 2000
    counts = initial_counts(np.zeros(n, dtype=np.int64), 2)
    rules = Rules(1000, audit_share=0.2)
    log = run_campaign(counts, in_order, scripted(0), rules, audit_seed=3)
    audit = np.array(log.audit)
    assert audit.mean() == pytest.approx(0.2, abs=0.05)
    assert np.array(log.tasks)[audit].mean() > n / 3
    assert np.array(log.tasks)[~audit].max() < 1000


def test_campaign_with_no_task_left_ends_before_its_budget():
    counts = initial_counts(np.zeros(3, dtype=np.int64), 2)
    assert len(run_campaign(counts, random_order(0), scripted(0), Rules(100))) == 3


def test_curve_counts_corrected_and_broken_labels_when_a_task_closes():
    counts = initial_counts(np.array([0, 0, 1]), 2)
    truth, rules = np.array([1, 0, 1]), Rules(10)
    log = VoteLog([0, 0, 1, 1, 2], [1, 1, 1, 1, 1], [0] * 5, [False] * 5, [0])
    curve = curve_of(visits_of(log, counts, rules), truth, np.array([0, 0, 1]))
    assert curve.votes.tolist() == [0, 2, 4, 5]
    assert curve.correct == pytest.approx([2 / 3, 1, 2 / 3, 2 / 3])


def test_the_nth_answer_does_not_depend_on_the_order_of_questions():
    d = np.full((40, 3), 1 / 3)
    one, other = Crowd(d, 7), Crowd(d, 7)
    forward = [one(i, j) for i in range(40) for j in range(30)]
    backward = [other(i, j) for i in reversed(range(40)) for j in reversed(range(30))]
    assert forward == backward[::-1]


def test_panel_members_vote_once_per_task_with_their_own_accuracy():
    n = 5000
    d = np.tile([1.0, 0.0, 0.0], (n, 1))
    confusions = np.stack([symmetric_matrix(3, 0.05), symmetric_matrix(3, 0.4)])
    panel = Panel(d, confusions, np.array([1.0, 0.5]), seed=1)
    said = {0: [], 1: []}
    for task in range(n):
        people = [panel(task, nth) for nth in range(3)]
        voters = [person for label, person in people if label != NOBODY]
        assert len(set(voters)) == len(voters)
        for label, person in people:
            if label != NOBODY:
                said[person].append(label == 0)
    assert np.mean(said[0]) == pytest.approx(0.95, abs=0.02)
    assert np.mean(said[1]) == pytest.approx(0.60, abs=0.04)
    assert len(said[1]) / n == pytest.approx(0.5, abs=0.03)


def test_a_task_that_nobody_is_left_for_is_given_up():
    d = np.tile([0.0, 1.0], (4, 1))
    panel = make_annotators(d, parse_panel("1"), seed=0)
    counts = initial_counts(np.zeros(4, dtype=np.int64), 2)
    log = run_campaign(counts, in_order, panel, Rules(100))
    assert log.tasks == [0, 1, 2, 3]


def test_shared_mistakes_are_one_class_for_all_who_make_them():
    n = 4000
    truth = np.arange(n) % 4
    panel = make_annotators(np.eye(4)[truth], parse_panel("0.7,0.7;0.6"), seed=2)
    said = np.array([[panel.answer(task, person) for person in (0, 1)] for task in range(n)])
    wrong = said != truth[:, None]
    both = wrong.all(1)
    assert wrong.mean(0) == pytest.approx([0.3, 0.3], abs=0.03)
    assert both.mean() == pytest.approx(0.09, abs=0.015)
    # Two who share a mistake agree; otherwise one of three wrong classes is as likely as the next.
    alike = 0.6**2 + (1 - 0.6**2) / 3
    assert (said[both, 0] == said[both, 1]).mean() == pytest.approx(alike, abs=0.08)


@pytest.mark.parametrize("text", ["0.9,", "1.5", "0.9@0", "many", "0.9;2", "0.9;some"])
def test_malformed_panel_is_refused_with_an_example(text):
    with pytest.raises(ConfigurationError, match="Say for example"):
        parse_panel(text)


def test_budget_below_one_vote_is_refused():
    with pytest.raises(ConfigurationError, match="budget=0"):
        Rules(0)
