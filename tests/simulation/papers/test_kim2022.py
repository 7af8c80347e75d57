"""Kim's protocol: what is asked, what detectors leave, and how learning rates are chosen."""

from dataclasses import replace

import numpy as np
import pytest
from relabel.learning.data import Selection, TrainingData
from relabel.simulation.papers.kim2022.protocol import (
    RATES,
    UNLABELLED,
    Study,
    believed,
    campaign,
    rate_of,
)
from relabel.simulation.papers.kim2022.tables import labels_to, order_rows
from relabel.simulation.papers.kim2022.ways import OURS, WAYS, Round, Way, least_trusted
from relabel.simulation.papers.parts.entry import Job, Numbers
from relabel.types import Posteriors
from rich.console import Console

NUMBERS = Numbers(seeds=1, samples=300, tested=100, batch=20, rounds=2, epochs=3)


@pytest.fixture
def study(data_dir, tmp_path):
    return Study.of(Job(data_dir, tmp_path, NUMBERS, 1, Console(quiet=True)))


def selection_of(probs, contribution=None):
    ids = np.arange(len(probs), dtype=np.int64)
    posteriors = Posteriors(ids, np.asarray(probs, dtype=np.float32))
    return Selection(posteriors, out_of_sample=False, contribution=contribution)


def test_noise_leaves_a_fifth_of_the_labels_right_and_few_labels_are_right_ones(study):
    for noise in ("uniform", "class symmetry"):
        labels = study.first_labels(noise, 0)
        assert (labels == study.data.truth).mean() == pytest.approx(0.2, abs=0.08)
    labels = study.first_labels(UNLABELLED, 0)
    known = labels >= 0
    assert known.sum() == NUMBERS.batch
    assert (labels[known] == study.data.truth[known]).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", WAYS)
def test_a_campaign_asks_every_task_once_and_learns_after_the_last_round(study, name):
    found = campaign(study, WAYS[name], "uniform", RATES[0], 0)
    assert len(found["accuracy"]) == NUMBERS.rounds + 1
    assert len(found["wrong"]) == NUMBERS.rounds
    assert all(0 <= value <= 1 for values in found.values() for value in values)
    assert campaign(study, WAYS[name], "uniform", RATES[0], 0) == found


@pytest.mark.slow
def test_no_true_label_chooses_a_learning_rate(study, monkeypatch):
    """The rate is the same whatever is true, as long as the given labels are."""
    given = study.first_labels("uniform", 100)
    monkeypatch.setattr(Study, "first_labels", lambda *_: given)
    other = replace(study, data=study.data.rows(np.arange(len(given))[::-1]), test=study.test[::-1])
    assert rate_of(study, WAYS["Entropy"], "uniform") == rate_of(other, WAYS["Entropy"], "uniform")


def test_a_detector_leaves_what_experts_said_and_the_best_fifth():
    counts = np.eye(2, dtype=np.int64)[np.zeros(11, dtype=np.int64)]
    counts[10] = [0, 2]
    trust = np.append(np.arange(10.0), -1)
    found = selection_of(np.full((11, 2), 0.5), trust)
    clean = believed(found, TrainingData(np.arange(11), counts))
    assert np.flatnonzero(clean).tolist() == [8, 9, 10]


def test_the_least_trusted_come_first_by_their_entropy():
    """Of 30 tasks the ten of least trust are candidates, whatever the others' entropy."""
    certain = np.linspace(0.5, 0.99, 30)
    found = selection_of(np.stack([certain, 1 - certain], axis=1), -np.arange(30.0))
    now = Round(
        np.ones((30, 2), dtype=np.int64),
        np.ones(30, dtype=bool),
        found,
        1,
        None,
        np.random.default_rng(0),
    )
    assert least_trusted(now).tolist() == [20]
    assert Way("vanilla", least_trusted).pick(now).tolist() == [20]


def test_labels_to_a_goal_lie_between_rounds():
    assert labels_to(0.5, [0.2, 0.4, 0.8], 100) == pytest.approx(125)
    assert labels_to(0.1, [0.2, 0.4], 100) == 0
    assert labels_to(0.9, [0.2, 0.4], 100) is None


def test_orders_are_judged_by_the_mean_over_rounds():
    found = {
        OURS: [{"accuracy": [0.5, 0.7]}, {"accuracy": [0.5, 0.71]}],
        "DALC": [{"accuracy": [0.4, 0.6]}, {"accuracy": [0.4, 0.61]}],
    }
    (row,) = order_rows(found, "accuracy", ((OURS, "DALC"),), "uniform")
    assert row["ours"].startswith("holds: +10.00")
