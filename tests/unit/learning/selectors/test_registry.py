from collections import Counter
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from relabel.catalogue.options import has_members
from relabel.errors import ConfigurationError
from relabel.learning.data import TrainingData
from relabel.learning.selectors.registry import SELECTORS, select
from relabel.learning.selectors.single import SINGLE
from relabel.numerics.scoring import phi


def test_an_unknown_selector_is_answered_with_the_known_ones(noisy_digits):
    with pytest.raises(ConfigurationError, match=r"'liner'.*linear"):
        select("liner", noisy_digits(0, size=50).data, {}, seed=0)


def test_an_unknown_option_is_answered_with_the_known_ones(noisy_digits):
    with pytest.raises(ConfigurationError, match=r"'fold'.*folds"):
        select("linear", noisy_digits(0, size=50).data, {"fold": 3}, seed=0)


def test_the_record_names_the_selector_and_its_seconds(noisy_digits):
    record = select("linear", noisy_digits(0, size=100).data, {}, seed=0).record
    assert record["selector"] == "linear"
    assert record["seconds"] > 0


QUICK = {
    "ssl_linear": {"pretrain_epochs": 3, "epochs": 8},
    "ssl_co_teaching": {"pretrain_epochs": 2, "epochs": 8, "warm_up": 2},
}


MORE_SEEDS = [pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2)]


SHORTEST = "linear"


@pytest.mark.parametrize("seed", [0, *MORE_SEEDS])
@pytest.mark.parametrize(
    "name",
    [n if n == SHORTEST else pytest.param(n, marks=pytest.mark.slow) for n in SELECTORS],
)
def test_every_selector_finds_wrong_labels_far_better_than_random(noisy_digits, name, seed):
    """Of the tasks ranked first, as many as are wrong, random order gets one in five right."""
    digits = noisy_digits(seed, size=500)
    selection = select(name, digits.data, QUICK.get(name, {}), seed=seed)
    probs = selection.posteriors.probs
    first = np.argsort(-phi(digits.data.counts, probs))[: digits.wrong.sum()]
    assert digits.wrong[first].mean() > 0.6
    assert probs.dtype == np.float32
    np.testing.assert_array_equal(selection.posteriors.task_ids, digits.data.task_ids)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["co_teaching", "co_teaching_vog", "robust_update", "o2u", "simifeat"]
)
def test_contributions_are_higher_for_right_labels(noisy_digits, name):
    digits = noisy_digits(0, size=500)
    trust = select(name, digits.data, {}, seed=0).contribution
    assert np.median(trust[~digits.wrong]) > np.median(trust[digits.wrong])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vanilla", "co_teaching", "elr", "robust_update", "o2u", "dalc"])
def test_networks_on_pixels(noisy_digits, name):
    digits = noisy_digits(0, size=300)
    images_only = TrainingData(digits.data.task_ids, digits.data.counts, images=digits.data.images)
    probs = select(name, images_only, {"epochs": 20, "batch_size": 32}, seed=0).posteriors.probs
    assert (probs.argmax(1) == digits.truth).mean() > 0.5


FEW = {"epochs": 1}
BRIEF = {
    "linear": {},
    "simifeat": {},
    "ssl_linear": FEW | {"pretrain_epochs": 1},
    "ssl_co_teaching": FEW | {"pretrain_epochs": 1},
    "ensemble": {"of": ["linear", "vanilla"], "options": {"vanilla": FEW}},
    "cross_fit": {"of": "co_teaching", "folds": 2, "options": {"co_teaching": FEW}},
    "auto": {},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SELECTORS)
def test_the_catalogue_knows_which_selectors_have_several_networks(noisy_digits, name):
    data = noisy_digits(0, size=60).data
    options = BRIEF.get(name, FEW)
    selection = select(name, data, options, seed=0)
    assert (selection.members is not None) == has_members(name, options)
    if selection.members is not None:
        mean = selection.members.mean((0, 1))
        np.testing.assert_allclose(mean, selection.posteriors.probs, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ensemble", {"of": ["co_teaching"]}),
        ("cross_fit", {"of": "co_teaching", "folds": 2}),
        ("auto", {"fallback": "co_teaching"}),
    ],
)
def test_selectors_inside_another_are_run_with_their_options(noisy_digits, name, options):
    data = noisy_digits(0, size=100).data
    options = {**options, "options": {"co_teaching": {"epochs": 6}}}
    stages = []
    select(name, data, options, seed=0, progress=lambda *told: stages.append(told))
    assert {total for stage, _, total in stages if stage == "train"} == {6}


