"""Laws of every campaign, whatever the answers, the rules and the ranking."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from relabel.numerics.consensus.majority import majority
from relabel.numerics.labels import labels_so_far
from relabel.numerics.scoring import SCORES
from relabel.simulation.campaign.judge import CONSENSUS, Terms
from relabel.simulation.campaign.loop import Rules, initial_counts, run_campaign
from relabel.simulation.campaign.orders import OrderedQueue, oracle_order, random_order
from relabel.simulation.campaign.people import NOBODY, Crowd, make_annotators, parse_panel
from relabel.simulation.campaign.project import run_project
from relabel.simulation.campaign.votelog import VoteLog, replay, running_counts
from relabel.simulation.measure.curves import curve_of, final_labels, visits_of
from relabel.types import State


def by_votes_so_far(counts, _labels, pool):
    """Rank by a quantity that every vote changes, so that each ranking differs from the last."""
    order = np.argsort(counts[:, 0] - counts[:, 1:].max(1), kind="stable")
    return OrderedQueue(order[pool[order]])


@st.composite
def campaigns(draw):
    seed = draw(st.integers(0, 2**31))
    n, k = draw(st.integers(1, 12)), draw(st.integers(2, 5))
    rng = np.random.default_rng(seed)
    d = rng.dirichlet(np.full(k, draw(st.sampled_from([0.1, 1.0]))), size=n)
    labels = rng.integers(0, k, n)
    rules = Rules(
        budget=draw(st.integers(1, 60)),
        closing=draw(st.sampled_from(["majority", "vote", "expert"])),
        max_votes=draw(st.integers(2, 9)),
        update_every=draw(st.none() | st.integers(1, 12)),
        audit_share=draw(st.sampled_from([0.0, 0.3])),
    )
    panel = parse_panel("0.9,0.7,0.8@0.6") if rules.closing == "majority" else None
    people = make_annotators(d, draw(st.sampled_from([None, panel])), seed)
    return d.argmax(1), labels, initial_counts(labels, k), people, rules


@given(campaigns())
def test_budget_is_never_overshot_and_counts_grow_by_one_per_vote(case):
    _, _, counts, people, rules = case
    log = run_campaign(counts, by_votes_so_far, people, rules)
    assert len(log) <= rules.budget
    assert replay(log, counts).sum() - counts.sum() == len(log)


@given(campaigns())
def test_replaying_the_log_gives_the_counts_of_every_moment(case):
    _, _, counts, people, rules = case
    log = run_campaign(counts, by_votes_so_far, people, rules)
    running = running_counts(log, counts)
    now = counts.copy()
    for row, (task, label) in enumerate(zip(log.tasks, log.labels, strict=True)):
        now[task, label] += 1
        assert (running[row] == now[task]).all()
    assert (replay(log, counts) == now).all()


@pytest.mark.slow
@settings(max_examples=200)
@given(campaigns(), st.floats(0, 1))
def test_a_resumed_campaign_equals_one_that_was_never_stopped(case, share):
    _, _, counts, people, rules = case
    whole = run_campaign(counts, by_votes_so_far, people, rules, audit_seed=4)
    part = whole.head(int(share * len(whole)))
    again = run_campaign(counts, by_votes_so_far, people, rules, audit_seed=4, log=part)
    assert again == whole


@given(campaigns())
def test_every_closed_task_has_a_strict_majority_or_reached_the_cap(case):
    _, _, counts, people, rules = case
    log = run_campaign(counts, by_votes_so_far, people, rules)
    ends = visits_of(log, counts, rules).ends
    rows = running_counts(log, counts)[ends - 1]
    if rules.closing == "majority" and len(rows):
        states = majority(rows, max_votes=rules.max_votes).states
        assert np.isin(states, [State.SETTLED, State.AMBIGUOUS]).all()


@given(campaigns())
def test_labels_at_the_end_are_those_of_the_production_consensus(case):
    _, labels, counts, people, rules = case
    log = run_campaign(counts, by_votes_so_far, people, rules)
    found = final_labels(visits_of(log, counts, rules), labels)
    if rules.closing == "majority":
        after = majority(replay(log, counts), max_votes=rules.max_votes)
        settled = after.states == State.SETTLED
        assert (found[settled] == after.labels[settled]).all()
        assert (found[~settled] == labels[~settled]).all()


@pytest.mark.slow
@given(campaigns())
def test_rankings_see_the_labels_that_a_live_project_would_show(case):
    _, labels, counts, people, rules = case
    seen = []

    def prioritise(now, shown, pool):
        seen.append(shown.tolist())
        return by_votes_so_far(now, shown, pool)

    log = run_campaign(counts, prioritise, people, rules)
    before = [(task, label) for task, label in enumerate(labels)]
    cast = list(zip(log.tasks, log.labels, strict=True))
    for shown, start in zip(seen, log.rounds, strict=True):
        now = replay(log.head(start), counts)
        live = labels_so_far(now, lambda _, start=start: before + cast[:start])
        if rules.closing == "expert":
            live[log.tasks[:start]] = log.labels[:start]
        assert shown == live.tolist()


@given(campaigns())
def test_curve_starts_at_the_initial_quality_and_moves_by_at_most_one_task(case):
    truth, labels, counts, people, rules = case
    log = run_campaign(counts, by_votes_so_far, people, rules)
    visits = visits_of(log, counts, rules)
    curve = curve_of(visits, truth, labels)
    assert curve.correct[0] == pytest.approx((labels == truth).mean())
    assert (np.abs(np.diff(curve.correct)) <= 1 / len(truth) + 1e-12).all()
    ends = final_labels(visits, labels)
    assert curve.correct[-1] == pytest.approx((ends == truth).mean())


@st.composite
def projects(draw):
    seed = draw(st.integers(0, 2**31))
    n, k = draw(st.integers(1, 12)), draw(st.integers(2, 5))
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.full(k, draw(st.sampled_from([0.1, 1.0]))), size=n)
    d = rng.dirichlet(np.full(k, 0.3), size=n)
    terms = Terms(
        budget=draw(st.sampled_from([5, 30, 1000])),
        consensus=draw(st.sampled_from(CONSENSUS)),
        confidence=draw(st.floats(0.8, 0.99)),
        by_gain=draw(st.booleans()),
        audit_share=draw(st.sampled_from([0.0, 0.05, 0.5])),
        max_votes=draw(st.integers(2, 9)),
    )
    people = make_annotators(d, draw(st.sampled_from([None, parse_panel("0.9,0.7,0.8@0.6")])), seed)
    order = random_order(seed)
    old = rng.integers(0, k, n)
    log = run_project(old, k, lambda *_: probs, order, people, terms, seed=seed)
    return old, k, people, terms, log


@settings(deadline=None)
@given(projects())
def test_a_project_keeps_to_its_budget_and_leaves_no_task_that_somebody_could_end(case):
    old, k, people, terms, log = case
    columns = (log.labels, log.annotators, log.audit, log.shown, log.settled)
    assert {len(column) for column in columns} == {len(log)}
    assert len(log) <= terms.budget
    if len(log) == terms.budget:
        return
    votes = replay(log, initial_counts(old, k)).sum(1)
    settled = dict(zip(log.tasks, log.settled, strict=True))
    for task in range(len(old)):
        nobody = people(task, int(votes[task]) - 1)[0] == NOBODY
        assert settled.get(task) or nobody or votes[task] >= terms.max_votes


@settings(deadline=None)
@given(projects())
def test_the_audit_has_its_share_of_a_projects_votes_and_no_vote_is_asked_for_nothing(case):
    old, classes, _, terms, log = case
    asked = np.cumsum(log.audit)
    new = np.zeros((len(old), classes), dtype=np.int64)
    np.add.at(new, (log.tasks, log.labels), 1)
    audited = np.unique(np.array(log.tasks, dtype=np.int64)[np.array(log.audit, dtype=bool)])
    # Where nobody is left to decide a task, another one takes its turn.
    undecided = int((new[audited] < 2).all(1).sum())
    # While the queue still has tasks it is never more than one audited task ahead.
    queue = len(log) - int(asked[-1]) if len(log) else 0
    last = np.flatnonzero(~np.array(log.audit, dtype=bool)).max(initial=-1) + 1
    if queue:
        most = 4 * terms.audit_share * last + terms.max_votes * (1 + undecided)
        assert asked[last - 1] <= most
    settled = np.zeros(len(old), dtype=bool)
    for task, audit, ends in zip(log.tasks, log.audit, log.settled, strict=True):
        assert audit or not settled[task]
        settled[task] = ends


@settings(deadline=None)
@given(campaigns())
def test_saved_log_is_read_back_as_it_was(tmp_path_factory, case):
    _, _, counts, people, rules = case
    log = run_campaign(counts, by_votes_so_far, people, rules)
    path = tmp_path_factory.mktemp("log") / "votes.npz"
    log.save(path)
    assert VoteLog.load(path) == log


@pytest.mark.slow
@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**31))
def test_oracle_always_asks_the_task_with_the_highest_production_score_of_its_label(seed):
    rng = np.random.default_rng(seed)
    d = rng.dirichlet(np.full(4, 0.5), size=8)
    labels = rng.integers(0, 4, 8)
    counts = initial_counts(labels, 4)
    order = oracle_order(d, SCORES["ratio"], seed)
    rules = Rules(25, repeats=True, max_votes=None)
    log = run_campaign(counts, order, Crowd(d, seed), rules)
    visits = visits_of(log, counts, rules)
    starts = np.concatenate([[0], visits.ends[:-1]])
    for start, task in zip(starts, visits.tasks, strict=True):
        now = replay(log.head(int(start)), counts)
        scores = SCORES["ratio"](np.eye(4, dtype=np.int64)[now.argmax(1)], d)
        assert scores[task] == pytest.approx(scores.max(), abs=1e-12)
