import re
from pathlib import Path

import numpy as np
import pytest
import relabel
import torch
from relabel.learning.batches import Batches, balancing_weights
from relabel.learning.networks.registry import ARCHITECTURES, build
from relabel.learning.networks.side_by_side import Peers, side_by_side
from relabel.learning.selectors.co_teaching import SmallLossExchange
from relabel.learning.selectors.registry import select
from relabel.learning.training.loop import fit
from relabel.learning.training.objectives import Supervised
from relabel.learning.training.weighting import Uniform


def test_the_optimiser_steps_in_one_place():
    package = Path(relabel.__file__).parent
    found = [
        path.name
        for path in package.rglob("*.py")
        for _ in re.finditer(r"optimi[sz]er\.step\(|\bopt\.step\(", path.read_text())
    ]
    assert found == ["loop.py"]


INPUTS = torch.randn(64, 6, generator=torch.Generator().manual_seed(0))
TARGETS = torch.eye(3)[torch.randint(0, 3, (64,), generator=torch.Generator().manual_seed(1))]


def two_networks() -> Peers:
    architecture = ARCHITECTURES["linear_head"]
    return side_by_side(lambda: build(architecture, INPUTS, 3), 2, seed=7)


def train(peers, weighting, epochs=4):
    batches = Batches(INPUTS, TARGETS, torch.arange(64), size=16, seed=3)
    optimizer = torch.optim.SGD(peers.parameters(), lr=0.1, momentum=0.9)
    fit(Supervised(peers, weighting), batches, optimizer, epochs=epochs)
    return [parameter.detach().clone() for parameter in peers.parameters()]


def test_forgetting_nothing_equals_two_networks_trained_alone():
    together = train(two_networks(), SmallLossExchange(lambda _: 0.0, tasks=64))
    alone = [train(Peers([net]), Uniform()) for net in two_networks().classifiers]
    for ours, theirs in zip(together, [*alone[0], *alone[1]], strict=True):
        assert torch.equal(ours, theirs)


def test_a_killed_round_resumes_to_the_same_weights(noisy_digits, tmp_path, monkeypatch):
    monkeypatch.setattr("relabel.learning.training.checkpoints.SAVE_EVERY_SECONDS", 0.0)
    data = noisy_digits(0, size=200).data
    options = {"epochs": 8, "forget_rate": 0.2, "warm_up": 0, "window": 2}

    def dies(stage: str, done: int, _total: int) -> None:
        if (stage, done) == ("train", 5):
            raise KeyboardInterrupt

    whole = select("co_teaching_vog", data, options, seed=1)
    with pytest.raises(KeyboardInterrupt):
        select("co_teaching_vog", data, options, seed=1, checkpoint=tmp_path, progress=dies)
    epochs = []
    resumed = select(
        "co_teaching_vog",
        data,
        options,
        seed=1,
        checkpoint=tmp_path,
        progress=lambda _stage, done, _total: epochs.append(done),
    )
    assert epochs == [5, 6, 7, 8]
    np.testing.assert_array_equal(whole.members, resumed.members)
    np.testing.assert_array_equal(whole.contribution, resumed.contribution)


def test_a_finished_training_is_not_repeated(noisy_digits, tmp_path):
    data = noisy_digits(0, size=100).data
    first = select("vanilla", data, {"epochs": 3}, seed=1, checkpoint=tmp_path)
    epochs = []
    again = select(
        "vanilla",
        data,
        {"epochs": 3},
        seed=1,
        checkpoint=tmp_path,
        progress=lambda _stage, done, _total: epochs.append(done),
    )
    assert epochs == []
    np.testing.assert_array_equal(first.posteriors.probs, again.posteriors.probs)


def test_other_votes_do_not_continue_an_old_checkpoint(noisy_digits, tmp_path):
    data = noisy_digits(0, size=100).data
    other = data.with_counts(np.roll(data.counts, 1, axis=0))
    select("vanilla", data, {"epochs": 3}, seed=1, checkpoint=tmp_path)
    continued = select("vanilla", other, {"epochs": 3}, seed=1, checkpoint=tmp_path)
    afresh = select("vanilla", other, {"epochs": 3}, seed=1)
    np.testing.assert_array_equal(continued.posteriors.probs, afresh.posteriors.probs)


@pytest.mark.parametrize(
    "other", [{"network": "linear_head"}, {"smoothing": 0.1}, {"balanced": True}], ids=str
)
def test_another_network_or_option_does_not_continue_an_old_checkpoint(
    noisy_digits, tmp_path, other
):
    data = noisy_digits(0, size=100).data
    select("vanilla", data, {"epochs": 3}, seed=1, checkpoint=tmp_path)
    options = {"epochs": 3, **other}
    continued = select("vanilla", data, options, seed=1, checkpoint=tmp_path)
    afresh = select("vanilla", data, options, seed=1)
    np.testing.assert_array_equal(continued.posteriors.probs, afresh.posteriors.probs)