@pytest.mark.parametrize(
    ("options", "passes"),
    [({}, 1), ({"passes": 4, "mc_dropout": True}, 4)],
    ids=["once", "dropout"],
)
def test_members_hold_every_pass_of_every_network(noisy_digits, options, passes):
    data = noisy_digits(0, size=60).data
    members = select("co_teaching", data, {"epochs": 2, **options}, seed=0).members
    assert members.shape == (passes, 2, 60, 10)
    assert (members[0] != members[-1]).any() == (passes > 1)


def test_test_time_augmentation_asks_about_changed_images(noisy_digits):
    data = noisy_digits(0, size=60).data
    options = {"epochs": 2, "network": "small_cnn", "augment": "shift", "passes": 3}
    members = select("vanilla", data, options, seed=0).members
    assert members.shape == (3, 1, 60, 10)
    assert (members[0] != members[1]).any()


@pytest.mark.slow
def test_a_cross_fitted_network_has_not_seen_a_tasks_votes():
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 2, 200)
    vectors = generator.normal(size=(200, 30)).astype(np.float32)
    data = TrainingData(np.arange(200), np.eye(2, dtype=np.int64)[labels], vectors)
    inside = select("vanilla", data, {}, seed=0).posteriors.probs
    outside = select("cross_fit", data, {"of": "vanilla"}, seed=0)
    assert outside.out_of_sample
    assert (inside.argmax(1) == labels).mean() > 0.75
    assert (outside.posteriors.probs.argmax(1) == labels).mean() < 0.65


def test_an_ensemble_is_the_mean_of_its_members(noisy_digits):
    data = noisy_digits(0, size=200).data
    selection = select("ensemble", data, {"of": ["linear", "simifeat"]}, seed=0)
    parts = [select(name, data, {}, seed=0).posteriors.probs for name in ("linear", "simifeat")]
    np.testing.assert_allclose(selection.posteriors.probs, np.mean(parts, 0), atol=1e-6)
    assert selection.out_of_sample


def settled_digits(noisy_digits, settled):
    """Digits of which people settled the first ones."""
    digits = noisy_digits(0, size=500)
    counts = digits.data.counts.copy()
    counts[np.arange(settled), digits.truth[:settled]] += 2
    return replace(digits.data, counts=counts, given=digits.data.labels)


def test_auto_takes_the_selector_that_is_most_precise_on_settled_tasks(noisy_digits):
    data = settled_digits(noisy_digits, 200)
    record = select("auto", data, {"candidates": ["vanilla", "linear"]}, seed=0).record
    assert record["chosen"] == "linear"
    assert record["precision_linear"] > record["precision_vanilla"]
    assert "200 settled tasks" in record["why"]


def test_auto_falls_back_and_says_why(noisy_digits):
    record = select("auto", settled_digits(noisy_digits, 20), {}, seed=0).record
    assert record["chosen"] == "linear"
    assert "20 settled tasks" in record["why"]


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.0, 0.2, 0.5])
def test_the_noise_rate_is_estimated_where_it_is_not_given(noisy_digits, noise):
    digits = noisy_digits(1, size=800, noise=noise)
    rate = select("co_teaching", digits.data, {"epochs": 1}, seed=0).record["noise_rate"]
    assert rate == pytest.approx(digits.wrong.mean(), abs=0.08)


@pytest.mark.parametrize("name", ["vanilla", "ensemble"])
def test_unknown_parts_are_answered_with_the_known_ones(noisy_digits, name):
    options = {"vanilla": {"network": "resnet9"}, "ensemble": {"of": ["resnet9"]}}[name]
    with pytest.raises(ConfigurationError, match="'resnet9'; known"):
        select(name, noisy_digits(0, size=60).data, options, seed=0)


@pytest.mark.slow
def test_mixed_precision_learns_the_same(noisy_digits):
    digits = noisy_digits(0, size=300)
    options = {"network": "small_cnn", "epochs": 12, "batch_size": 32, "mixed_precision": True}
    probs = select("vanilla", digits.data, options, seed=0).posteriors.probs
    assert probs.dtype == np.float32
    assert (probs.argmax(1) == digits.truth).mean() > 0.4


