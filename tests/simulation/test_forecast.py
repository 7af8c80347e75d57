"""The forecast of a project's remaining votes, and how near it comes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from relabel.errors import ConfigurationError, InvalidValuesError
from relabel.numerics.audit import random_order
from relabel.numerics.diversity.spread import Surroundings
from relabel.numerics.estimates.noise_rate import Estimate, audited_noise_rate
from relabel.numerics.scoring import SCORES
from relabel.service.insight.audit import LEAST_AUDIT
from relabel.simulation.campaign.loop import Rules, initial_counts, run_campaign
from relabel.simulation.campaign.orders import OrderedQueue
from relabel.simulation.campaign.people import PanelSpec, make_annotators
from relabel.simulation.campaign.rankings import selector_of
from relabel.simulation.campaign.seeds import generator, seed_of
from relabel.simulation.data.dataset import Dataset, certain
from relabel.simulation.data.encoding import with_features
from relabel.simulation.data.noise_models import make_noise
from relabel.simulation.data.sources import load_dataset
from relabel.simulation.forecast import Pilot, forecast, true_class_posteriors
from relabel.simulation.measure.curves import curve_of, final_labels, visits_of

PEOPLE = PanelSpec(accuracy=(0.95,) * 5, coverage=(1.0,) * 5)
PILOT, AUDIT = 100, 0.10
ENOUGH, HALF = 120, 0.5
"""A pilot of as many votes with half of the visits at random has about forty audited tasks."""


def made_data(n=300, k=3, seed=0):
    truth = np.random.default_rng(seed).integers(0, k, n)
    return Dataset("made", tuple("abc"), certain(truth, k))


def doubtful(data, labels, rng):
    """Posteriors of a model that is right about nine in ten and never quite sure."""
    guess = np.where(rng.random(len(data)) < 0.9, data.truth, labels)
    return 0.1 + 0.7 * np.eye(len(data.classes))[guess]


def audited(visits, labels, truth, seed):
    """What people say of as many random labels as were visited at random; None below twenty."""
    drawn = random_order(np.arange(len(labels)), seed)[: int(visits.audit.sum())]
    if len(drawn) < LEAST_AUDIT:
        return None
    return audited_noise_rate((labels != truth)[drawn])


def pilot_of(data, labels, probs, seed, votes=PILOT, share=AUDIT):
    """Play a pilot and return it with the further votes that the campaign really needed."""
    counts = initial_counts(labels, len(data.classes))
    score = SCORES["phi"](counts, probs)
    order = np.argsort(-score, kind="stable")
    rules = Rules(4 * len(data), audit_share=share)
    people = make_annotators(data.distributions, PEOPLE, seed_of(seed, "annotators"))

    def prioritise(_counts, _labels, pool):
        return OrderedQueue(order[pool[order]])

    log = run_campaign(counts, prioritise, people, rules, audit_seed=seed_of(seed, "audit"))
    realised = curve_of(visits_of(log, counts, rules), data.truth, labels).votes_to(0.95)
    head = log.head(votes)
    visits = visits_of(head, counts, rules)
    settled = np.zeros(len(data), dtype=bool)
    settled[visits.tasks] = True
    now = final_labels(visits, labels)
    ours = [now[t] == c for t, c in zip(head.tasks, head.labels, strict=True) if settled[t]]
    pilot = Pilot(
        labels,
        now,
        settled,
        probs,
        score,
        sum(ours),
        len(ours) - sum(ours),
        share,
        audited(visits, labels, data.truth, seed),
    )
    return pilot, max(realised - votes, 0)


def noisy(rate, n=300, seed=0):
    data = made_data(n, seed=seed)
    labels = make_noise("symmetric", data, np.random.default_rng([1, seed]), rate=rate)
    return data, labels, doubtful(data, labels, np.random.default_rng([2, seed]))


def test_forecast_is_repeatable_and_random_order_is_hardly_better():
    pilot, _ = pilot_of(*noisy(0.3), 3, ENOUGH, HALF)
    found = forecast(pilot, draws=10)
    assert found.ratio > 0.8
    assert found == forecast(pilot, draws=10)


def test_ten_made_projects_need_about_the_votes_that_were_forecast():
    """Fractions of what they need would show that the audit is read as if drawn from the rest."""
    ratios = []
    for seed in range(10):
        pilot, realised = pilot_of(*noisy(0.3, seed=seed), seed, ENOUGH, HALF)
        ratios.append(forecast(pilot, draws=9, seed=seed).votes / realised)
    assert 0.6 < np.median(ratios) < 1.5


def test_until_the_audit_carries_it_no_share_of_wrong_labels_is_told():
    pilot, _ = pilot_of(*noisy(0.3), 3)
    found = forecast(pilot, draws=5)
    assert pilot.wrong is None
    assert found.votes > 0
    assert (found.noise_rate, found.correct_now) == (None, None)


@pytest.mark.slow
def test_the_forecast_believes_the_audit_and_not_the_model():
    """A model that doubts far too much: by itself a third of the labels seem wrong."""
    data = made_data(n=600)
    labels = make_noise("symmetric", data, np.random.default_rng(1), rate=0.15)
    rng = np.random.default_rng(2)
    guess = np.where(rng.random(600) < 0.65, data.truth, rng.integers(0, 3, 600))
    probs = 0.15 + 0.55 * np.eye(3)[guess]
    pilot, _ = pilot_of(data, labels, probs, 3, 200, HALF)
    found = forecast(pilot, draws=40)
    assert found.noise_rate == pytest.approx((labels != data.truth).mean(), abs=0.06)


def settled_but(open_tasks, right=1.0):
    """A pilot whose people have settled all but some tasks; a share of the labels was right."""
    data = made_data()
    n, k = len(data), len(data.classes)
    now = data.truth.copy()
    given = np.where(np.arange(n) < right * n, now, (now + 1) % k)
    settled = np.arange(n) >= open_tasks
    probs = doubtful(data, given, np.random.default_rng(2))
    return Pilot(np.where(settled, given, now), now, settled, probs, np.zeros(n), 300, 0)


@pytest.mark.parametrize("audit", [None, Estimate(0.1, 0.05, 0.2, 0.95)])
@pytest.mark.parametrize("open_tasks", [0, 5])
def test_target_that_is_reached_needs_no_votes(open_tasks, audit):
    found = forecast(replace(settled_but(open_tasks), wrong=audit), target=0.9, draws=5)
    assert (found.votes, found.random, found.ratio) == (0, 0, 1)


def test_everything_settled_is_right_by_the_votes_and_reaches_any_target():
    found = forecast(settled_but(0, right=0.5), target=1.0, draws=5)
    assert found.votes == 0


def test_a_target_that_people_never_reach_has_no_votes_and_no_ratio():
    """Half of the open labels are wrong, and people name other classes than the right ones."""
    wrong = Estimate(0.4, 0.35, 0.45, 0.95)
    lost = replace(settled_but(250), agreeing=0, disagreeing=300, wrong=wrong)
    found = forecast(lost, target=1.0, draws=5)
    assert (found.votes, found.random, found.ratio) == (None, None, None)


@pytest.mark.parametrize("target", [0.0, 1.5])
def test_targets_that_are_no_share_are_refused_by_name(target):
    with pytest.raises(ConfigurationError, match=f"target = {target:g} "):
        forecast(settled_but(5), target=target, draws=1)


def test_a_label_that_the_model_contradicts_is_probably_wrong_despite_its_noisy_teaching():
    """A model taught with 20 % wrong labels is at most 80 % sure; that is taken out again."""
    truth = np.tile(np.arange(10), 200)
    rng = np.random.default_rng(0)
    wrong = rng.random(2000) < 0.2
    given = np.where(wrong, (truth + rng.integers(1, 10, 2000)) % 10, truth)
    probs = np.full((2000, 10), 0.2 / 9)
    probs[np.arange(2000), truth] = 0.8
    doubts = 1 - true_class_posteriors(given, probs)[np.arange(2000), given]
    assert np.quantile(doubts[wrong], 0.1) > 0.6
    assert np.quantile(doubts[~wrong], 0.9) < 0.1


def test_incomplete_pilot_is_refused():
    with pytest.raises(InvalidValuesError, match="each of its 2"):
        Pilot(
            np.zeros(2, dtype=np.int64),
            np.zeros(3, dtype=np.int64),
            np.zeros(2, dtype=bool),
            np.full((2, 2), 0.5),
            np.zeros(2),
            0,
            0,
        )


@pytest.mark.slow
def test_ten_projects_of_digits_need_about_the_votes_that_were_forecast(tmp_path):
    """20 % wrong, people who err 5 % of the time, a pilot of 120 votes, half of it audit."""
    data = with_features(load_dataset("digits", Path()), "tiny", tmp_path, max_pixels=100)
    ratios = []
    for seed in range(10):
        labels = make_noise("symmetric", data, generator(seed, "noise"), rate=0.2)
        model = seed_of(seed, "model")
        select = selector_of("linear", data, Surroundings(data.features, model), model)
        probs = select(initial_counts(labels, 10), labels).posteriors.probs
        pilot, realised = pilot_of(data, labels, probs, seed, ENOUGH, HALF)
        ratios.append(forecast(pilot, draws=15, seed=seed).votes / realised)
    assert 0.7 < np.median(ratios) < 1.4