def test_another_selector_does_not_continue_an_old_checkpoint(noisy_digits, tmp_path):
    data = noisy_digits(0, size=100).data
    select("vanilla", data, {"epochs": 3}, seed=1, checkpoint=tmp_path)
    epochs = []
    select(
        "elr",
        data,
        {"epochs": 3},
        seed=1,
        checkpoint=tmp_path,
        progress=lambda _stage, done, _total: epochs.append(done),
    )
    assert epochs == [1, 2, 3]


@pytest.mark.slow
def test_a_warm_start_continues_from_the_last_rounds_weights(noisy_digits, tmp_path):
    digits = noisy_digits(0, size=400)
    first = select("vanilla", digits.data, {}, seed=1, checkpoint=tmp_path / "first")
    corrected = digits.data.with_counts(np.eye(10, dtype=np.int64)[digits.truth])
    warm = select("vanilla", corrected, {}, seed=1, warm_start=tmp_path / "first")
    assert warm.record["warm_start"] == 1
    assert warm.record["epochs"] < first.record["epochs"]

    def loss(selection):
        return -np.log(selection.posteriors.probs[np.arange(400), digits.truth]).mean()

    assert loss(warm) < loss(first)


def test_weights_of_another_network_are_no_warm_start(noisy_digits, tmp_path):
    data = noisy_digits(0, size=100).data
    select("vanilla", data, {"epochs": 2}, seed=1, checkpoint=tmp_path)
    options = {"network": "linear_head", "epochs": 2}
    assert select("vanilla", data, options, seed=1, warm_start=tmp_path).record["warm_start"] == 0


@pytest.mark.slow
def test_training_ends_early_on_noise_and_keeps_its_best_epoch(noisy_digits):
    digits = noisy_digits(0, size=400, noise=0.6)
    early = select("vanilla", digits.data, {"patience": 3, "epochs": 60}, seed=0)
    late = select("vanilla", digits.data, {"epochs": 60}, seed=0)
    assert early.record["epochs"] < 60

    def right(selection):
        return (selection.posteriors.probs.argmax(1) == digits.truth).mean()

    assert right(early) > right(late)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_posteriors_and_another_seed_others(noisy_digits):
    data = noisy_digits(0, size=100).data
    one, same, other = (
        select("co_teaching", data, {"epochs": 3}, seed=seed).posteriors.probs for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


ASKED_TWICE = {"passes": 2, "mc_dropout": True}


def test_training_leaves_the_global_generator_alone(noisy_digits):
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    select("vanilla", noisy_digits(0, size=100).data, {"epochs": 2, **ASKED_TWICE}, seed=1)
    assert torch.equal(torch.rand(3), expected)


def test_an_epoch_shows_every_row_once_in_another_order():
    batches = Batches(INPUTS, TARGETS, torch.arange(50), size=16, seed=0)
    epochs = [torch.cat([batch.rows for batch in batches.epoch(epoch)]) for epoch in range(2)]
    assert [sorted(rows.tolist()) for rows in epochs] == [list(range(50))] * 2
    assert not torch.equal(*epochs)


@pytest.mark.parametrize("rows", [1, 7, 8, 9, 15, 16, 17, 24, 31])
def test_no_batch_is_smaller_than_half_unless_it_is_alone(rows):
    batches = Batches(INPUTS, TARGETS, torch.arange(rows), size=16, seed=0)
    sizes = [len(batch.rows) for batch in batches.epoch(0)]
    assert sum(sizes) == rows
    assert len(sizes) == len(batches)
    assert len(sizes) == 1 or min(sizes) >= 8


def test_balanced_batches_show_rare_classes_as_often():
    labels = torch.tensor([0] * 90 + [1] * 10)
    batches = Batches(
        torch.zeros(100, 1),
        torch.eye(2)[labels],
        torch.arange(100),
        size=25,
        seed=0,
        weights=balancing_weights(labels),
    )
    shown = torch.cat([labels[b.rows] for epoch in range(20) for b in batches.epoch(epoch)])
    assert shown.double().mean().item() == pytest.approx(0.5, abs=0.05)


@pytest.mark.slow
def test_cycles_are_traced_after_a_warm_start_too(noisy_digits, tmp_path):
    """Weights that know the labels forget none: the network of O2U-Net begins anew each time."""
    digits = noisy_digits(0, size=500)
    first = select("o2u", digits.data, {}, seed=1, checkpoint=tmp_path)
    again = select("o2u", digits.data, {}, seed=1, warm_start=tmp_path)
    least = np.argsort(again.contribution, kind="stable")[: digits.wrong.sum()]
    assert digits.wrong[least].mean() > 0.6
    np.testing.assert_array_equal(first.contribution, again.contribution)


@pytest.mark.slow
def test_variance_chooses_tasks_after_a_warm_start_too(noisy_digits, tmp_path):
    data = noisy_digits(0, size=200).data
    options = {"forget_rate": 0.2, "epochs": 8, "mix": 0.5}
    select("co_teaching_vog", data, options, seed=1, checkpoint=tmp_path)
    warm = [
        select("co_teaching_vog", data, {**options, "mix": mix}, seed=1, warm_start=tmp_path)
        for mix in (0.5, 0.0)
    ]
    assert [one.record["warm_start"] for one in warm] == [1, 1]
    assert (warm[0].contribution != warm[1].contribution).any()
