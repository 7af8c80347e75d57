import numpy as np
import pytest
import torch
from relabel.learning.batches import Batch
from relabel.learning.bootstrap import BootstrapLatent, distance, momentum
from relabel.learning.early_learning import EarlyLearningRegularised
from relabel.learning.networks import Output
from relabel.learning.noise_transition import from_anchors, from_trusted
from relabel.learning.objectives import Supervised
from relabel.learning.recipes.self_supervised import bounded_logits
from relabel.learning.weighting import Uniform
from torch import nn


class Says(nn.Module):
    """A network that gives the same logits whatever it sees."""

    def __init__(self, probs):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(probs).log()[None])

    def forward(self, inputs):
        return Output(self.logits[:, : len(inputs)], inputs[None])


def batch(labels, classes=3):
    targets = torch.eye(classes)[torch.tensor(labels)]
    return Batch(torch.arange(len(labels)), torch.zeros(len(labels), 1), targets)


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


def test_smoothing_puts_a_floor_under_the_loss():
    ideal = [[0.91] + [0.01] * 9]
    objective = Supervised(Says(ideal), Uniform(), smoothing=0.1)
    assert objective.cost(batch([0], classes=10), 0.0).item() == pytest.approx(0.500288, abs=1e-6)


def test_the_penalty_on_bounded_logits():
    logits = torch.tensor([[[-30.0, -5.0, 0.0, 5.0, 30.0]]])
    found = bounded_logits(Output(logits, torch.zeros(1, 1, 1)))
    assert found.item() == pytest.approx(48.1474, abs=1e-4)


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (0.99, [0.99, 0.991464, 0.995, 0.998536, 1.0]),
        (0.996, [0.996, 0.996586, 0.998, 0.999414, 1.0]),
    ],
)
def test_the_targets_momentum_rises_to_one(first, expected):
    found = [momentum(step / 4, first) for step in range(5)]
    assert found == pytest.approx(expected, abs=1e-6)


def test_byols_distance_is_symmetric_and_between_zero_and_four():
    torch.manual_seed(0)
    one, other = torch.randn(6, 8), torch.randn(6, 8)
    assert distance(one, other).item() == pytest.approx(distance(other, one).item())
    assert distance(one, one).item() == pytest.approx(0, abs=1e-6)
    assert distance(one, -one).item() == pytest.approx(4)


def test_byols_target_has_no_gradient_and_follows_the_online_network():
    torch.manual_seed(0)
    objective = BootstrapLatent(nn.Flatten(), 12, hidden=8, outputs=4)
    with torch.no_grad():
        for parameter in objective.online.parameters():
            parameter.add_(1)
    before = [parameter.clone() for parameter in objective.target.parameters()]
    views = torch.rand(6, 2, 3, 2, 2)
    objective.cost(Batch(torch.arange(6), views, torch.zeros(6, 1)), 0.0).backward()
    assert all(parameter.grad is None for parameter in objective.target.parameters())
    objective.after_step(0.0)
    for old, new in zip(before, objective.target.parameters(), strict=True):
        assert torch.allclose(new - old, torch.full_like(old, 0.01), atol=1e-6)
