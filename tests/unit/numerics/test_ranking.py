"""Priorities, the order of a batch, and the map to Label Studio's prediction scores."""

import numpy as np
import pytest
from relabel.errors import ConfigurationError, InvalidValuesError
from relabel.numerics.diversity.registry import select_batch
from relabel.numerics.ranking import QualityMap, prioritise, reorder
from relabel.types import State

OPEN, SETTLED, TIED, AMBIGUOUS = State.OPEN, State.SETTLED, State.TIED, State.AMBIGUOUS


def test_begun_tasks_come_first_then_labelled_by_score_then_unlabelled():
    counts = np.array([[1, 0], [1, 0], [1, 1], [0, 0], [0, 1], [0, 1]])
    initial = np.array([1, 1, 1, 0, 0, 1])
    states = np.array([OPEN, OPEN, TIED, OPEN, OPEN, OPEN])
    priority = prioritise(np.array([3.0, 27, -5, 60, -6, 8]), counts, initial, states)
    assert np.argsort(-priority).tolist() == [2, 4, 1, 5, 0, 3]
    assert ((priority > 1) == [False, False, True, False, True, False]).all()
    assert ((priority < -1) == [False, False, False, True, False, False]).all()


@pytest.mark.parametrize("state", [SETTLED, AMBIGUOUS])
def test_a_finished_task_keeps_its_scores_place(state):
    counts, initial = np.array([[2, 0], [1, 0]]), np.array([1, 1])
    priority = prioritise(np.array([1.0, 2.0]), counts, initial, np.array([state, OPEN]))
    assert -1 < priority[0] < priority[1] < 1


def test_close_scores_stay_apart():
    scores = np.array([27.631021, 27.631020, 1e-9, 0.0, -2.302585])
    counts = np.tile([1, 0], (5, 1))
    priority = prioritise(scores, counts, np.ones(5, dtype=int), np.zeros(5, dtype=int))
    assert (np.diff(priority) < 0).all()


def test_scores_that_differ_by_rounding_share_a_priority():
    scores = np.array([0.1 + 0.2, 0.3, 27.631021115928548, 27.631021115928544])
    counts = np.tile([1, 0], (4, 1))
    priority = prioritise(scores, counts, np.ones(4, dtype=int), np.zeros(4, dtype=int))
    assert len(set(scores)) == 4
    assert len(set(priority)) == 2


def test_one_vote_changes_one_priority():
    rng = np.random.default_rng(0)
    counts, scores = np.eye(3, dtype=int)[rng.integers(0, 3, 20)], rng.normal(size=20)
    initial, states = np.ones(20, dtype=int), np.zeros(20, dtype=int)
    before = prioritise(scores, counts, initial, states)
    counts[4] = [1, 1, 0]
    states[4] = TIED
    after = prioritise(scores, counts, initial, states)
    assert np.flatnonzero(before != after).tolist() == [4]


def test_a_score_that_is_not_finite_is_named():
    with pytest.raises(InvalidValuesError, match=r"score has 1 values.*first rows: \[1\]"):
        prioritise(np.array([1, np.nan]), np.ones((2, 2), int), np.ones(2, int), np.zeros(2, int))


def test_arrays_of_different_length_are_refused():
    with pytest.raises(InvalidValuesError, match=r"must all have shape \(2,\)"):
        prioritise(np.ones(3), np.ones((2, 2), int), np.ones(2, int), np.zeros(2, int))


def test_a_batch_goes_before_everything_that_has_not_begun():
    priority = np.array([0.5, 0.4, 2.5, 0.4, -0.2, -2.5])
    moved = reorder(priority, np.array([4, 0]))
    assert np.argsort(-moved, kind="stable").tolist() == [2, 4, 0, 1, 3, 5]
    assert moved[2] == priority[2]
    assert (np.diff(np.sort(moved)) > 0).all()
    np.testing.assert_allclose(np.sort(moved), np.sort(priority), atol=1e-11)


def test_a_begun_task_named_in_a_batch_keeps_its_place():
    priority = np.array([0.5, 2.5, 2.6])
    assert reorder(priority, np.array([1, 0]))[1:].tolist() == [2.5, 2.6]


