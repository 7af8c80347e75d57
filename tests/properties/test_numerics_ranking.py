"""Laws of the ranking: tiers, batches, and the map to prediction scores."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from relabel.numerics.diversity.registry import DIVERSITY, select_batch
from relabel.numerics.ranking import QualityMap, prioritise, reorder
from relabel.types import State

finite = st.floats(-1e3, 1e3).map(lambda x: round(x, 3))


@settings(deadline=None)
@given(st.lists(finite, min_size=1, max_size=30), st.integers(0, 2**32 - 1))
def test_priorities_are_finite_and_keep_tiers_and_scores(scores, seed):
    rng = np.random.default_rng(seed)
    n = len(scores)
    counts = rng.integers(0, 3, (n, 2))
    initial = np.minimum(rng.integers(0, 3, n), counts.sum(1))
    states = rng.integers(0, 4, n)
    priority = prioritise(np.array(scores), counts, initial, states)
    assert np.isfinite(priority).all()
    finished = np.isin(states, [State.SETTLED, State.AMBIGUOUS])
    begun = (counts.sum(1) > initial) & ~finished
    tier = np.where(begun, 2, np.where(counts.any(1), 1, 0))
    expected = np.lexsort((np.array(scores), tier))
    assert (np.diff(priority[expected]) >= 0).all()
    assert ((priority > 1) == begun).all()


priorities = st.lists(
    st.one_of(st.floats(-2.99, 2.99), st.sampled_from([-2.5, -0.5, 0.0, 0.5, 1.5])),
    max_size=40,
).map(np.array)


@settings(deadline=None)
@given(priorities, priorities, st.integers(0, 2**32 - 1))
def test_prediction_scores_reverse_priorities_and_stay_in_range(fitted, new, seed):
    quality = QualityMap.fit(fitted, np.random.default_rng(seed))
    scores = quality.score(fitted)
    assert len(set(scores)) == len(fitted)
    both = np.unique(np.round(np.concatenate([fitted, new]), 6))
    mapped = quality.score(both)
    assert (np.diff(mapped) <= 0).all()
    assert ((mapped >= 0) & (mapped <= 1)).all()
    untouched = fitted[np.abs(fitted) < 0.999]
    if len(untouched):
        assert quality.score(np.array([1.01])) < quality.score(untouched).min()


@settings(deadline=None)
@given(priorities, st.integers(0, 2**32 - 1))
def test_a_reordered_batch_is_at_the_front_and_nothing_else_moves(priority, seed):
    rng = np.random.default_rng(seed)
    batch = rng.permutation(len(priority))[: len(priority) // 3]
    moved = reorder(priority, batch)
    begun = priority >= 1
    order = np.argsort(-moved, kind="stable")
    front = [row for row in batch if not begun[row]]
    waiting = [row for row in order if not begun[row]]
    assert waiting[: len(front)] == front
    rest = [row for row in np.argsort(-priority, kind="stable") if not begun[row]]
    assert waiting[len(front) :] == [row for row in rest if row not in set(front)]
    np.testing.assert_array_equal(moved[begun], priority[begun])
    assert len(set(moved[~begun])) == (~begun).sum()


@settings(deadline=None, max_examples=50)
@given(
    st.integers(0, 2**32 - 1), st.integers(0, 40), st.sampled_from(["none", "k_centre", "quotas"])
)
def test_a_batch_is_distinct_eligible_and_as_long_as_possible(seed, n, diversity):
    rng = np.random.default_rng(seed)
    score, eligible = rng.integers(0, 5, 30).astype(float), rng.random(30) < 0.6
    options = {
        "none": {},
        "k_centre": {"vectors": rng.normal(size=(30, 2)).astype(np.float32)},
        "quotas": {"classes": rng.integers(0, 3, 30)},
    }[diversity]
    picked = select_batch(score, n, diversity=diversity, eligible=eligible, rng=rng, **options)
    assert len(picked) == len(set(picked)) == min(n, eligible.sum())
    assert eligible[picked].all()
    assert diversity in DIVERSITY


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_k_centre_covers_within_twice_the_best_radius(seed, n):
    rng = np.random.default_rng(seed)
    points = rng.integers(0, 12, (9, 2)).astype(np.float32)
    picked = select_batch(np.zeros(9), n, diversity="k_centre", vectors=points, rng=rng)
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    radii = [distances[:, picked[: i + 1]].min(1).max() for i in range(n)]
    assert (np.diff(radii) <= 0).all()
    from itertools import combinations

    best = min(distances[:, list(chosen)].min(1).max() for chosen in combinations(range(9), n))
    assert radii[-1] <= 2 * best + 1e-4
