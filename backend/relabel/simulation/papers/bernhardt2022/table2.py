"""Table 2: choosing between two models by noisy, partly cleaned and true evaluation labels.

Models and selector are those that the paper names, on frozen features, and were fixed before any
run: M1 is co-teaching, M2 a linear head without regularisation, the selector a linear head with
smoothed labels (SSL-Linear without BYOL). All three are trained on the training set alone, so none
has seen an evaluation label. The selector ranks those by CE.
"""

from functools import partial
from typing import Any

import numpy as np

from relabel.learning.data import TrainingData
from relabel.learning.selectors.registry import select
from relabel.numerics.scoring import SCORES
from relabel.simulation.campaign.loop import initial_counts
from relabel.simulation.campaign.seeds import generator, seed_of
from relabel.simulation.data.dataset import Dataset, certain
from relabel.simulation.data.noise_models import instance, symmetric
from relabel.simulation.data.sources.arrays import CIFAR10, cifar10_training_features, cifar10h
from relabel.simulation.experiment.summary import Row
from relabel.simulation.papers.bernhardt2022.numbers import PAPER, SECONDS, SMALL
from relabel.simulation.papers.bernhardt2022.subset import BYOL, NETWORKS
from relabel.simulation.papers.parts.campaigns import percent
from relabel.simulation.papers.parts.data import CIFAR10H, TRAINING_SET
from relabel.simulation.papers.parts.entry import Entry, Job, Outcome
from relabel.simulation.papers.parts.kept import Figures, digest, kept
from relabel.simulation.papers.parts.orderings import ordering
from relabel.types import Float32Array, IntArray

How = tuple[str, dict[str, Any]]
"""A selector with its options."""

RATE = 0.40
SHARPNESS = 30.0
"""Length of the features: which class a sample is taken for is then all but certain, as there."""

M1: How = ("co_teaching", {"forget_rate": 0.38})
M2: How = ("vanilla", {"network": "linear_head"})
SELECTOR: How = ("vanilla", {"network": "linear_head", "smoothing": 0.1})
NOISES = {"SYM": symmetric, "IDN": instance}

PUBLISHED = {
    ("SYM", "noisy"): (45.19, 48.93),
    ("SYM", "10 % cleaned"): (54.37, 58.45),
    ("SYM", "20 % cleaned"): (62.53, 67.42),
    ("SYM", "true"): (73.32, 80.16),
    ("IDN", "noisy"): (45.93, 46.50),
    ("IDN", "10 % cleaned"): (49.97, 49.90),
    ("IDN", "20 % cleaned"): (55.87, 55.28),
    ("IDN", "true"): (69.91, 65.76),
}
"""Noise, evaluation labels -> accuracy of M1 and M2, %."""


def table2(job: Job) -> Outcome:
    """Which of two models wins by noisy, partly cleaned and true evaluation labels."""
    data, trained = samples_of(job)
    read = digest(data.distributions, *(() if data.features is None else (data.features,)))
    paper: list[Row] = []
    for noise in NOISES:
        key = {"table": 2, "noise": noise, "numbers": job.numbers, "data": read}
        key["device"] = job.device
        seeds = [
            kept(
                job.out / "runs",
                {**key, "seed": seed},
                partial(compare, data, trained, noise, job, seed),
            )
            for seed in range(job.numbers.seeds)
        ]
        for labels in seeds[0]:
            first, second, wrong = zip(*(seed[labels] for seed in seeds), strict=True)
            m1, m2 = PUBLISHED[noise, labels]
            left = 100 * np.mean(wrong)
            paper += [
                {
                    "row": f"{noise}, {labels} labels",
                    "paper": f"M1 {m1:.2f} %, M2 {m2:.2f} %",
                    "ours": f"M1 {percent(first)}, M2 {percent(second)}; {left:.1f} % wrong",
                },
                {
                    "row": f"{noise}, {labels} labels: {'M1' if m1 > m2 else 'M2'} ahead",
                    "paper": f"{abs(m1 - m2):.2f} points",
                    "ours": ordering(*_ahead(first, second, m1 > m2)),
                },
            ]
    return Outcome("Bernhardt et al. 2022, Table 2", paper)


