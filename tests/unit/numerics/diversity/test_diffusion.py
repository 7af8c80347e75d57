"""Diffusion over the graph: worked figures, stability, modes against a dense reference."""

import numpy as np
import pytest
import scipy.sparse as sp
from relabel.errors import ConfigurationError, InvalidValuesError
from relabel.numerics.diversity.diffusion import diffuse, transition
from relabel.numerics.diversity.diffusion_modes import MODES, by_diffusion
from relabel.numerics.neighbours.graph import affinity, kernel_width
from relabel.numerics.neighbours.knn import build_index, find_neighbours

LINE = np.array([[0.0], [1], [3], [7]], dtype=np.float32)
FIELD = np.array([1, 0.8, 0.2, 0.6])


@pytest.fixture
def line():
    """Four points on a line, each linked with its nearest, in float64."""
    rng = np.random.default_rng(0)
    near = find_neighbours(build_index(LINE, rng), LINE, 1, rng)
    return affinity(near, kernel_width(LINE, rng)).astype(np.float64)


def test_the_walk_of_four_points_on_a_line(line):
    walk = transition(line).toarray()
    np.testing.assert_allclose(walk[1], [0.550863, 0, 0.449137, 0], atol=1e-6)
    np.testing.assert_allclose(walk[2], [0, 0.693522, 0, 0.306478], atol=1e-6)
    eigenvalues = np.sort(np.linalg.eigvals(np.eye(4) - walk).real)
    np.testing.assert_allclose(eigenvalues, [0, 0.589114, 1.410886, 2], atol=1e-6)


def test_the_field_of_four_points_while_the_first_is_held_at_zero(line):
    walk, pick = transition(line), np.array([0])
    freely = FIELD * [0, 1, 1, 1]
    one = diffuse(freely, walk, steps=1)
    np.testing.assert_allclose(one, [0.08, 0.728983, 0.253870, 0.56], atol=1e-6)
    nine = diffuse(FIELD, walk, steps=9, clamped=pick)
    ten = diffuse(nine, walk, steps=1)
    np.testing.assert_allclose(ten, [0.040591, 0.383556, 0.407347, 0.442127], atol=1e-6)
    end = diffuse(FIELD, walk, clamped=pick)
    np.testing.assert_allclose(end, [0, 0.383556, 0.407347, 0.442127], atol=1e-6)


def test_the_next_literal_pick_is_the_last_point(line):
    picks = by_diffusion(FIELD, np.array([0, 1, 2, 3]), 2, graph=line, mode="literal")
    assert picks.tolist() == [0, 3]


def test_diffuse_leaves_its_input_alone(line):
    before = FIELD.copy()
    diffuse(before, transition(line), clamped=np.array([0]))
    np.testing.assert_array_equal(before, FIELD)


@pytest.mark.parametrize(
    ("delta", "steps", "after"),
    [(0.1, 200, (0.5, 0.5)), (0.5, 1, (0.5, 0.5)), (1.0, 50, (1, 0)), (1.0, 51, (0, 1))],
)
def test_two_points_mix_while_the_step_is_stable(delta, steps, after):
    walk = transition(sp.csr_array(np.array([[0, 1.0], [1, 0]])))
    np.testing.assert_allclose(
        diffuse(np.array([1.0, 0]), walk, delta=delta, steps=steps), after, atol=1e-9
    )


def test_two_points_explode_beyond_the_stable_step():
    walk = transition(sp.csr_array(np.array([[0, 1.0], [1, 0]])))
    after = diffuse(np.array([1.0, 0]), walk, delta=1.1, steps=50)
    np.testing.assert_allclose(after, [4550.7, -4549.7], atol=0.05)


def test_a_task_without_neighbours_keeps_its_value():
    graph = sp.csr_array(np.array([[0, 1.0, 0], [1, 0, 0], [0, 0, 0]]))
    walk = transition(graph)
    np.testing.assert_allclose(walk.sum(1), 1)
    assert diffuse(np.array([1.0, 0, 7]), walk)[2] == pytest.approx(7)


def random_graph(n, seed, neighbours=4):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 3)).astype(np.float32)
    near = find_neighbours(build_index(vectors, rng), vectors, neighbours, rng)
    return affinity(near, kernel_width(vectors, rng))


def dense_fields(graph, score, picks, mode, *, strength=1.0, delta=0.1, steps=10):
    """The field (N,) before each pick, by dense float64 products."""
    dense = graph.toarray().astype(np.float64)
    degree = dense.sum(1)
    walk = np.where(
        degree[:, None] > 0, dense / np.maximum(degree, 1e-300)[:, None], np.eye(len(dense))
    )
    step = (1 - delta) * np.eye(len(walk)) + delta * walk
    field = score - min(0, score.min())
    if mode == "smooth_once":
        field = np.linalg.matrix_power(step, steps) @ field
    for i, pick in enumerate(picks):
        yield field.copy()
        held = picks[: i + 1] if mode == "clamp_all" else [pick]
        if mode in ("literal", "clamp_all"):
            for _ in range(steps):
                field[held] = 0
                field = step @ field
            field[held] = 0
        if mode == "delta":
            mass = np.zeros(len(field))
            for _ in range(steps):
                mass[pick] = strength * field[pick]
                mass = step @ mass
            mass[pick] = field[pick]
            field = np.maximum(field - mass, 0)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(3))
