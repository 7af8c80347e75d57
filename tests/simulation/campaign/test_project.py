"""A simulated project: what the audit asks, what rounds renew, and who ends a task."""

from types import SimpleNamespace

import numpy as np
import pytest
from relabel.errors import ConfigurationError
from relabel.numerics.audit import EARLY, turns
from relabel.numerics.audit import random_order as random_rows
from relabel.numerics.baselines import okg
from relabel.numerics.consensus.posterior import Rates, beliefs, denoised, vote_weight
from relabel.numerics.estimates.error_rates import old_error, people_error, verdicts
from relabel.numerics.gain import disbelief, posterior_gain
from relabel.policy import Policy
from relabel.service.audit.turns import turns_of
from relabel.simulation.campaign.audit import Audit
from relabel.simulation.campaign.judge import ROUND, Judge, Terms
from relabel.simulation.campaign.loop import Rules, initial_counts, run_campaign
from relabel.simulation.campaign.orders import KeyedQueue, random_order
from relabel.simulation.campaign.people import Crowd, make_annotators, parse_panel
from relabel.simulation.campaign.project import run_project
from relabel.simulation.campaign.rankings import Method
from relabel.simulation.measure.curves import accounts_of, curve_of, final_labels
from relabel.types import LabelCounts

K = 4


def live_state(old, new, seed, *, cap=10, ended=None, spent=None, share=0.1):
    """Return what the service reads of a project, as far as its audit needs it."""
    none = np.zeros(len(old), dtype=bool)
    return SimpleNamespace(
        seed=seed,
        part="",
        project=SimpleNamespace(audit_until={}),
        policy=Policy(audit_share=share, max_votes=cap),
        new_counts=new,
        new=new.sum(1),
        spent=int(new.sum()) if spent is None else spent,
        counts=LabelCounts(np.arange(len(old)), np.eye(K, dtype=int)[old] + new),
        voters=new.sum(1) + 1,
        silent=np.zeros(len(old), dtype=int),
        abstains=np.zeros(len(old), dtype=int),
        given=old,
        serving=SimpleNamespace(ended=none if ended is None else ended, refused=none),
        places=SimpleNamespace(usable=~none),
    )


@pytest.fixture(autouse=True)
def live_order(monkeypatch):
    """Draw the order of a live project's audit by a seed that the test gives."""

    def rows(state):
        return random_rows(state.counts.task_ids, state.seed)

    monkeypatch.setattr("relabel.service.audit.turns.audit_rows", rows)


@pytest.fixture(scope="module")
def made():
    """400 tasks of four classes, a fifth wrongly labelled; a model that is right for most."""
    rng = np.random.default_rng(5)
    truth = rng.integers(0, K, 400)
    old = np.where(rng.random(400) < 0.2, (truth + rng.integers(1, K, 400)) % K, truth)
    guess = np.where(rng.random(400) < 0.25, rng.integers(0, K, 400), truth)
    probs = 0.08 + 0.68 * np.eye(K)[guess]
    people = 0.04 + 0.84 * np.eye(K)[truth]
    return truth, old, probs, Crowd(people, 3)


def play(made, *, prioritise=None, people=None, seed=1, **terms):
    _, old, probs, crowd = made
    return run_project(
        old,
        K,
        lambda *_: probs,
        prioritise or random_order(2),
        people or crowd,
        Terms(**({"budget": 600} | terms)),
        seed=seed,
    )


def replayed(made, log, rates, at):
    """Return what is believed of all tasks after so many votes."""
    _, old, probs, _ = made
    counts, new = initial_counts(old, K), np.zeros((len(old), K))
    np.add.at(new, (log.tasks[:at], log.labels[:at]), 1)
    prior = denoised(probs, rates.old.mean())
    return beliefs(prior, counts, new * vote_weight(rates.people, K), rates), new, prior


def test_by_majority_and_without_an_audit_it_is_the_campaign_of_the_papers(made):
    _, old, _, crowd = made
    order = random_order(2)
    ours = play(made, prioritise=order, max_votes=4)
    theirs = run_campaign(initial_counts(old, K), order, crowd, Rules(600, max_votes=4))
    assert (ours.tasks, ours.labels) == (theirs.tasks, theirs.labels)
    accounts = accounts_of(ours, initial_counts(old, K), Terms(600))
    papers = accounts_of(theirs, initial_counts(old, K), Rules(600, max_votes=4)).settled
    assert (final_labels(accounts.settled, old) == final_labels(papers, old)).all()