def samples_of(job: Job) -> tuple[Dataset, int]:
    """Return the training set, with the evaluation set behind it, and the size of the former."""
    test = cifar10h(job.data_dir)
    pool = cifar10_training_features(job.data_dir)
    trained = min(job.numbers.samples, len(test))
    if test.features is None:
        raise AssertionError(test.name)
    vectors = np.concatenate([test.features[:trained], pool.features[: job.numbers.tested]])
    labels = np.concatenate([test.truth[:trained], pool.labels[: job.numbers.tested]])
    data = Dataset("cifar10", CIFAR10, certain(labels, len(CIFAR10)), features=centred(vectors))
    return data, trained


def compare(data: Dataset, trained: int, noise: str, job: Job, seed: int) -> Figures:
    """Return by each kind of evaluation labels: accuracy of M1, of M2, share of wrong labels."""
    more: dict[str, Any] = {"sharpness": SHARPNESS} if noise == "IDN" else {}
    given = NOISES[noise](data, generator(seed, "noise"), rate=RATE, **more)
    epochs, model_seed = job.numbers.epochs or None, seed_of(seed, "model")
    first, second, doubts = (
        predicted(
            data, given, trained, (name, {**options, "epochs": epochs}), model_seed, job.device
        )
        for name, options in (M1, M2, SELECTOR)
    )
    noisy, truth = given[trained:], data.truth[trained:]
    order = np.argsort(-SCORES["ce"](initial_counts(noisy, len(CIFAR10)), doubts), kind="stable")
    found = {"noisy": noisy}
    for share in (0.10, 0.20):
        labels = noisy.copy()
        asked = order[: round(share * len(noisy))]
        labels[asked] = truth[asked]  # annotators are unanimous here: a majority is the truth
        found[f"{share * 100:.0f} % cleaned"] = labels
    found["true"] = truth
    return {
        name: [
            float((first.argmax(1) == labels).mean()),
            float((second.argmax(1) == labels).mean()),
            float((labels != truth).mean()),
        ]
        for name, labels in found.items()
    }


def predicted(
    data: Dataset, given: IntArray, trained: int, how: How, seed: int, device: str
) -> Float32Array:
    """Return what a model says of the evaluation set (M, K), trained on the rest's given labels."""
    counts = initial_counts(given, len(data.classes))
    counts[trained:] = 0
    ids = np.arange(len(data), dtype=np.int64)
    name, options = how
    learnt = select(
        name, TrainingData(ids, counts, data.features), options, seed=seed, device=device
    )
    return learnt.posteriors.probs[trained:]


def centred(features: Float32Array) -> Float32Array:
    """Return features (N, D) around 0: their mean says nothing of the classes."""
    moved: Float32Array = (features - features.mean(0)).astype(np.float32)
    return moved


def _ahead(
    first: tuple[float, ...], second: tuple[float, ...], first_leads: bool
) -> tuple[list[float], list[float]]:
    better, worse = (first, second) if first_leads else (second, first)
    return [100 * value for value in better], [100 * value for value in worse]


ENTRY = Entry(
    table2,
    title="Two models by noisy, cleaned and true evaluation labels, 40 % noise",
    published="IDN: noisy labels choose M2, 10 % cleaned and true ones M1; SYM: always M2",
    used="CIFAR-10, 10,000 images trained on, 50,000 evaluated; ResNet-50; BYOL; 3 repeats",
    differs="frozen features instead of ResNet-50 and BYOL; no tanh penalty on the logits",
    small=SMALL["table 2"],
    paper=PAPER["table 2"],
    wants=(CIFAR10H, TRAINING_SET),
    seconds=SECONDS["table 2"],
    lacks=(NETWORKS, BYOL),
)
