import pytest
import torch
from relabel.learning.batches import Batch
from relabel.learning.exchange import SmallLossExchange, ramp
from relabel.learning.gradients import VarianceOfGradients, last_layer_gradients
from relabel.learning.networks import LinearHeads
from relabel.learning.objectives import Supervised
from relabel.learning.trajectory import BANDWIDTHS, LossTrajectory
from relabel.learning.weighting import HoldOut, Step, Uniform
from torch.nn.functional import cross_entropy


def step(losses, *, progress=0.99, logits=None, features=None, targets=None):
    losses = torch.tensor(losses)
    peers, size = losses.shape
    return Step(
        rows=torch.arange(size),
        losses=losses,
        logits=torch.zeros(peers, size, 3) if logits is None else torch.tensor(logits),
        features=torch.zeros(peers, size, 2) if features is None else torch.tensor(features),
        targets=torch.eye(3)[torch.zeros(size, dtype=int)] if targets is None else targets,
        progress=progress,
    )


def test_forget_rate_rises_to_its_end_in_ten_epochs():
    rate = ramp(0.5, epochs=20)
    rates = [rate(epoch / 20) for epoch in range(20)]
    assert rates[:4] == pytest.approx([0, 0.0555556, 0.1111111, 0.1666667], abs=1e-6)
    assert rates[9:] == [0.5] * 11


def test_warm_up_comes_before_the_ramp_and_does_not_swallow_it():
    rate = ramp(0.28, epochs=50, warm_up=25)
    rates = [rate(epoch / 50) for epoch in range(50)]
    assert rates[:26] == [0] * 26
    assert 0 < rates[27] < 0.28
    assert rates[34:] == pytest.approx([0.28] * 16)


def test_a_ramp_over_one_epoch_is_a_step():
    rate = ramp(0.3, epochs=10, over=1, warm_up=4)
    assert [rate(epoch / 10) for epoch in (0, 3, 4, 9)] == [0, 0, 0.3, 0.3]


def test_each_network_learns_what_the_other_finds_easy():
    losses = [[0.1, 2.0, 0.3, 0.9], [0.2, 0.1, 1.5, 0.4]]
    weights = SmallLossExchange(lambda _: 0.5, tasks=4).weigh(step(losses))
    costs = (weights * torch.tensor(losses)).mean(1)
    assert costs.tolist() == pytest.approx([1.05, 0.85])


def test_swapping_the_networks_swaps_the_weights():
    losses = [[0.1, 2.0, 0.3, 0.9], [0.2, 0.1, 1.5, 0.4]]
    weighting = SmallLossExchange(lambda _: 0.5, tasks=4)
    swapped = weighting.weigh(step(losses[::-1]))
    assert torch.equal(swapped, weighting.weigh(step(losses)).flip(0))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_at_least_one_task_of_a_tiny_batch_is_kept(size):
    weights = SmallLossExchange(lambda _: 0.9, tasks=size).weigh(step([[1.0] * size] * 2))
    assert (weights > 0).sum(1).tolist() == [1, 1]
    assert weights.isfinite().all()


def test_kept_counts_do_not_lose_a_task_to_rounding():
    weights = SmallLossExchange(lambda _: 0.9, tasks=10).weigh(step([[1.0] * 10] * 2))
    assert (weights > 0).sum(1).tolist() == [1, 1]
    weights = SmallLossExchange(lambda _: 0.71, tasks=100).weigh(step([[1.0] * 100] * 2))
    assert (weights > 0).sum(1).tolist() == [29, 29]


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


def test_contributions_follow_small_losses():
    weighting = LossTrajectory(4, torch.arange(4), bandwidth="mean_sq")
    weighting.weigh(step([[0.1, 0.2, 1.0, 3.0]]))
    weighting.after_epoch(0)
    assert weighting.alpha.tolist() == pytest.approx(
        [0.266678, 0.265610, 0.242695, 0.225017], abs=1e-6
    )
    weighting.weigh(step([[0.05, 0.1, 1.2, 3.5]]))
    weighting.after_epoch(1)
    assert weighting.alpha.tolist() == pytest.approx(
        [0.282181, 0.281005, 0.234288, 0.202526], abs=1e-6
    )
    distrust = (1 - weighting.alpha) / (1 - weighting.alpha).sum()
    assert distrust.tolist() == pytest.approx([0.239273, 0.239665, 0.255237, 0.265825], abs=1e-6)


