"""Khanal's pipeline: keep what noise-robust training selects, then rounds of expert labels.

A network is trained each round on what the way keeps and on what experts said, and on nothing else;
what it says of the rest is what the next round asks by, and its macro F1 is the point of the curve.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Literal

import numpy as np

from relabel.learning.data import Selection, TrainingData
from relabel.learning.selectors.registry import select
from relabel.numerics.diversity.cover import by_coverage
from relabel.numerics.posteriors import entropy
from relabel.numerics.scoring import SCORES
from relabel.simulation.campaign.loop import Queue, Rules, initial_counts, run_campaign
from relabel.simulation.campaign.orders import OrderedQueue
from relabel.simulation.campaign.seeds import generator, seed_of
from relabel.simulation.campaign.two_phase import kept_by_either
from relabel.simulation.campaign.votelog import VoteLog
from relabel.simulation.data.dataset import Dataset, HeldOut
from relabel.simulation.data.noise_models import symmetric
from relabel.simulation.data.sampling import long_tailed
from relabel.simulation.data.sources.arrays import cifar10_training_features
from relabel.simulation.measure.evaluation import macro_f1
from relabel.simulation.papers.parts.data import clean_test_set, from_pool
from relabel.simulation.papers.parts.entry import Job, Numbers
from relabel.simulation.papers.parts.kept import Figures, digest, kept
from relabel.types import BoolArray, IntArray

IMBALANCE = 100
WARM_UP = 10
Start = Literal["kept", "all at first", "nothing", "all"]


@dataclass(frozen=True, slots=True)
class Noise:
    """rate: share of wrong labels. mix: of what is kept, the share that the gradients choose."""

    rate: float
    mix: float


@dataclass(frozen=True, slots=True)
class Way:
    """What is trained on beside the experts' labels, and what is asked.

    start: the labels that phase one keeps; all, until somebody is asked; none; or all, always.
    query: "random", "entropy", "coreset" or a score. leak: kept labels are set right for nothing,
    as the published code does.
    """

    start: Start
    query: str
    selector: str = "vanilla"
    leak: bool = False


WAYS: dict[str, Way] = {
    "CT+VOG, coreset": Way("kept", "coreset"),
    "CT+VOG, entropy": Way("kept", "entropy"),
    "CT+VOG, random": Way("kept", "random"),
    "CT+VOG, entropy, with the leak": Way("kept", "entropy", leak=True),
    "active learning, entropy": Way("nothing", "entropy"),
    "active learning, random": Way("nothing", "random"),
    "CE, entropy": Way("all at first", "entropy"),
    "CE, random": Way("all at first", "random"),
    "ALC with co-teaching": Way("all", "phi", "co_teaching"),
}


@dataclass(frozen=True, slots=True)
class Study:
    """A long-tailed data set, and clean samples to score networks on."""

    data: Dataset
    test: HeldOut
    numbers: Numbers
    noise: Noise
    device: str

    @classmethod
    def of(cls, job: Job, noise: Noise) -> "Study":
        """Take the tail from the first samples of a random order, the test set from all others."""
        pool, numbers = cifar10_training_features(job.data_dir), job.numbers
        test = clean_test_set(job.data_dir, numbers.tested)
        # The tail takes all there is of its first class, so the test set is set apart before.
        left = generator(0, "sample").permutation(len(pool.labels) - numbers.tested)
        left = left[: numbers.samples]
        rows = left[long_tailed(pool.labels[left], IMBALANCE, generator(0, "sample"))]
        return cls(from_pool(pool, rows, "cifar10_long_tailed"), test, numbers, noise, job.device)

    @property
    def digest(self) -> str:
        """Of all samples."""
        if self.data.features is None:
            raise AssertionError(self.data.name)
        return digest(self.data.features, self.data.truth, self.test.features)

    def first_labels(self, seed: int) -> IntArray:
        """Return the (n,) given labels."""
        return symmetric(self.data, generator(seed, "noise"), rate=self.noise.rate)

    def learn(self, selector: str, counts: IntArray, seed: int, **options: float) -> Selection:
        """Train on (n, K) votes; the test set goes along as tasks without votes."""
        if self.data.features is None:
            raise AssertionError(self.data.name)
        vectors = np.concatenate([self.data.features, self.test.features])
        silent = np.zeros((len(self.test.labels), counts.shape[1]), dtype=np.int64)
        ids = np.arange(len(vectors), dtype=np.int64)
        data = TrainingData(ids, np.concatenate([counts, silent]), vectors)
        more: dict[str, Any] = {"epochs": self.numbers.epochs or None, **options}
        return select(selector, data, more, seed=seed_of(seed, "model"), device=self.device)

    def phase_one(self, selector: str, labels: IntArray, seed: int) -> BoolArray:
        """Return which (n,) labels noise-robust training keeps."""
        counts = initial_counts(labels, len(self.data.classes))
        options: dict[str, float] = {"forget_rate": self.noise.rate, "warm_up": WARM_UP}
        if selector == "co_teaching_vog":
            options["mix"] = self.noise.mix
        return kept_by_either(self.learn(selector, counts, seed, **options))[: len(labels)]

    def f1(self, found: Selection) -> float:
        """Return the macro F1 on the test set."""
        guesses = found.posteriors.probs[len(self.data) :].argmax(1)
        return macro_f1(self.test.labels, guesses, len(self.data.classes))


def campaign(study: Study, way: Way, clean: Callable[[], BoolArray], seed: int) -> Figures:
    """Return the macro F1 (rounds + 1,) before anybody is asked and after each round.

    clean: says which (n,) labels phase one keeps.
    """
    n, truth, size = len(study.data), study.data.truth, study.numbers.batch
    nobody = np.zeros(n, dtype=bool)
    kept_rows = clean() if way.start == "kept" else nobody
    labels = study.first_labels(seed)
    given = np.where(kept_rows, truth, labels) if way.leak else labels
    counts = initial_counts(given, len(study.data.classes))
    scores: list[float] = []

    def learn(now: IntArray, asked: BoolArray) -> Selection | None:
        rows = trained_on(way, kept_rows, asked)
        if rows.sum() < len(study.data.classes):
            scores.append(0.0)  # too few to learn from
            return None
        options = {"forget_rate": study.noise.rate} if way.selector == "co_teaching" else {}
        found = study.learn(way.selector, np.where(rows[:, None], now, 0), seed, **options)
        scores.append(study.f1(found))
        return found

    def prioritise(now: IntArray, _: IntArray, pool: BoolArray) -> Queue:
        found = learn(now, ~pool)
        rng = np.random.default_rng([seed_of(seed, "ties"), len(scores)])
        rest = rng.permutation(np.flatnonzero(pool & ~kept_rows))
        return OrderedQueue(rest if found is None else queried(study, way, now, found, rest, pool))

    rules = Rules(study.numbers.rounds * size, "expert", None, update_every=size)
    log = run_campaign(counts, prioritise, lambda task, nth: (int(truth[task]), nth), rules)
    learn(*_after(counts, log))
    return {"macro F1": scores}


def trained_on(way: Way, kept_rows: BoolArray, asked: BoolArray) -> BoolArray:
    """Return (n,) the tasks whose labels are trained on."""
    if way.start == "all" or (way.start == "all at first" and not asked.any()):
        return np.ones_like(asked)
    return kept_rows | asked


def queried(
    study: Study, way: Way, now: IntArray, found: Selection, rest: IntArray, pool: BoolArray
) -> IntArray:
    """Return the rows of `rest`, in random order, in the order in which they are asked."""
    probs = found.posteriors.probs[: len(now)].astype(np.float64)
    if way.query == "random" or not len(rest):
        return rest
    if way.query not in ("entropy", "coreset"):
        score = SCORES[way.query](now, probs)
        return rest[np.argsort(-score[rest], kind="stable")]
    score = entropy(probs)
    ranked: IntArray = rest[np.argsort(-score[rest], kind="stable")]
    if way.query == "entropy" or study.data.features is None:
        return ranked
    covered = np.ones(len(now), dtype=bool)
    covered[rest] = False
    size = min(study.numbers.batch, len(rest))
    return by_coverage(score, ranked, size, vectors=study.data.features, covered=covered | ~pool)


def clean_reference(study: Study, seed: int) -> Figures:
    """Return the macro F1 of a network that learns all true labels."""
    counts = initial_counts(study.data.truth, len(study.data.classes))
    return {"macro F1": [study.f1(study.learn("vanilla", counts, seed))]}


def campaigns_of(job: Job, noise: Noise) -> tuple[dict[str, list[Figures]], list[Figures]]:
    """Return the curves of every way and the clean reference, seed by seed."""
    study, folder, seeds = Study.of(job, noise), job.out / "runs", range(job.numbers.seeds)
    phase_one = cache(
        lambda seed: study.phase_one("co_teaching_vog", study.first_labels(seed), seed)
    )
    key = {"noise": noise, "numbers": job.numbers, "data": study.digest, "device": job.device}
    found = {
        name: [
            kept(
                folder,
                {**key, "way": name, "seed": seed},
                partial(campaign, study, way, partial(phase_one, seed), seed),
            )
            for seed in seeds
        ]
        for name, way in WAYS.items()
    }
    clean = [
        kept(folder, {**key, "way": "clean", "seed": seed}, partial(clean_reference, study, seed))
        for seed in seeds
    ]
    return found, clean


def _after(counts: IntArray, log: VoteLog) -> tuple[IntArray, BoolArray]:
    """Return votes (n, K) and (n,) who was asked, at the end."""
    now, asked = counts.copy(), np.zeros(len(counts), dtype=bool)
    tasks = np.asarray(log.tasks, dtype=np.int64)
    now[tasks] = 0
    now[tasks, np.asarray(log.labels, dtype=np.int64)] = 2
    asked[tasks] = True
    return now, asked
