import numpy as np
import pytest
import torch
from relabel.learning.training.objectives import Supervised
from relabel.learning.training.weighting import Uniform
from steps import Says, batch

MATRIX = torch.tensor([[0.8, 0.2, 0.0], [0.1, 0.9, 0.0], [0.0, 0.3, 0.7]])


def test_the_forward_corrected_loss():
    objective = Supervised(Says([[0.6, 0.3, 0.1]]), Uniform(), transition=MATRIX)
    assert objective.cost(batch([1]), 0.0).item() == pytest.approx(0.867501, abs=1e-6)


def test_an_identity_matrix_gives_cross_entropy():
    network = Says([[0.6, 0.3, 0.1]])
    corrected = Supervised(network, Uniform(), transition=torch.eye(3)).cost(batch([1]), 0.0)
    assert corrected.item() == pytest.approx(
        Supervised(network, Uniform()).cost(batch([1]), 0.0).item(), abs=1e-6
    )


def test_trusted_tasks_are_not_corrected():
    network = Says([[0.6, 0.3, 0.1]])
    trusting = Supervised(network, Uniform(), transition=MATRIX, trusted=torch.tensor([True]))
    assert trusting.cost(batch([1]), 0.0).item() == pytest.approx(-np.log(0.3), abs=1e-6)


def test_an_impossible_label_has_a_finite_loss():
    never = torch.tensor([[1.0, 0.0, 0.0]] * 3)
    objective = Supervised(Says([[0.6, 0.3, 0.1]]), Uniform(), transition=never)
    assert objective.cost(batch([1]), 0.0).isfinite()


def test_smoothing_puts_a_floor_under_the_loss():
    ideal = [[0.91] + [0.01] * 9]
    objective = Supervised(Says(ideal), Uniform(), smoothing=0.1)
    assert objective.cost(batch([0], classes=10), 0.0).item() == pytest.approx(0.500288, abs=1e-6)
