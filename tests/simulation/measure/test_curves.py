"""Curves, areas and the figures of a campaign."""

import numpy as np
import pytest
from relabel.simulation.campaign.votelog import VoteLog
from relabel.simulation.data.dataset import Dataset, certain
from relabel.simulation.measure.curves import Curve, minimal_curve
from relabel.simulation.measure.evaluation import (
    area_gain,
    auroc,
    macro_f1,
    paired_difference,
    relative_area,
    remaining,
    settled_by_one,
)
from scipy.stats import binom
from sklearn.metrics import f1_score, roc_auc_score

STEPS = Curve(np.array([0, 2, 3, 5]), np.array([0.80, 0.84, 0.84, 0.90]))


def test_a_value_holds_until_the_next_point():
    assert STEPS.at(np.arange(7)) == pytest.approx([0.8, 0.8, 0.84, 0.84, 0.84, 0.9, 0.9])


@pytest.mark.parametrize(("budget", "area"), [(2, 0.80), (5, 0.824), (10, 0.862), (4, 0.82)])
def test_area_is_the_mean_of_the_steps_over_the_budget(budget, area):
    assert STEPS.area(budget) == pytest.approx(area)


@pytest.mark.parametrize(("target", "votes"), [(0.8, 0), (0.81, 2), (0.9, 5), (0.95, None)])
def test_votes_to_a_target_are_those_of_the_first_point_that_reaches_it(target, votes):
    assert STEPS.votes_to(target) == votes


def test_least_effort_is_two_votes_per_wrong_label():
    curve = minimal_curve(np.array([0, 1, 1, 0]), np.array([0, 0, 1, 1]))
    assert curve.votes.tolist() == [0, 2, 4]
    assert curve.correct.tolist() == [0.5, 0.75, 1.0]


def test_least_effort_on_the_published_subset_has_the_published_area():
    initial = (np.arange(5000) < 769).astype(np.int64)
    curve = minimal_curve(np.zeros(5000, dtype=np.int64), initial)
    assert curve.votes_to(1.0) == 1538
    assert curve.area(2307) == pytest.approx(0.9487, abs=1e-4)


def test_relative_area_and_gain_run_from_zero_to_one():
    assert [relative_area(a, 0.8, 0.9) for a in (0.8, 0.85, 0.9)] == pytest.approx([0, 0.5, 1])
    assert [area_gain(a, 0.7, 0.9) for a in (0.7, 0.8, 0.9)] == pytest.approx([0, 0.5, 1])


def test_auroc_equals_scikit_learn_with_ties():
    rng = np.random.default_rng(0)
    scores, positive = rng.integers(0, 5, 300).astype(float), rng.random(300) < 0.3
    assert auroc(scores, positive) == pytest.approx(roc_auc_score(positive, scores))


def test_macro_f1_equals_the_worked_example_and_scikit_learn():
    truth, said = np.array([0, 0, 0, 0, 1, 1, 2]), np.array([0, 0, 0, 1, 1, 0, 0])
    assert macro_f1(truth, said, 3) == pytest.approx(0.388889, abs=1e-6)
    assert macro_f1(truth, said, 3) == pytest.approx(f1_score(truth, said, average="macro"))


def test_remaining_noise_is_split_into_clear_and_ambiguous():
    rows = np.concatenate([certain(np.array([0, 0, 1]), 2), [[0.6, 0.4]]])
    data = Dataset("made", ("a", "b"), rows)
    counts = np.array([[1, 0], [1, 1], [0, 1], [0, 2]])
    left = remaining(data, np.array([0, 1, 1, 1]), counts)
    assert (left.clear, left.ambiguous) == (1, 1)
    assert left.total_variation == pytest.approx((0 + 0.5 + 0 + 0.6) / 4)


def test_paired_difference_uses_students_t_on_the_differences():
    result = paired_difference(np.array([1.0, 2.0, 4.0]), np.array([0.0, 1.0, 2.0]))
    assert result.mean == pytest.approx(4 / 3)
    # sd of (1, 1, 2) is 1/sqrt(3); t(0.975, 2 degrees of freedom) is 4.30265
    assert result.high - result.mean == pytest.approx(4.30265 / 3, abs=1e-5)


@pytest.mark.parametrize("seeds", [3, 10])
def test_the_interval_of_a_difference_holds_the_truth_as_often_as_it_says(seeds):
    """Either bound is passed once in a thousand tries by intervals that hold .95 of the time."""
    rng, held = np.random.default_rng(seeds), 0
    for _ in range(1000):
        shared = rng.normal(0.9, 0.02, seeds)
        ours, theirs = shared + rng.normal([[0.02], [0.01]], 0.004, (2, seeds))
        found = paired_difference(ours, theirs)
        held += found.low <= 0.01 <= found.high
    assert binom.ppf(0.001, 1000, 0.95) <= held <= binom.ppf(0.999, 1000, 0.95)


def test_what_one_person_and_the_model_settled_is_told_with_how_much_it_was_believed():
    log = VoteLog(
        tasks=[0, 1, 2, 2, 3],
        labels=[1, 0, 1, 1, 1],
        annotators=[0] * 5,
        audit=[False] * 5,
        shown=[1, 0, 1, 1, 1],
        settled=[True, True, True, True, False],
        believed=[0.97, 0.99, 0.96, 0.999, 0.8],
    )
    alone = settled_by_one(log, initial=np.zeros(4, dtype=int), truth=np.array([1, 1, 1, 1]))
    assert alone.believed.tolist() == [0.97, 0.99]
    assert alone.changed.tolist() == [True, False]
    assert alone.right.tolist() == [True, False]


def test_where_people_alone_settle_nothing_rests_on_the_model():
    nothing = settled_by_one(VoteLog(), np.zeros(3, dtype=int), np.zeros(3, dtype=int))
    assert len(nothing.right) == 0
