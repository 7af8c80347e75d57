"""Kim's protocol (section 4): 80 % wrong labels, rounds of training and of asking an expert."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from relabel.learning.data import Selection, TrainingData
from relabel.learning.selectors.registry import select
from relabel.numerics.diversity.spread import Surroundings
from relabel.simulation.campaign.loop import Queue, Rules, initial_counts, run_campaign
from relabel.simulation.campaign.orders import OrderedQueue
from relabel.simulation.campaign.seeds import generator, seed_of
from relabel.simulation.data.dataset import Dataset
from relabel.simulation.data.noise_models import class_symmetry, symmetric
from relabel.simulation.data.sources.arrays import cifar10_training_features
from relabel.simulation.measure.curves import visits_of
from relabel.simulation.papers.kim2022.ways import WAYS, Round, Way
from relabel.simulation.papers.parts.data import from_pool, test_images
from relabel.simulation.papers.parts.entry import Job, Numbers
from relabel.simulation.papers.parts.kept import Figures, digest, kept
from relabel.types import BoolArray, Float32Array, IntArray

RATE = 0.8
RATES = (0.02, 0.05, 0.1)
"""Learning rates tried, the same for every way."""

PILOT = 100
"""The seed of the labels by which rates are chosen; it is none of those reported."""

BATCH_SIZE = 512
UNLABELLED = "unlabelled"
"""Instead of noise: one batch of right labels, and none on the others."""

USED = (
    "CIFAR-10, CIFAR-100, Fashion-MNIST, Caltech-256; four layers on a frozen ResNet-101; "
    "1,000 labels 15 times; 10 repeats"
)
DIFFERS = "CIFAR-10 alone; one hidden layer on 512 frozen dimensions; 15 epochs, the paper has none"
LACKS = (
    "CIFAR-100, Fashion-MNIST and Caltech-256, which torchvision fetches",
    "vectors of a ResNet-101, for which a GPU helps; torchvision has its weights",
)


@dataclass(frozen=True, slots=True)
class Study:
    """The tasks, with the test images behind them. vectors: (n + M, D); test: (M,) true classes."""

    data: Dataset
    vectors: Float32Array
    test: IntArray
    surroundings: Surroundings
    numbers: Numbers
    device: str

    @classmethod
    def of(cls, job: Job) -> "Study":
        """Read the first tasks of a random order, the same for all seeds."""
        pool = cifar10_training_features(job.data_dir)
        test = test_images(job.data_dir, job.numbers.tested)
        rows = generator(0, "sample").permutation(len(pool.labels))[: job.numbers.samples]
        data = from_pool(pool, rows, "cifar10")
        vectors = np.concatenate([pool.features[rows], test.features])
        around = Surroundings(data.features, seed_of(0, "model"))
        return cls(data, vectors, test.labels, around, job.numbers, job.device)

    def first_labels(self, noise: str, seed: int) -> IntArray:
        """Return the (n,) labels before anybody is asked, -1 = none."""
        rng = generator(seed, "noise")
        if noise == UNLABELLED:
            known = rng.permutation(len(self.data))[: self.numbers.batch]
            labels = np.full(len(self.data), -1, dtype=np.int64)
            labels[known] = self.data.truth[known]
            return labels
        return NOISES[noise](self.data, rng, rate=RATE)

    def learn(self, way: Way, counts: IntArray, rate: float, seed: int) -> Selection:
        """Train on (n, K) votes; a label that an expert gave has two."""
        options: dict[str, Any] = {"learning_rate": rate, "batch_size": BATCH_SIZE}
        options |= way.options | {"epochs": self.numbers.epochs or None}
        silent = np.zeros((len(self.test), counts.shape[1]), dtype=np.int64)
        data = TrainingData(
            np.arange(len(self.vectors)), np.concatenate([counts, silent]), self.vectors
        )
        if way.detector is not None:
            found = select(way.detector, data, {}, seed=seed, device=self.device)
            data = data.with_counts(np.where(believed(found, data)[:, None], data.counts, 0))
        return select(way.selector, data, options, seed=seed, device=self.device)


NOISES = {"uniform": symmetric, "class symmetry": class_symmetry}


def believed(found: Selection, data: TrainingData) -> BoolArray:
    """Return which labels a detector leaves: what experts said, and as many others as are right."""
    if found.contribution is None:
        raise AssertionError(found.record)
    given = np.flatnonzero(data.counts.sum(1) == 1)
    best = given[np.argsort(-found.contribution[given], kind="stable")]
    clean = data.settled.copy()
    clean[best[: round((1 - RATE) * len(given))]] = True
    return clean


def rate_of(study: Study, way: Way, noise: str) -> float:
    """Return the learning rate that predicts held-out given labels best, before any question.

    A tenth of the given, noisy labels of the pilot seed is held out; no true label is looked at.
    """
    labels = study.first_labels(noise, PILOT)
    given = np.flatnonzero(labels >= 0)
    held = generator(PILOT, "sample").permutation(given)[: max(1, len(given) // 10)]
    counts = initial_counts(labels, len(study.data.classes))
    counts[held] = 0

    def agreement(rate: float) -> float:
        probs = study.learn(way, counts, rate, seed_of(PILOT, "model")).posteriors.probs
        return float((probs[held].argmax(1) == labels[held]).mean())

    return max(RATES, key=agreement)


def campaign(study: Study, way: Way, noise: str, rate: float, seed: int) -> Figures:
    """Return accuracy (rounds + 1,), and the share of wrong among the labels asked for so far."""
    labels = study.first_labels(noise, seed)
    counts = initial_counts(labels, len(study.data.classes))
    truth, size = study.data.truth, study.numbers.batch
    accuracy: list[float] = []

    def learn(now: IntArray) -> Selection:
        found = study.learn(way, now, rate, seed_of(seed, "model"))
        guesses = found.posteriors.probs[len(truth) :].argmax(1)
        accuracy.append(float((guesses == study.test).mean()))
        return found

    def prioritise(now: IntArray, _: IntArray, pool: BoolArray) -> Queue:
        rng = np.random.default_rng([seed_of(seed, "ties"), len(accuracy)])
        graph = study.surroundings.graph
        return OrderedQueue(way.pick(Round(now, pool, learn(now), size, graph, rng)))

    rules = Rules(study.numbers.rounds * size, "expert", None, update_every=size)
    log = run_campaign(counts, prioritise, lambda task, nth: (int(truth[task]), nth), rules)
    visits = visits_of(log, counts, rules)
    counts[visits.tasks] = 0
    counts[visits.tasks, visits.after] = 2
    learn(counts)
    wrong = (visits.before != truth[visits.tasks]).cumsum() / np.arange(1, len(visits.tasks) + 1)
    return {"accuracy": accuracy, "wrong": wrong[size - 1 :: size].tolist()}


def campaigns_of(job: Job, names: tuple[str, ...], noise: str) -> dict[str, list[Figures]]:
    """Return the campaigns of each way, seed by seed, and write down the rates that were chosen."""
    study, found = Study.of(job), {}
    data = digest(study.vectors, study.data.truth, study.test)
    for name in names:
        way = WAYS[name]
        key: dict[str, Any] = {"way": name, "options": way.options, "noise": noise, "data": data}
        key |= {"numbers": job.numbers, "device": job.device}
        chosen = kept(
            job.out / "runs",
            {**key, "rates": RATES},
            partial(_chosen, study, way, noise),
        )
        (rate,) = chosen["learning rate"]
        job.console.print(f"{name}, {noise}: learning rate {rate:g}", highlight=False)
        found[name] = [
            kept(
                job.out / "runs",
                {**key, "rate": rate, "seed": seed},
                partial(campaign, study, way, noise, rate, seed),
            )
            for seed in range(job.numbers.seeds)
        ]
    return found


def _chosen(study: Study, way: Way, noise: str) -> Figures:
    return {"learning rate": [rate_of(study, way, noise)]}
