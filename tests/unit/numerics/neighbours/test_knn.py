"""Neighbours and the affinity graph: exact, approximate, and duplicates."""

import numpy as np
import pytest
from relabel.errors import InvalidValuesError
from relabel.numerics.neighbours.graph import affinity, kernel_width, near_duplicates
from relabel.numerics.neighbours.knn import build_index, find_neighbours

LINE = np.array([[0.0], [1], [3], [7]], dtype=np.float32)


def rng():
    return np.random.default_rng(0)


def neighbours(vectors, k, **options):
    return find_neighbours(build_index(vectors, rng()), vectors, k, rng(), **options)


def test_the_graph_of_four_points_on_a_line():
    """The union of one-sided neighbours: 0-1, 1-2, 2-3, although 3 is nobody's nearest."""
    sigma = kernel_width(LINE, rng())
    assert sigma == pytest.approx(14.694444, abs=1e-6)
    graph = affinity(neighbours(LINE, 1), sigma)
    expected = np.zeros((4, 4))
    for i, j, weight in ((0, 1, 0.934211), (1, 2, 0.761693), (2, 3, 0.336604)):
        expected[i, j] = expected[j, i] = weight
    np.testing.assert_allclose(graph.toarray(), expected, atol=1e-6)
    assert graph.dtype == np.float32
    assert graph.indices.dtype == np.int32


@pytest.mark.slow
def test_gaussian_data_has_about_sixteen_links_per_task_of_nearly_equal_weight():
    vectors = rng().normal(size=(20_000, 16)).astype(np.float32)
    graph = affinity(neighbours(vectors, 10), kernel_width(vectors, rng()))
    assert graph.nnz / 20_000 == pytest.approx(15.9, abs=0.3)
    low, high = np.quantile(graph.data, [0.001, 0.999])
    assert 0.4 < low < high < 0.95
    assert abs(graph - graph.T).max() == 0
    assert graph.diagonal().max() == 0


def test_a_task_is_never_its_own_neighbour_even_among_duplicates():
    vectors = np.repeat(rng().normal(size=(10, 4)), 6, axis=0).astype(np.float32)
    found = neighbours(vectors, 4)
    assert not (found.rows == np.arange(60)[:, None]).any()
    assert (found.rows // 6 == np.arange(60)[:, None] // 6).all()
    assert all(len(set(row)) == 4 for row in found.rows)
    np.testing.assert_allclose(found.squared_distances, 0, atol=1e-5)


def test_all_duplicates_give_a_finite_graph():
    vectors = np.ones((5, 3), dtype=np.float32)
    graph = affinity(neighbours(vectors, 2), kernel_width(vectors, rng()))
    assert np.isfinite(graph.data).all()


@pytest.mark.parametrize(("n", "expected"), [(1, 0), (3, 2)])
def test_few_tasks_have_fewer_neighbours(n, expected):
    assert neighbours(np.eye(3, dtype=np.float32)[:n], 10).rows.shape == (n, expected)


def clustered(n, d, seed=0):
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(30, d))
    vectors = centres[generator.integers(0, 30, n)] + 0.4 * generator.normal(size=(n, d))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("d", [24, 128], ids=["full", "behind a PCA"])
def test_an_approximate_search_reaches_its_recall(d):
    vectors = clustered(4000, d)
    index = build_index(vectors, rng(), exact_up_to=1000)
    found = find_neighbours(index, vectors, 10, rng())
    exact = neighbours(vectors, 10)
    assert exact.method == "exact"
    assert exact.recall == 1
    assert "IVF" in found.method
    assert ("PCA" in found.method) == (d > 96)
    assert found.recall >= 0.99
    shared = [len(set(a) & set(b)) for a, b in zip(found.rows, exact.rows, strict=True)]
    assert np.mean(shared) / 10 > 0.985
    assert not (found.rows == np.arange(4000)[:, None]).any()


def test_a_recall_that_no_setting_reaches_is_searched_exactly():
    vectors = clustered(3000, 128)
    index = build_index(vectors, rng(), exact_up_to=1000)
    found = find_neighbours(index, vectors, 10, rng(), recall=1.1)
    assert found.method == "exact"
    np.testing.assert_array_equal(found.rows, neighbours(vectors, 10).rows)


def test_the_same_seed_builds_the_same_graph():
    vectors = clustered(3000, 128)
    both = [
        find_neighbours(build_index(vectors, rng(), exact_up_to=1000), vectors, 5, rng()).rows
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*both)


def test_near_duplicates_share_a_group_through_each_other():
    base = clustered(50, 24)
    copies = base[:3] + 1e-4
    vectors = np.concatenate([base, copies, copies[:1] + 1e-4]).astype(np.float32)
    groups = near_duplicates(neighbours(vectors, 5))
    assert groups[0] == groups[50] == groups[53]
    assert groups[1] == groups[51]
    assert len(set(groups)) == 50


def test_an_index_of_other_tasks_is_refused():
    with pytest.raises(InvalidValuesError, match="holds 4 rows for 3 vectors"):
        find_neighbours(build_index(LINE, rng()), LINE[:3], 1, rng())


@pytest.mark.parametrize("bad", [np.array([1.0, 2]), np.array([[1.0], [np.nan]])])
def test_vectors_that_are_no_finite_matrix_are_refused(bad):
    with pytest.raises(InvalidValuesError, match="expected finite"):
        build_index(bad, rng())
