import pytest
import torch
from relabel.learning.selectors.co_teaching import SmallLossExchange
from relabel.learning.selectors.co_teaching_vog import VarianceOfGradients, last_layer_gradients
from steps import step
from torch.nn.functional import cross_entropy


class KnownSpread(VarianceOfGradients):
    """Spread as in the worked example, whatever was seen."""

    def of(self, rows):
        return torch.tensor([[0.05, 0.01, 0.5, 0.02, 0.4, 0.3]] * 2)[:, rows]


def test_variance_of_gradients_adds_tasks_that_the_loss_leaves_out():
    variance = KnownSpread(tasks=6, peers=2, features=2, window=2)
    variance.after_epoch(0)
    variance.after_epoch(1)
    losses = [[0.1, 0.9, 0.2, 0.8, 0.7, 0.3]] * 2
    weighting = SmallLossExchange(lambda _: 1 / 3, tasks=6, mix=0.5, variance=variance)
    weights = weighting.weigh(step(losses))
    assert weights[0].nonzero().flatten().tolist() == [0, 1, 2, 3]
    assert weights.mean(1).tolist() == pytest.approx([1, 1])


def test_mixing_by_loss_and_variance_keeps_as_many_tasks_as_loss_alone():
    variance = VarianceOfGradients(tasks=8, peers=2, features=2, window=2)
    variance.after_epoch(0)
    variance.after_epoch(1)
    weighting = SmallLossExchange(lambda _: 0.0, tasks=8, mix=0.2, variance=variance)
    assert (weighting.weigh(step([[1.0] * 8] * 2)) > 0).sum(1).tolist() == [8, 8]


def test_variance_waits_until_its_window_is_full():
    variance = VarianceOfGradients(tasks=4, peers=2, features=2, window=3)
    ready = []
    for epoch in range(4):
        ready.append(variance.ready)
        variance.after_epoch(epoch)
    assert ready == [False, False, False, True]


def test_last_layer_gradient_of_the_label():
    logits = torch.tensor([0.439203, 0.294407, 0.266390]).log().view(1, 1, 3)
    found = last_layer_gradients(
        step([[1.0]], logits=logits.tolist(), features=[[[1.0, 2.0]]], targets=torch.eye(3)[[1]])
    )
    assert found.flatten().tolist() == pytest.approx([-0.705593, -0.705593, -1.411187], abs=1e-5)


def test_last_layer_gradient_equals_autograd():
    torch.manual_seed(0)
    head = torch.nn.Linear(4, 3)
    features, label = torch.randn(1, 4), torch.tensor([2])
    cross_entropy(head(features), label).backward()
    found = last_layer_gradients(
        step(
            [[1.0]],
            logits=head(features)[None].tolist(),
            features=features[None].tolist(),
            targets=torch.eye(3)[label],
        )
    )
    expected = torch.cat([head.bias.grad[2:3], head.weight.grad[2]])
    assert torch.allclose(found.flatten(), expected, atol=2.4e-7)


def spread_of(history):
    """The spread after epochs of gradients [bias, weight], which zero logits and targets scale."""
    variance = VarianceOfGradients(tasks=1, peers=1, features=1, window=len(history))
    variance.history[:, 0, 0] = torch.tensor(history).to(variance.history.dtype)
    return variance.of(torch.tensor([0])).item()


def test_spread_is_the_mean_of_standard_deviations():
    assert spread_of([[1.0, 2.0], [3.0, 2.0], [2.0, 5.0]]) == pytest.approx(1.115355, abs=1e-5)


def test_spread_ignores_constants_and_scales_with_the_gradient():
    assert spread_of([[4.0, 1.0]] * 3) == 0
    assert spread_of([[1.0, 2.0], [3.0, 2.0]]) == pytest.approx(spread_of([[2.0, 7.0], [4.0, 7.0]]))
    assert spread_of([[2.0, 4.0], [6.0, 4.0]]) == pytest.approx(
        2 * spread_of([[1.0, 2.0], [3.0, 2.0]])
    )
