"""The noise matrix is found whatever the number of classes."""

import numpy as np
import pytest
from relabel.learning.selectors.dalc import from_anchors, from_trusted

SIZES = {2: 2000, 10: 2000, 34: 2000, 100: 4000, 1000: 4000}


def seen_through_noise(classes, seed):
    """Return T, true classes and the posteriors of a network that learnt the given labels.

    The diagonal of T differs from class to class; most wrong labels go to the next class. Most
    tasks are clear. One in a hundred is learnt by heart and looks certain, as T allows no task.
    """
    rng = np.random.default_rng(seed)
    diagonal = rng.uniform(0.6, 0.9, classes)
    spread = rng.dirichlet(np.ones(classes), classes)
    matrix = 0.2 * spread + 0.8 * np.roll(np.eye(classes), 1, axis=1)
    matrix[np.eye(classes, dtype=bool)] = 0
    matrix *= ((1 - diagonal) / matrix.sum(1))[:, None]
    matrix[np.eye(classes, dtype=bool)] = diagonal
    tasks = SIZES[classes]
    truth = rng.permutation(np.arange(tasks) % classes)
    clear = rng.beta(30, 0.3, tasks)
    other = (truth + rng.integers(1, classes, tasks)) % classes
    probs = clear[:, None] * matrix[truth] + (1 - clear)[:, None] * matrix[other]
    by_heart = rng.choice(tasks, tasks // 100, replace=False)
    probs[by_heart] = 0.001 * probs[by_heart] + 0.999 * np.eye(classes)[truth[by_heart]]
    return matrix, truth, probs.astype(np.float32)


@pytest.mark.parametrize(("classes", "seed"), [*((k, 0) for k in SIZES), (34, 1), (100, 1)])
def test_anchors_find_every_row_of_the_matrix(classes, seed):
    matrix, _, probs = seen_through_noise(classes, seed)
    found = from_anchors(probs)
    np.testing.assert_allclose(found.sum(1), 1)
    assert (found.argmax(1) == np.arange(classes)).all()
    # Half the sum of differences: the share of labels that the row puts elsewhere.
    distance = np.abs(found - matrix).sum(1) / 2
    assert np.median(distance) < 0.02
    assert distance.max() < 0.15


@pytest.mark.parametrize("classes", SIZES)
def test_trusted_tasks_find_every_row_of_the_matrix(classes):
    matrix, truth, probs = seen_through_noise(classes, 0)
    known = np.where(np.random.default_rng(1).random(len(truth)) < 0.5, truth, -1)
    found = from_trusted(probs, known, from_anchors(probs))
    assert (found.argmax(1) == np.arange(classes)).all()
    assert np.median(np.abs(found - matrix).sum(1) / 2) < 0.05


def test_the_noise_matrix_of_trusted_tasks():
    probs = np.array([[0.7, 0.2, 0.1], [0.5, 0.4, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])
    fallback = np.array([[1, 0, 0], [0, 1, 0], [0.1, 0.1, 0.8]])
    found = from_trusted(probs.astype(np.float32), np.array([0, 0, 1, 1]), fallback)
    expected = [[0.6, 0.3, 0.1], [0.15, 0.5, 0.35], [0.1, 0.1, 0.8]]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_noise_matrix_of_anchors_has_rows_that_are_distributions():
    probs = np.random.default_rng(0).dirichlet(np.ones(4), 500).astype(np.float32)
    matrix = from_anchors(probs)
    np.testing.assert_allclose(matrix.sum(1), 1)
    assert (matrix.argmax(1) == np.arange(4)).all()