def test_every_vote_by_gain_goes_where_it_gains_most(made):
    """Computed anew from all votes before each of the first hundred."""
    rates = Rates(np.full(K, 0.2), 0.2, 0.12)
    log = play(made, consensus="posterior", by_gain=True, known=rates)
    assert len(set(log.tasks)) < len(log.tasks)
    shown, settled = made[1].copy(), np.zeros(len(made[1]), dtype=bool)
    for at, task in enumerate(log.tasks[:100]):
        q, new, prior = replayed(made, log, rates, at)
        gain = posterior_gain(q, shown, prior, rates.people, unfinished=new.any(1) & ~settled)
        keys = list(zip(gain, disbelief(q, shown), strict=True))
        best = max(key for row, key in enumerate(keys) if not settled[row])
        assert keys[task] == pytest.approx(best, rel=1e-12)
        shown[task], settled[task] = log.shown[at], log.settled[at]


def test_a_task_ends_when_it_is_believed_and_never_without_a_person(made):
    rates = Rates(np.full(K, 0.2), 0.2, 0.12)
    log = play(made, consensus="posterior", confidence=0.9, known=rates, budget=1500)
    q, new, _ = replayed(made, log, rates, len(log))
    last = dict(zip(log.tasks, log.settled, strict=True))
    for task in range(len(q)):
        assert last.get(task, False) == bool(new[task].any() and q[task].max() >= 0.9)
    believed = dict(zip(log.tasks, log.believed, strict=True))
    for task, belief in believed.items():
        assert belief == pytest.approx(q[task].max(), rel=1e-9)
    alone = new.sum(1) == 1
    assert 0.3 < alone.mean() < 0.95
    assert (log.shown[-1] == q[log.tasks[-1]].argmax()).all()


@pytest.mark.slow
@pytest.mark.parametrize("by_gain", [False, True])
@pytest.mark.parametrize("consensus", ["majority", "posterior"])
def test_the_audit_is_the_start_of_one_random_order_and_gets_its_share(made, by_gain, consensus):
    log = play(made, consensus=consensus, by_gain=by_gain, audit_share=0.2, budget=900)
    again = play(made, consensus="posterior", audit_share=0.2, budget=400)
    asked = list(dict.fromkeys(np.array(log.tasks)[log.audit].tolist()))
    order = random_rows(np.arange(len(made[1])), 1).tolist()
    assert asked == sorted(asked, key=order.index)
    others = list(dict.fromkeys(np.array(again.tasks)[again.audit].tolist()))
    assert others == sorted(others, key=order.index)
    # A turn is taken to cost two votes; those that the queue has brought cost the audit nothing.
    assert 0.14 < np.mean(log.audit) < 0.21