def test_picks_are_those_of_a_dense_reference(mode, seed):
    """Every pick has the largest dense field of all that are left, to single precision."""
    rng = np.random.default_rng(seed)
    graph, score = random_graph(60, seed), rng.normal(size=60) + 1
    order = np.flatnonzero(rng.random(60) < 0.8)
    picks = by_diffusion(score, order, 25, graph=graph, mode=mode, reach=10)
    assert len(set(picks)) == 25
    assert set(picks) <= set(order)
    for i, field in enumerate(dense_fields(graph, score, picks, mode)):
        left = np.setdiff1d(order, picks[:i])
        assert field[picks[i]] >= field[left].max() - 1e-5


def test_the_default_reach_picks_as_the_whole_graph_does():
    graph, score = random_graph(2000, 7, neighbours=6), np.random.default_rng(7).gamma(1, 1, 2000)
    order = np.argsort(-score)
    near = by_diffusion(score, order, 100, graph=graph)
    whole = by_diffusion(score, order, 100, graph=graph, reach=10)
    assert (near == whole).mean() >= 0.95


def test_delta_halves_the_removal_with_half_the_strength():
    """Two equal neighbours of the best: at full strength the far third overtakes them."""
    graph = sp.csr_array(np.array([[0, 1.0, 0], [1, 0, 0], [0, 0, 0]], dtype=np.float32))
    score = np.array([1.0, 0.9, 0.7])
    order = np.array([0, 1, 2])
    removed = 1 - 0.9**10
    assert 0.9 - removed < 0.7 < 0.9 - 0.25 * removed
    assert by_diffusion(score, order, 3, graph=graph, strength=1.0).tolist() == [0, 2, 1]
    assert by_diffusion(score, order, 3, graph=graph, strength=0.25).tolist() == [0, 1, 2]


def test_delta_without_strength_is_the_order_by_score():
    graph, score = random_graph(50, 3), np.random.default_rng(3).normal(size=50)
    order = np.argsort(-score)
    assert by_diffusion(score, order, 20, graph=graph, strength=0).tolist() == order[:20].tolist()


def test_literal_diffusion_blurs_the_field_where_delta_keeps_it():
    """After 50 picks the literal field hardly remembers independent scores, the local one does."""
    graph, score = random_graph(400, 5), np.random.default_rng(5).gamma(1, 1, 400)
    order = np.argsort(-score)
    correlation = {}
    for mode in ("literal", "delta"):
        picks = by_diffusion(score, order, 50, graph=graph, mode=mode, reach=10)
        *_, last = dense_fields(graph, score, picks, mode)
        left = np.setdiff1d(order, picks)
        correlation[mode] = np.corrcoef(last[left], score[left])[0, 1]
    assert correlation["literal"] < 0.4
    assert correlation["delta"] > 0.9


def test_contribution_restricts_the_candidates_to_the_least_trusted():
    graph, score = random_graph(50, 4), np.linspace(1, 2, 50)
    contribution = np.linspace(0, 1, 50)
    picks = by_diffusion(
        score, np.arange(50)[::-1], 3, graph=graph, contribution=contribution, candidate_factor=4
    )
    assert picks[0] == 11
    assert picks.max() < 12


def test_a_spread_batch_covers_more_neighbourhoods_than_a_plain_one():
    graph = random_graph(500, 6, neighbours=8)
    score = diffuse(np.random.default_rng(6).gamma(1, 1, 500), transition(graph), steps=30)
    order = np.argsort(-score)

    def adjacent(picks):
        return int((graph[picks][:, picks] > 0).sum())

    assert adjacent(by_diffusion(score, order, 50, graph=graph)) < adjacent(order[:50])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mode": "slow"}, "mode is 'slow'; choose one of clamp_all, delta, literal, smooth_once"),
        ({"delta": 1.5}, "delta is 1.5"),
        ({"delta": 0.0}, "delta is 0.0"),
        ({"steps": 0}, "steps 0"),
        ({"strength": -1.0}, "strength -1.0"),
        ({"reach": 0}, "reach 0"),
    ],
)
def test_options_outside_their_range_are_refused(options, message):
    with pytest.raises(ConfigurationError, match=message):
        by_diffusion(np.ones(50), np.arange(50), 3, graph=random_graph(50, 0), **options)


def test_a_graph_of_another_size_is_refused():
    with pytest.raises(InvalidValuesError, match=r"graph has shape \(50, 50\) for 40 scores"):
        by_diffusion(np.ones(40), np.arange(40), 3, graph=random_graph(50, 0))


def test_a_pick_that_lowers_all_the_best_leads_to_tasks_far_down_the_order():
    """Thirty tasks around the best one: the second pick is the 32nd by score."""
    star = np.zeros((32, 32), dtype=np.float32)
    star[0, 1:31] = star[1:31, 0] = 1
    score = np.concatenate([[1.0], np.full(30, 0.99), [0.9]])
    picks = by_diffusion(score, np.arange(32), 2, graph=sp.csr_array(star))
    assert picks.tolist() == [0, 31]
