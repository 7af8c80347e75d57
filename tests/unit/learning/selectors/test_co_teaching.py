"""Two networks that exchange tasks forget wrong labels, however few epochs they have."""

import pytest
import torch
from relabel.learning.selectors.co_teaching import SmallLossExchange, ramp
from relabel.learning.selectors.registry import select
from steps import step


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [4, 10])
@pytest.mark.parametrize("name", ["co_teaching", "co_teaching_vog"])
def test_what_is_kept_is_cleaner_than_what_vanilla_learns_from(noisy_digits, name, epochs):
    """Vanilla learns from all tasks, of which 40 % are wrong."""
    digits = noisy_digits(0, size=500, noise=0.4)
    options = {"epochs": epochs, "forget_rate": 0.4}
    kept = select(name, digits.data, options, seed=0).contribution == 1
    assert kept.mean() > 0.35
    assert digits.wrong[kept].mean() < 0.35 * digits.wrong.mean()


@pytest.mark.slow
def test_forgetting_by_variance_learns_fewer_wrong_labels_than_vanilla(noisy_digits):
    """At the default 20 epochs vanilla has learnt one wrong label in five by heart."""

    digits = noisy_digits(1, size=500, noise=0.4)

    def learnt(name, options):
        believed = select(name, digits.data, options, seed=1).posteriors.probs.argmax(1)
        return (believed == digits.data.labels)[digits.wrong].mean()

    vanilla, forgetting = learnt("vanilla", {}), learnt("co_teaching_vog", {"forget_rate": 0.4})
    assert vanilla > 0.15
    assert forgetting < 0.6 * vanilla


@pytest.mark.slow
def test_bodies_that_were_trained_before_forget_at_few_epochs_too(noisy_digits):
    digits = noisy_digits(0, size=100, noise=0.4)
    options = {"pretrain_epochs": 1, "epochs": 9, "forget_rate": 0.4, "batch_size": 50}
    selection = select("ssl_co_teaching", digits.data, options, seed=0)
    assert (selection.contribution == 1).mean() < 0.7


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