def test_a_settled_label_counts_as_without_loss_however_hard_it_is():
    settled = torch.tensor([False, False, False, True])
    weighting = LossTrajectory(4, torch.arange(4), settled=settled)
    unsettled = LossTrajectory(4, torch.arange(4))
    for one in (weighting, unsettled):
        one.weigh(step([[0.1, 0.2, 1.0, 3.0]]))
        one.after_epoch(0)
    assert weighting.alpha.argmax() == 3
    assert unsettled.alpha.argmin() == 3
    # the kernel's width still comes from what the network finds hard
    others = weighting.alpha[:3] - 0.9 / 4, unsettled.alpha[:3] - 0.9 / 4
    assert (others[0] / others[0].sum()).tolist() == pytest.approx(
        (others[1] / others[1].sum()).tolist()
    )


def test_bandwidths():
    losses = torch.tensor([0.1, 0.2, 1.0, 3.0], dtype=torch.float64)
    values = {name: sigma(losses).item() for name, sigma in BANDWIDTHS.items()}
    assert values == pytest.approx(
        {"mean_sq": 1.155625, "pairwise": 2.506944, "half_pairwise": 0.626736}, abs=1e-6
    )
    assert BANDWIDTHS["pairwise"](losses[:1]).item() == 0


def test_huge_losses_do_not_break_the_contributions():
    weighting = LossTrajectory(3, torch.arange(3), delta=1.0, bandwidth="mean_sq")
    weighting.weigh(step([[1e6, 1e6 + 1, 1e6 + 2]]))
    weighting.after_epoch(0)
    assert weighting.alpha.sum().item() == pytest.approx(1)


def test_ordinary_contributions_weigh_one():
    weights = LossTrajectory(9, torch.arange(4)).weigh(step([[0.3] * 4]))
    assert weights.tolist() == [[1.0] * 4]


def test_hold_out_keeps_each_network_from_its_fold():
    weighting = HoldOut(torch.tensor([0, 1, 1, 0]), torch.tensor([0, 1]))
    weights = weighting.weigh(step([[1.0] * 4] * 2))
    assert weights.tolist() == [[0, 2, 2, 0], [2, 0, 0, 2]]


@pytest.mark.parametrize(
    "weighting",
    [
        Uniform(),
        HoldOut(torch.tensor([0, 1, 1, 0]), torch.tensor([0, 1])),
        SmallLossExchange(lambda _: 0.5, tasks=4),
        LossTrajectory(4, torch.arange(4)),
    ],
    ids=lambda weighting: type(weighting).__name__,
)
def test_permuting_the_batch_permutes_the_weights(weighting):
    one = step([[0.1, 2.0, 0.3, 0.9], [0.2, 0.1, 1.5, 0.4]])
    order = torch.tensor([2, 0, 3, 1])
    other = Step(
        order,
        one.losses[:, order],
        one.logits[:, order],
        one.features[:, order],
        one.targets[order],
        one.progress,
    )
    weights = weighting.weigh(one)
    assert (weights >= 0).all()
    assert not weights.requires_grad
    assert torch.equal(weighting.weigh(other), weights[:, order])


def test_uniform_weights_give_mean_cross_entropy():
    torch.manual_seed(0)
    heads = LinearHeads(5, 3, 1)
    torch.nn.init.normal_(heads.weight)
    inputs, labels = torch.randn(8, 5), torch.randint(0, 3, (8,))
    batch = Batch(torch.arange(8), inputs, torch.eye(3)[labels])
    cost = Supervised(heads, Uniform()).cost(batch, 0.0)
    assert cost.item() == pytest.approx(
        cross_entropy(heads(inputs).logits[0], labels).item(), abs=1e-6
    )
