import pytest
import torch
from relabel.learning.batches import Batch
from relabel.learning.networks.side_by_side import LinearHeads
from relabel.learning.selectors.co_teaching import SmallLossExchange
from relabel.learning.selectors.linear import HoldOut
from relabel.learning.selectors.robust_update import LossTrajectory
from relabel.learning.training.objectives import Supervised
from relabel.learning.training.weighting import Step, Uniform
from steps import step
from torch.nn.functional import cross_entropy


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
