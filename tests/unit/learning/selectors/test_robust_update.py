import pytest
import torch
from relabel.learning.selectors.robust_update import BANDWIDTHS, LossTrajectory
from steps import step


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
