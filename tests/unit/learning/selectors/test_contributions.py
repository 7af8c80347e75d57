"""A selector says how far it trusts a label, and nothing of tasks that it never learnt from."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from relabel.learning.data import Selection
from relabel.learning.selectors.registry import select
from relabel.learning.selectors.robust_update import LossTrajectory
from relabel.learning.training.weighting import Step
from relabel.numerics.diversity.registry import select_batch
from relabel.numerics.diversity.spread import Surroundings, diversity_inputs
from relabel.numerics.scoring import SCORES

CONTRIBUTING = ("robust_update", "co_teaching", "co_teaching_vog", "o2u", "simifeat")
FEW = {"epochs": 4}


def absent(selection: Selection) -> np.ndarray:
    return np.isnan(selection.contribution)


@pytest.mark.slow
@pytest.mark.parametrize("name", CONTRIBUTING)
def test_nothing_is_said_of_tasks_without_votes(noisy_digits, name):
    data = noisy_digits(0, size=120).data
    unlabelled = np.arange(120) % 2 == 0
    half = data.with_counts(np.where(unlabelled[:, None], 0, data.counts))
    selection = select(name, half, {} if name == "simifeat" else FEW, seed=0)
    assert (absent(selection) == unlabelled).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["robust_update", "co_teaching", "o2u"])
def test_nothing_is_said_of_tasks_that_early_stopping_watches(noisy_digits, name):
    data = noisy_digits(0, size=120).data
    selection = select(name, data, {"epochs": 6, "patience": 6}, seed=0)
    assert absent(selection).sum() == 12


@pytest.mark.parametrize("name", ["robust_update", "co_teaching", "o2u"])
def test_nothing_is_said_of_tasks_that_balanced_batches_never_drew(noisy_digits, name):
    data = noisy_digits(0, size=300).data
    selection = select(name, data, {"epochs": 1, "balanced": True}, seed=0)
    assert 60 < absent(selection).sum() < 180
    assert np.isfinite(selection.posteriors.probs).all()


def test_a_task_that_no_batch_has_held_gains_no_weight():
    weighting = LossTrajectory(4, torch.arange(4), delta=0.5)
    losses = torch.tensor([[0.1, 1.0]])
    rows = torch.tensor([0, 1])
    nothing = torch.zeros(1, 2, 1)
    weighting.weigh(Step(rows, losses, nothing, nothing, nothing[0], 0.0))
    weighting.after_epoch(0)
    assert weighting.alpha.sum().item() == pytest.approx(1)
    assert weighting.alpha[2:].tolist() == [0.25, 0.25]
    assert weighting.alpha[0] > 0.25 > weighting.alpha[1]


def test_tasks_of_which_nothing_is_known_get_no_more_than_their_share_of_the_picks(noisy_digits):
    """Half of the tasks have no contribution; wrong labels among the others still come first."""
    digits = noisy_digits(0, size=400)
    data = replace(digits.data, images=None)
    learnt = data.with_counts(np.where(np.arange(400)[:, None] % 2 == 0, 0, data.counts))
    selection = select("robust_update", learnt, {}, seed=0)
    inputs = diversity_inputs(
        "diffusion",
        surroundings=Surroundings(data.vectors, 0),
        labels=data.labels,
        pool=np.ones(400, bool),
        contribution=selection.contribution,
    )
    score = SCORES["entropy"](data.counts, selection.posteriors.probs)
    rng = np.random.default_rng(0)
    picks = select_batch(score, 20, diversity="diffusion", rng=rng, candidate_factor=2, **inputs)
    known = picks[picks % 2 == 1]
    assert 5 <= len(known) <= 15
    assert digits.wrong[known].mean() > 0.4
