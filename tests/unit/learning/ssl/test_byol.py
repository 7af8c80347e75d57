import pytest
import torch
from relabel.learning.batches import Batch
from relabel.learning.ssl.byol import BootstrapLatent, distance, momentum
from torch import nn


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
