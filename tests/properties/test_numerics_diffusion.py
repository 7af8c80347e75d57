"""Laws of diffusion: rows that sum to one, the maximum principle, conserved mass."""

import numpy as np
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from relabel.numerics.diversity.diffusion import diffuse, transition
from relabel.numerics.diversity.diffusion_modes import MODES, by_diffusion


@st.composite
def graphs(draw):
    """A symmetric float64 graph of 2 to 25 tasks, some of them alone, and a field on it."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, density = draw(st.integers(2, 25)), draw(st.sampled_from([0.05, 0.2, 0.6]))
    upper = np.triu(rng.uniform(0.1, 1, (n, n)) * (rng.random((n, n)) < density), k=1)
    return sp.csr_array(upper + upper.T), rng.normal(size=n)


deltas = st.floats(0.01, 1.0)


@settings(deadline=None)
@given(graphs(), deltas, st.integers(1, 20))
def test_diffusion_averages_and_conserves_the_weighted_mean(case, delta, steps):
    graph, field = case
    walk = transition(graph)
    np.testing.assert_allclose(walk.sum(1), 1, atol=1e-12)
    after = diffuse(field, walk, delta=delta, steps=steps)
    assert after.min() >= field.min() - 1e-9
    assert after.max() <= field.max() + 1e-9
    degree = graph.sum(1)
    np.testing.assert_allclose(degree @ after, degree @ field, atol=1e-8)


@settings(deadline=None)
@given(graphs(), deltas, st.floats(-5, 5))
def test_a_constant_field_does_not_move(case, delta, level):
    graph, field = case
    constant = np.full_like(field, level)
    after = diffuse(constant, transition(graph), delta=delta)
    np.testing.assert_allclose(after, constant, atol=1e-9)


@settings(deadline=None)
@given(graphs(), deltas, st.integers(0, 24))
def test_a_clamped_field_stays_between_zero_and_what_it_was(case, delta, pick):
    graph, field = case
    pick %= len(field)
    after = diffuse(field, transition(graph), delta=delta, clamped=np.array([pick]))
    assert after[pick] == 0
    assert after.min() >= min(field.min(), 0) - 1e-9
    assert after.max() <= max(field.max(), 0) + 1e-9


@settings(deadline=None, max_examples=50)
@given(graphs(), st.sampled_from(sorted(MODES)), st.integers(1, 25))
def test_every_mode_picks_distinct_tasks_the_best_first(case, mode, n):
    graph, field = case
    n = min(n, len(field))
    order = np.argsort(-field, kind="stable")
    picks = by_diffusion(field, order, n, graph=graph.astype(np.float32), mode=mode)
    assert len(set(picks)) == n
    if mode != "smooth_once":
        assert picks[0] == order[0]


@settings(deadline=None, max_examples=50)
@given(graphs())
def test_delta_only_lowers_the_neighbours_of_what_was_picked(case):
    """Tasks that no path links to the pick keep their order; a pick of value zero moves nothing."""
    graph, field = case
    order = np.argsort(-field, kind="stable")
    picks = by_diffusion(field, order, len(field), graph=graph.astype(np.float32), reach=10)
    parts = sp.csgraph.connected_components(graph, directed=False)[1]
    first_of_part = {}
    for row in order:
        first_of_part.setdefault(parts[row], row)
    first_picked = {}
    for row in picks:
        first_picked.setdefault(parts[row], row)
    assert first_of_part == first_picked
    flat = np.zeros(len(field))
    same = by_diffusion(flat, order, len(field), graph=graph.astype(np.float32))
    assert same.tolist() == order.tolist()
