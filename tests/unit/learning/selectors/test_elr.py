import pytest
import torch
from relabel.learning.selectors.elr import EarlyLearningRegularised
from relabel.learning.training.objectives import Supervised
from relabel.learning.training.weighting import Uniform
from steps import Says, batch


def regularised(network, **options):
    return EarlyLearningRegularised(network, Uniform(), tasks=1, classes=3, memory=0.9, **options)


def test_early_learning_regularisation_over_two_visits():
    network = Says([[0.7, 0.2, 0.1]])
    objective = regularised(network, strength=3.0)
    assert objective.cost(batch([0]), 0.0).item() == pytest.approx(0.190137, abs=1e-5)
    assert objective.beliefs[0, 0].tolist() == pytest.approx([0.07, 0.02, 0.01])
    network.logits.data = torch.tensor([[[0.8, 0.1, 0.1]]]).log()
    assert objective.cost(batch([0]), 0.0).item() == pytest.approx(-0.157290, abs=1e-5)
    assert objective.beliefs[0, 0].tolist() == pytest.approx([0.143, 0.028, 0.019])


def test_the_regularisers_gradient():
    """At the second of the two visits above."""
    network = Says([[0.7, 0.2, 0.1]])
    plain = Supervised(network, Uniform())
    both = regularised(network, strength=1.0)
    both.cost(batch([0]), 0.0)
    network.logits.data = torch.tensor([[[0.8, 0.1, 0.1]]]).log()
    (with_term,) = torch.autograd.grad(both.cost(batch([0]), 0.0), network.logits)
    (without,) = torch.autograd.grad(plain.cost(batch([0]), 0.0), network.logits)
    found = (with_term - without).flatten()
    assert found.tolist() == pytest.approx([-0.021705, 0.010342, 0.011363], abs=1e-6)
    assert found.sum().item() == pytest.approx(0, abs=1e-7)


def test_strength_zero_is_cross_entropy():
    network = Says([[0.7, 0.2, 0.1]])
    assert torch.equal(
        regularised(network, strength=0.0).cost(batch([1]), 0.0),
        Supervised(network, Uniform()).cost(batch([1]), 0.0),
    )


def test_beliefs_gather_one_minus_memory_to_the_visits():
    objective = regularised(Says([[0.7, 0.2, 0.1]]))
    for _ in range(10):
        objective.cost(batch([0]), 0.0)
    assert objective.beliefs[0, 0].sum().item() == pytest.approx(0.651322, abs=1e-5)


def test_a_certain_network_stays_finite():
    objective = regularised(Says([[1.0, 1e-30, 1e-30]]))
    for _ in range(200):
        cost = objective.cost(batch([0]), 0.0)
    assert cost.isfinite()