def fitted(seed=0):
    rng = np.random.default_rng(seed)
    values = rng.uniform(-0.9, 0.9, 30)
    priority = np.concatenate([values, [0.5] * 5, [2.1, 2.4], [-2.2]])
    return priority, QualityMap.fit(priority, rng)


def test_low_prediction_scores_mean_relabel_first():
    priority, quality = fitted()
    scores = quality.score(priority)
    order = np.argsort(-priority, kind="stable")
    assert (np.diff(scores[order])[np.diff(priority[order]) < 0] > 0).all()
    assert scores.min() > 0
    assert scores.max() < 1


def test_fitted_tasks_of_equal_priority_get_distinct_scores_in_a_seeded_order():
    priority, quality = fitted()
    scores = quality.score(priority)
    assert len(set(scores)) == len(scores)
    same = np.argsort(scores[30:35]).tolist()
    assert same == np.argsort(quality.score(priority)[30:35]).tolist()
    others = [np.argsort(fitted(seed)[1].score(priority)[30:35]).tolist() for seed in range(1, 6)]
    assert any(order != same for order in others)


def test_the_map_is_strictly_decreasing_between_and_beyond_fitted_priorities():
    _, quality = fitted()
    scores = quality.score(np.linspace(-2.99, 2.99, 5000))
    assert (np.diff(scores) < 0).all()
    assert scores.min() >= 0
    assert scores.max() <= 1


def test_a_new_priority_lies_between_its_neighbours_scores():
    quality = QualityMap.fit(np.array([0.1, 0.2, 0.3]), np.random.default_rng(0))
    low, middle, high = quality.score(np.array([0.2, 0.15, 0.1]))
    assert low < middle < high


def test_tasks_that_begin_later_are_scored_below_every_untouched_one():
    priority, quality = fitted()
    untouched = quality.score(priority[:35])
    assert quality.score(np.array([1.0001, 1.5, 2.99])).max() < untouched.min()
    assert quality.score(np.array([-1.0001, -2.99])).min() > untouched.max()


def test_a_map_survives_its_arrays():
    priority, quality = fitted()
    again = QualityMap(knots=quality.knots.copy(), seed=quality.seed)
    np.testing.assert_array_equal(again.score(priority), quality.score(priority))


def test_a_round_without_tasks_still_maps_later_ones():
    quality = QualityMap.fit(np.zeros(0), np.random.default_rng(0))
    assert (np.diff(quality.score(np.array([-2, -0.5, 0.5, 2]))) < 0).all()


def test_a_batch_is_the_best_by_score_with_seeded_ties():
    score = np.array([1.0, 3, 2, 2, 2, 0])
    orders = {tuple(select_batch(score, 4, rng=np.random.default_rng(seed))) for seed in range(20)}
    assert all(order[0] == 1 and set(order[1:]) == {2, 3, 4} for order in orders)
    assert len(orders) > 1


def test_ineligible_tasks_are_never_picked():
    eligible = np.array([True, False, True, False])
    picked = select_batch(np.arange(4.0), 9, eligible=eligible, rng=np.random.default_rng(0))
    assert picked.tolist() == [2, 0]


def complete_graph(n):
    from scipy.sparse import csr_array

    weights = np.ones((n, n), dtype=np.float32)
    np.fill_diagonal(weights, 0)
    return csr_array(weights)


def test_an_unknown_way_lists_the_known_ones():
    with pytest.raises(ConfigurationError, match="choose one of diffusion, k_centre, none, quotas"):
        select_batch(np.ones(2), 1, diversity="spread", rng=np.random.default_rng(0))


def test_arrays_of_another_length_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(InvalidValuesError, match=r"eligible has shape \(3,\); expected \(2,\)"):
        select_batch(np.ones(2), 1, eligible=np.ones(3, bool), rng=rng)
    with pytest.raises(InvalidValuesError, match="score has 1 values not finite"):
        select_batch(np.array([1, np.inf]), 1, rng=rng)
