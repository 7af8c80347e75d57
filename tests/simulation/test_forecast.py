"""The forecast of a project's remaining votes, and how near it comes."""

from dataclasses import replace

import numpy as np
import pytest
from relabel.errors import ConfigurationError
from relabel.numerics.consensus.posterior import Rates
from relabel.numerics.scoring import SCORES
from relabel.simulation.campaign.audit import Audit
from relabel.simulation.campaign.judge import Terms
from relabel.simulation.campaign.loop import initial_counts
from relabel.simulation.campaign.orders import OrderedQueue
from relabel.simulation.campaign.people import Crowd
from relabel.simulation.campaign.project import run_project
from relabel.simulation.campaign.votelog import replay
from relabel.simulation.data.noise_models import symmetric_matrix
from relabel.simulation.forecast import Pilot, Range, forecast, next_changes, range_of
from relabel.simulation.measure.curves import accounts_of, curve_of
from relabel.simulation.rest import Start, paces, play, within_reach

K, TASKS, PILOT, TARGET = 4, 400, 120, 0.95
NEVER = float("inf")


def made(seed, wrong=0.2):
    """Truth, old labels, and posteriors of a model that knows most of it and is never sure."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, K, TASKS)
    other = (truth + rng.integers(1, K, TASKS)) % K
    old = np.where(rng.random(TASKS) < wrong, other, truth)
    weights = rng.gamma(1.0, size=(TASKS, K)) + 3 * rng.random((TASKS, 1)) * np.eye(K)[truth]
    probs = weights / weights.sum(1, keepdims=True)
    return truth, old, probs


def pilot_of(seed, consensus="majority", votes=PILOT):
    """Return a pilot, and the votes that its project really needed after it."""
    truth, old, probs = made(seed)
    counts = initial_counts(old, K)
    score = SCORES["phi"](counts, probs)
    order = np.argsort(-score, kind="stable")
    terms = Terms(10**4, consensus, audit_share=0.1)
    people = Crowd(np.eye(K)[truth] @ symmetric_matrix(K, 0.05), seed)
    log = run_project(
        old,
        K,
        lambda *_: probs,
        lambda _counts, _labels, pool: OrderedQueue(order[pool[order]]),
        people,
        terms,
        seed=seed,
    )
    curve = curve_of(accounts_of(log, counts, terms).exported, truth, old)
    head = log.head(votes)
    new = replay(head, np.zeros((TASKS, K), dtype=np.int64))
    audit = Audit(old, K, terms.audit_share, seed, terms.max_votes)
    nobody = np.zeros(TASKS, dtype=bool)
    audit.next(votes, new, nobody)
    audited, settled, labels = nobody.copy(), nobody.copy(), old.copy()
    audited[audit.done] = True
    settled[head.tasks], labels[head.tasks] = head.settled, head.shown
    rates = Rates(np.full(K, 0.2), 0.2, 0.05)
    start = Start(old, new, labels, settled, probs, rates, score)
    reached = curve.votes_to(TARGET)
    return Pilot(start, terms, votes, audited), NEVER if reached is None else reached - votes


@pytest.fixture(scope="module")
def pilot():
    return pilot_of(3)[0]


def test_a_forecast_is_repeatable_and_its_interval_surrounds_it(pilot):
    found = forecast(pilot, draws=15)
    assert found == forecast(pilot, draws=15)
    above = float("inf") if found.votes.high is None else found.votes.high
    assert found.votes.low <= found.votes.value <= above


def test_random_order_needs_more_votes(pilot):
    found = forecast(pilot, draws=15)
    assert found.random.value > 1.3 * found.votes.value


@pytest.mark.parametrize("consensus", ["majority", "posterior"])
def test_the_other_consensus_is_told_and_saves_what_the_first_costs(pilot, consensus):
    terms = replace(pilot.terms, consensus=consensus)
    found = forecast(replace(pilot, terms=terms), draws=15)
    assert found.other == {"majority": "posterior", "posterior": "majority"}[consensus]
    assert (found.fewer.value > 0) == (found.other == "posterior")


def test_by_gain_no_more_votes_are_needed_than_task_after_task(pilot):
    weighing = replace(pilot.terms, consensus="posterior")
    tasks = forecast(replace(pilot, terms=weighing), draws=15)
    gain = forecast(replace(pilot, terms=replace(weighing, by_gain=True)), draws=15)
    assert gain.votes.value <= 1.1 * tasks.votes.value


@pytest.mark.slow
@pytest.mark.parametrize("consensus", ["majority", "posterior"])
def test_intervals_of_twelve_projects_hold_in_most(consensus):
    """At .8 each, fewer than six of twelve would happen once in 250 times."""
    held = 0
    for seed in range(12):
        pilot, needed = pilot_of(seed, consensus)
        found = forecast(pilot, target=TARGET, draws=30, seed=seed).votes
        low, high = (NEVER if end is None else end for end in (found.low, found.high))
        held += low <= needed <= high
    assert held >= 6


def test_the_audit_decides_how_many_labels_are_wrong(pilot):
    """The same model, and people who have found hardly a wrong label among the audited ones."""
    start = pilot.start
    each = np.arange(TASKS)
    kept = np.zeros_like(start.new)
    rows = each[pilot.audited | start.new.any(1)]
    kept[rows, start.given[rows]] = 2
    clean = replace(pilot, start=replace(start, new=kept, labels=start.given))
    assert forecast(clean, draws=15).noise_rate.high < forecast(pilot, draws=15).noise_rate.low


def test_a_target_that_is_reached_needs_no_votes(pilot):
    found = forecast(pilot, target=0.5, draws=5)
    assert found.votes == found.random == Range(0, 0, 0)


def test_a_target_that_nobody_reaches_is_never_reached(pilot):
    found = forecast(replace(pilot, people=1), target=1.0, draws=15)
    assert found.votes.value is None
    assert found.fewer.value == 0, "neither gets there"


def test_a_project_with_nothing_left_to_ask_has_no_course(pilot):
    closed = replace(pilot.start, closed=np.ones(TASKS, dtype=bool))
    found = forecast(replace(pilot, start=closed), target=1.0, draws=5)
    assert found.votes == Range(None, None, None)
    assert found.found == Range(0, 0, 0)


@pytest.mark.parametrize("target", [0.0, 1.5])
def test_targets_that_are_no_share_are_refused_by_name(pilot, target):
    with pytest.raises(ConfigurationError, match=f"target = {target:g} "):
        forecast(pilot, target=target, draws=1)


def test_a_range_leaves_a_tenth_at_either_end_and_tells_never_apart():
    values = np.array([*range(1, 18), NEVER, NEVER, NEVER])
    assert range_of(values) == Range(10, 2, None)


@pytest.mark.parametrize("consensus", ["majority", "posterior"])
@pytest.mark.parametrize("by_gain", [False, True])
def test_what_the_next_votes_cannot_reach_changes_nothing(pilot, consensus, by_gain):
    """Played with all tasks and with those within reach alone, the next votes are the same."""
    start, votes = pilot.start, 40
    terms = replace(pilot.terms, consensus=consensus, by_gain=by_gain)
    rng = np.random.default_rng(5)
    pace, turn = paces(pilot.spent, terms.audit_share, 4 * votes)
    for _ in range(5):
        answers = rng.integers(0, K, (TASKS, 9))
        audit = rng.choice(np.flatnonzero(~pilot.audited), (turn <= votes).sum(), replace=False)
        turns = np.full(TASKS, NEVER)
        turns[audit] = turn[turn <= votes]
        rows = np.union1d(within_reach(start, terms, votes), audit)
        assert len(rows) <= votes + len(audit) < TASKS / 4
        whole = play(start, terms, answers, turns, pace)
        some = play(start.of(rows), terms, answers[rows], turns[rows], pace)
        assert some.changed(votes, start.given[rows]) == whole.changed(votes, start.given)
        first = whole.at <= votes
        assert rows[some.tasks[some.at <= votes]].tolist() == whole.tasks[first].tolist()


def test_the_next_votes_are_told_alone_as_with_all_else(pilot):
    found = forecast(pilot, draws=15, ahead=50)
    assert found.found == next_changes(pilot, 50, draws=15)
    assert found.found.low <= found.found.value <= found.found.high
    assert next_changes(pilot, 10, draws=15).high < found.found.value
