import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from relabel.learning.folds import stratified_folds
from relabel.learning.selectors.co_teaching import SmallLossExchange, ramp
from relabel.learning.selectors.co_teaching_vog import VarianceOfGradients
from relabel.learning.selectors.dalc import from_anchors, from_trusted
from relabel.learning.selectors.robust_update import LossTrajectory
from relabel.learning.training.weighting import Step

small = st.floats(0.0, 50.0, allow_nan=False)
share = st.floats(0.0, 0.99)


def step(losses):
    losses = torch.as_tensor(np.atleast_2d(losses), dtype=torch.float32)
    peers, size = losses.shape
    return Step(
        torch.arange(size),
        losses,
        torch.zeros(peers, size, 3),
        torch.zeros(peers, size, 2),
        torch.eye(3)[torch.zeros(size, dtype=torch.int64)],
        0.9,
    )


@given(final=share, epochs=st.integers(1, 60), over=st.integers(1, 20), warm_up=st.integers(0, 30))
def test_forget_rates_rise_from_zero_to_the_noise_rate(final, epochs, over, warm_up):
    rate = ramp(final, epochs=epochs, over=over, warm_up=warm_up)
    rates = [rate(epoch / epochs) for epoch in range(epochs)]
    assert all(0 <= r <= final for r in rates)
    assert rates == sorted(rates)


@given(
    losses=st.lists(st.tuples(small, small), min_size=1, max_size=40),
    forget=share,
    mix=st.floats(0, 1),
)
def test_exchanged_tasks_are_as_many_as_the_rate_says_and_weigh_one_on_average(losses, forget, mix):
    size = len(losses)
    variance = VarianceOfGradients(tasks=size, peers=2, features=2, window=2)
    variance.after_epoch(0)
    variance.after_epoch(1)
    weighting = SmallLossExchange(lambda _: forget, tasks=size, mix=mix, variance=variance)
    weights = weighting.weigh(step(np.array(losses).T))
    kept = max(1, int((1 - forget) * size + 1e-9))
    assert (weights > 0).sum(1).tolist() == [kept, kept]
    assert torch.allclose(weights.mean(1), torch.ones(2))
    assert torch.equal(weighting.chosen, (weights > 0).flip(0))


@given(epochs=st.lists(st.lists(small, min_size=5, max_size=5), min_size=1, max_size=5))
def test_contributions_stay_a_distribution(epochs):
    weighting = LossTrajectory(5, torch.arange(5))
    for number, losses in enumerate(epochs):
        weighting.weigh(step(losses))
        weighting.after_epoch(number)
        assert (weighting.alpha >= 0).all()
        assert abs(weighting.alpha.sum().item() - 1) < 1e-6  # float32, as some devices demand


@given(loss=small)
def test_equal_losses_leave_contributions_equal(loss):
    weighting = LossTrajectory(4, torch.arange(4))
    weighting.weigh(step([loss] * 4))
    weighting.after_epoch(0)
    assert torch.allclose(weighting.alpha, torch.full((4,), 0.25))


@given(
    losses=st.lists(st.floats(0.01, 20), min_size=4, max_size=4, unique=True),
    scale=st.floats(0.1, 10),
)
def test_the_scale_of_the_losses_does_not_matter(losses, scale):
    found = []
    for factor in (1.0, scale):
        weighting = LossTrajectory(4, torch.arange(4))
        weighting.weigh(step(np.array(losses) * factor))
        weighting.after_epoch(0)
        found.append(weighting.alpha)
    assert torch.allclose(*found, atol=1e-5)


@given(seed=st.integers(0, 10**6), tasks=st.integers(4, 60), classes=st.integers(2, 6))
def test_noise_matrices_have_rows_that_are_distributions(seed, tasks, classes):
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.ones(classes), tasks).astype(np.float32)
    labels = rng.integers(-1, classes, tasks)
    matrix = from_trusted(probs, labels, from_anchors(probs))
    assert (matrix >= 0).all()
    np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-6)


@settings(max_examples=50)
@given(
    seed=st.integers(0, 10**6),
    labels=st.lists(st.integers(-1, 3), min_size=30, max_size=80),
    folds=st.integers(2, 5),
)
def test_folds_share_every_class_evenly(seed, labels, folds):
    labels = np.array([*labels, *range(4)] + [0] * 10)
    fold_of = stratified_folds(labels, folds, seed)
    assert ((fold_of == -1) == (labels == -1)).all()
    sizes = np.bincount(fold_of[fold_of >= 0], minlength=folds)
    assert sizes.max() - sizes.min() <= 1
    for label in range(4):
        of_class = np.bincount(fold_of[labels == label], minlength=folds)
        assert of_class.max() - of_class.min() <= 1