def test_balanced_training_finds_a_rare_class(noisy_digits):
    digits = noisy_digits(0, size=1200, noise=0.0)
    rare = np.flatnonzero(digits.truth == 3)[8:]
    rows = np.setdiff1d(np.arange(1200), rare)
    data = TrainingData(
        digits.data.task_ids[rows], digits.data.counts[rows], digits.data.vectors[rows]
    )
    options = {"epochs": 4, "passes": 0}

    def confidence(balanced):
        chosen = {**options, "balanced": balanced}
        probs = select("vanilla", data, chosen, seed=0).posteriors.probs
        return probs[digits.truth[rows] == 3, 3].mean()

    assert confidence(balanced=True) > confidence(balanced=False)


@pytest.mark.parametrize(("settled", "width"), [(0, "mean_sq"), (20, "half_pairwise")])
def test_robust_updates_narrow_their_kernel_once_people_settled_tasks(noisy_digits, settled, width):
    data = replace(noisy_digits(0, size=120).data, trusted=np.arange(120) < settled)
    own, told = (
        select("robust_update", data, {"epochs": 2} | options, seed=0).contribution
        for options in ({}, {"bandwidth": width})
    )
    other = {"mean_sq": "half_pairwise", "half_pairwise": "mean_sq"}[width]
    options = {"epochs": 2, "bandwidth": other}
    assert (own == told).all()
    assert (own != select("robust_update", data, options, seed=0).contribution).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"passes": 3}, r"passes = 3: .*mc_dropout = true"),
        ({"passes": 3, "network": "small_cnn", "augment": "none"}, r"passes = 3: .*augment"),
        ({"passes": 3, "network": "linear_head", "mc_dropout": True}, "has no dropout"),
    ],
    ids=["vectors", "images", "no dropout"],
)
def test_asking_again_for_the_same_answer_is_refused(noisy_digits, options, message):
    data = noisy_digits(0, size=60).data
    with pytest.raises(ConfigurationError, match=message):
        select("vanilla", data, {"epochs": 1, **options}, seed=0)


def stages(folder, name, data, options):
    """Run a selector and return how many epochs each of its stages took."""
    seen = Counter()
    select(
        name,
        data,
        options,
        seed=0,
        pretrained=folder,
        progress=lambda stage, _done, _total: seen.update([stage]),
    )
    return seen


def test_what_images_alone_teach_is_learnt_once_for_all_folds_and_rounds(
    noisy_digits, tmp_path, monkeypatch
):
    digits = noisy_digits(0, size=60)
    options = {"pretrain_epochs": 2, "epochs": 2}
    assert stages(tmp_path, "ssl_linear", digits.data, options) == {"byol": 2, "head": 2}
    corrected = digits.data.with_counts(np.eye(10, dtype=np.int64)[digits.truth])
    assert stages(tmp_path, "ssl_linear", corrected, options) == {"head": 2}
    monkeypatch.setitem(SINGLE, "ssl_linear", partial(SINGLE["ssl_linear"], **options))
    crossed = {"of": "ssl_linear", "folds": 3}
    assert stages(tmp_path / "other", "cross_fit", corrected, crossed) == {"byol": 2, "head": 6}


def test_other_images_are_learnt_anew(noisy_digits, tmp_path):
    options = {"pretrain_epochs": 1, "epochs": 1}
    for seed in (0, 1):
        data = noisy_digits(seed, size=60).data
        assert stages(tmp_path, "ssl_linear", data, options)["byol"] == 1
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [20, 80])
def test_the_noise_matrix_is_read_where_the_network_saw_the_given_labels(noisy_digits, epochs):
    """Half of the labels are wrong; people corrected 250 of 500, which says nothing of the noise.

    A network that has learnt the corrections by heart would call these labels right.
    """
    digits = noisy_digits(0, size=500, noise=0.5)
    given = digits.data.labels
    counts = digits.data.counts.copy()
    counts[np.arange(250), digits.truth[:250]] += 2
    data = replace(digits.data, counts=counts, given=given, trusted=np.arange(500) < 250)
    rate = select("dalc", data, {"epochs": epochs}, seed=0).record["noise_rate"]
    assert rate == pytest.approx(digits.wrong.mean(), abs=0.08)