def test_an_audited_task_ends_when_two_new_people_agree(made):
    log = play(made, consensus="posterior", audit_share=0.3, budget=500)
    new = np.zeros((len(made[1]), K), dtype=int)
    np.add.at(new, (log.tasks, log.labels), 1)
    audited = list(dict.fromkeys(np.array(log.tasks)[log.audit].tolist()))[:-1]
    assert len(audited) > 40
    assert (verdicts(new[audited]) >= 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("by_gain", [False, True])
def test_the_audit_takes_its_turns_as_a_live_project_does(made, by_gain):
    """Before every vote: what waits comes first, what is done is the same, and nothing else is."""
    old, seed = made[1], 7
    log = play(made, by_gain=by_gain, audit_share=0.1, budget=900, seed=seed)
    new, audit = np.zeros((len(old), K), dtype=int), Audit(old, K, 0.1, seed, 10)
    for at, (task, label) in enumerate(zip(log.tasks, log.labels, strict=True)):
        live = turns_of(live_state(old, new, seed))
        awaited = live.awaited.tolist()
        assert audit.next(at, new, np.zeros(len(old), dtype=bool)) == next(iter(awaited), None)
        assert audit.done.tolist() == live.done.tolist()
        assert log.audit[at] == bool(awaited)
        assert not awaited or task == awaited[0]
        new[task, label] += 1
    assert len(audit.done) == turns(len(log) - 1, 0.1) > EARLY


@pytest.mark.parametrize("gone", [0, 3])
def test_a_task_at_its_cap_has_had_its_turn_and_one_that_nobody_can_take_has_none(gone):
    old = np.zeros(50, dtype=int)
    order = random_rows(np.arange(50), 3)
    new, left = np.zeros((50, K), dtype=int), np.zeros(50, dtype=bool)
    new[order[0]] = 1
    left[order[1 : 1 + gone]] = True
    audit = Audit(old, K, 0.1, 3, max_votes=K)
    assert audit.next(20, new, left) == order[1 + gone]
    assert audit.done.tolist() == [order[0]]
    live = turns_of(live_state(old, new, 3, cap=K, ended=left, spent=20))
    assert live.awaited.tolist() == order[1 + gone : turns(20, 0.1) + gone].tolist()


def test_votes_that_came_before_a_task_was_audited_count_for_its_verdict(made):
    """And what the audit says is read from all of its tasks, asked or not."""
    old = made[1]
    audit = Audit(old, K, 0.5, 1)
    order = random_rows(np.arange(len(old)), 1)
    new, said = np.zeros((len(old), K), dtype=int), [[] for _ in old]
    for task in order[:3].tolist():
        wrong = (int(old[task]) + 1) % K
        said[task] = [(wrong, 0), (wrong, 1)]
        new[task, wrong] = 2
    assert audit.next(8, new, np.zeros(len(old), dtype=bool)) == order[3]
    rates = audit.rates(new, said)
    assert rates.old == pytest.approx(np.full(K, min(4 / 10, 0.6)))
    assert rates.people == pytest.approx(people_error(3, 0, K))


def test_people_who_differ_are_counted_also_where_nobody_is_left_to_decide(made):
    """Two people, who differ on every second task: of such a task there is no verdict."""
    old = made[1]
    audit, order = Audit(old, K, 0.5, 1), random_rows(np.arange(len(old)), 1)
    new, said = np.zeros((len(old), K), dtype=int), [[] for _ in old]
    for place, task in enumerate(order[:40].tolist()):
        said[task] = [(0, 0), (place % 2, 1)]
        np.add.at(new[task], [0, place % 2], 1)
    gone = new.sum(1) == 2
    audit.next(80, new, gone)
    assert audit.done.tolist() == order[:40:2].tolist()
    assert audit.rates(new, said).people == pytest.approx(people_error(39, 19, K))
    live = turns_of(live_state(old, new, 1, ended=gone, spent=80, share=0.5))
    assert live.drawn.tolist() == audit.drawn.tolist() == order[:39].tolist()


def test_rates_are_learnt_from_the_audit_and_renewed_with_a_round(made):
    truth, old, _, _ = made
    log = play(made, consensus="posterior", by_gain=True, audit_share=0.5, budget=1200)
    assert np.diff(log.rounds).min() >= ROUND
    judge = Judge(old, K, Terms(1))
    audit = Audit(old, K, 0.5, 1)
    for task, label, person in zip(log.tasks, log.labels, log.annotators, strict=True):
        judge.cast(task, label, person)
    audit.next(len(log), judge.new, np.zeros(len(old), dtype=bool))
    rates = audit.rates(judge.new, judge.said)
    assert rates.old[0] == pytest.approx((old != truth).mean(), abs=0.06)
    # Two standard errors: some 180 pairs of answers.
    assert rates.people == pytest.approx(0.12, abs=0.036)
    assert old_error(np.zeros(0, dtype=int), np.zeros(0, dtype=int), K)[0] == pytest.approx(1 / 7)


def test_a_new_round_reopens_nothing(made):
    _, old, probs, _ = made
    judge = Judge(old, K, Terms(1, consensus="posterior"))
    sure = Rates(np.full(K, 0.1), 0.1, 0.05)
    judge.renew(probs, sure, np.zeros(0))
    judge.cast(0, int(probs[0].argmax()), 0)
    before = judge.labels.copy(), judge.settled.copy()
    assert judge.settled[0]
    judge.renew(np.full_like(probs, 1 / K), Rates(np.full(K, 0.4), 0.4, 0.4), np.zeros(0))
    assert (judge.labels == before[0]).all()
    assert (judge.settled == before[1]).all()


def test_a_panel_is_judged_one_by_one_and_who_guesses_has_no_weight(made):
    truth, old, probs, _ = made
    panel = make_annotators(np.eye(K)[truth], parse_panel("0.97,0.9,0.25"), 0)
    log = play(made, people=panel, consensus="posterior", audit_share=0.5, budget=700)
    judge = Judge(old, K, Terms(1, consensus="posterior"))
    for task, label, person in zip(log.tasks, log.labels, log.annotators, strict=True):
        judge.cast(task, label, person)
    audit = Audit(old, K, 0.5, 1)
    audit.next(len(log), judge.new, judge.new.sum(1) == panel.size)
    rates = audit.rates(judge.new, judge.said)
    errors = audit.annotator_errors(judge.said, 3, rates.people)
    assert errors[0] < errors[1] < errors[2] == 1 - 1 / K
    judge.renew(probs, rates, errors)
    untouched = int(np.flatnonzero(~judge.new.any(1))[0])
    key = judge.keys(np.array([untouched]))[1]
    judge.cast(untouched, (int(judge.labels[untouched]) + 1) % K, 2)
    q_of_old = judge._beliefs(np.array([untouched]))[0, old[untouched]]
    assert q_of_old == pytest.approx(1 - key[0])


def test_a_task_that_nobody_can_take_is_left_and_the_rest_goes_on(made):
    truth = made[0]
    panel = make_annotators(np.eye(K)[truth], parse_panel("0.6@0.5"), 0)
    for terms in ({"by_gain": True, "consensus": "posterior"}, {"audit_share": 0.3}):
        log = play(made, people=panel, budget=10_000, **terms)
        assert len(log) == len(set(log.tasks))
        assert 0.4 * len(truth) < len(log) < 0.6 * len(truth)


@pytest.mark.parametrize("seed", range(4))
def test_with_two_classes_every_task_of_a_project_ends(seed):
    """Neither key nor round lets a begun task starve."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, 40)
    old = np.where(rng.random(40) < 0.2, 1 - truth, truth)
    probs = 0.3 + 0.4 * np.eye(2)[truth]
    people = Crowd(0.2 + 0.6 * np.eye(2)[truth], seed)
    terms = Terms(
        5_000,
        consensus="posterior",
        confidence=float(rng.uniform(0.9, 0.99)),
        by_gain=True,
        audit_share=0.1,
        max_votes=None,
    )
    log = run_project(old, 2, lambda *_: probs, random_order(0), people, terms, seed=seed)
    assert len(log) < 5_000
    last = dict(zip(log.tasks, log.settled, strict=True))
    assert len(last) == 40
    assert all(last.values())


def test_the_two_accounts_differ_by_labels_that_are_not_settled(made):
    truth, old, _, _ = made
    terms = Terms(120, consensus="posterior", by_gain=True, confidence=0.99)
    log = play(made, budget=120, consensus="posterior", by_gain=True, confidence=0.99)
    accounts = accounts_of(log, initial_counts(old, K), terms)
    shown = old.copy()
    for task, label in zip(log.tasks, log.shown, strict=True):
        shown[task] = label
    assert (final_labels(accounts.exported, old) == shown).all()
    settled = final_labels(accounts.settled, old)
    differing = settled != shown
    assert differing.any()
    last = dict(zip(log.tasks, log.settled, strict=True))
    assert not any(last[int(task)] for task in np.flatnonzero(differing))
    curve = curve_of(accounts.exported, truth, old)
    assert curve.correct[-1] == pytest.approx((shown == truth).mean())


@pytest.mark.parametrize("key", ["okg", "activelab_by_vote"])
@pytest.mark.parametrize("consensus", ["majority", "posterior"])
def test_a_published_baseline_spends_its_votes_and_finds_wrong_labels(made, key, consensus):
    truth, old, _, _ = made
    log, again = (
        play(made, by_gain=True, key=key, consensus=consensus, budget=200) for _ in range(2)
    )
    assert (log.tasks, log.labels) == (again.tasks, again.labels)
    assert len(log) == 200
    accounts = accounts_of(log, initial_counts(old, K), Terms(200, consensus=consensus))
    settled = final_labels(accounts.settled, old)
    assert (settled == truth).mean() > (old == truth).mean() + 0.02


def test_activelab_asks_first_what_the_model_believes_least(made):
    _, old, probs, _ = made
    first = play(made, by_gain=True, key="activelab_by_vote", budget=40).tasks
    own = probs[np.arange(len(old)), old]
    assert own[first].max() == own.min()


def test_every_vote_by_okg_goes_where_one_answer_could_gain_most(made):
    log = play(made, by_gain=True, key="okg", budget=200)
    counts = initial_counts(made[1], K)
    for task, label in zip(log.tasks, log.labels, strict=True):
        gains = okg(counts)
        open_ = counts.max(1) < 2
        assert gains[task] == gains[open_].max()
        counts[task, label] += 1


def test_the_best_key_comes_first_whenever_keys_change():
    gain, doubt = np.array([0.0, 0.2, 0.0, 0.3]), np.array([0.5, 0.1, 0.6, 0.0])
    queue = KeyedQueue(gain, doubt, np.array([True, True, True, False]), 0)
    assert queue.next() == queue.next() == 1
    queue.put(1, (0.0, 0.55))
    assert queue.next() == 2
    queue.put(2, None)
    assert queue.next() == 1
    queue.put(0, (0.1, 0.0))
    assert queue.next() == 0
    queue.put(0, None)
    queue.put(1, None)
    assert queue.next() is None


def test_tasks_of_equal_keys_are_drawn_and_not_asked_by_their_number():
    flat = np.zeros(50)
    orders = []
    for seed in (0, 1):
        queue = KeyedQueue(flat, flat, np.ones(50, dtype=bool), seed)
        order = []
        while (task := queue.next()) is not None:
            order.append(task)
            queue.put(task, None)
        orders.append(order)
    assert orders[0] != orders[1] != list(range(50)) != orders[0]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (("truth", "gain"), "selector='truth'"),
        (("co_teaching", "phi", "none", "posterior"), "selector='co_teaching'"),
        (("linear", "gain", "diffusion"), "diversity='diffusion'"),
        (("linear", "okg", "diffusion"), "diversity='diffusion'"),
        (("ensemble", "activelab_by_vote"), "selector='ensemble'"),
        (("linear", "phi", "none", "unanimity"), "consensus='unanimity'"),
    ],
)
def test_a_posterior_that_may_have_seen_the_labels_is_no_evidence(parts, message):
    with pytest.raises(ConfigurationError, match=message):
        Method(*parts)


@pytest.mark.parametrize("wrong", [{"confidence": 0.5}, {"audit_share": 0.6}, {"budget": 0}])
def test_terms_out_of_range_are_refused(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        Terms(**({"budget": 1} | wrong))


@pytest.mark.slow
def test_a_model_that_errs_as_people_do_is_found_out_by_the_audit_and_counts_no_more():
    """Model and one person in three say the next class: together they settle wrong labels."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, K, 600)
    old = np.where(rng.random(600) < 0.15, (truth + 1) % K, truth)
    people = 0.67 * np.eye(K)[truth] + 0.33 * np.eye(K)[(truth + 1) % K]
    wrong_model = 0.01 + 0.96 * np.eye(K)[(truth + 1) % K]
    made = truth, old, wrong_model, Crowd(people, 1)
    ways = {"majority": 0.2, "posterior": 0.2, "never audited": 0.0}
    ends, right = {}, {}
    for way, share in ways.items():
        consensus = "majority" if way == "majority" else "posterior"
        ends[way] = play(made, budget=1500, consensus=consensus, audit_share=share)
        terms = Terms(1500, consensus=consensus)
        settled = accounts_of(ends[way], initial_counts(old, K), terms).settled
        right[way] = (final_labels(settled, old) == truth).mean()
    log = ends["posterior"]
    seen = np.array([log.tasks[:at].count(task) for at, task in enumerate(log.tasks)])
    by_one = np.flatnonzero((seen == 0) & log.settled & (np.array(log.believed) > 0))
    assert len(by_one) > 0
    assert by_one.max() < 700, "after the alarm nothing is settled by one person and the model"
    assert right["posterior"] > right["majority"] - 0.06
    assert right["posterior"] > right["never audited"] + 0.2
