"""What a campaign achieved: the figures that tables, plots and reports show."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata, t

from relabel.simulation.campaign.votelog import VoteLog
from relabel.simulation.data.dataset import Dataset
from relabel.simulation.data.sampling import ambiguous
from relabel.simulation.measure.curves import Visits
from relabel.types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Remaining:
    """What is left to clean. clear, ambiguous: wrong labels of each kind, samples.

    total_variation: mean over samples of 0.5 * sum |vote shares - true distribution|, in [0, 1].
    """

    clear: int
    ambiguous: int
    total_variation: float


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95 % confidence interval over n seeds."""

    mean: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Alone:
    """The tasks whose label rests on one person and the model, M of them.

    believed: (M,) of the label, in [0, 1], when it was settled. changed: (M,) whether it is another
    than the old label. right: (M,).
    """

    believed: FloatArray
    changed: BoolArray
    right: BoolArray


def remaining(data: Dataset, labels: IntArray, counts: IntArray) -> Remaining:
    """Return what is still wrong; labels: (N,), counts: (N, K) at that time."""
    wrong = labels != data.truth
    hard = ambiguous(data)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    return Remaining(
        clear=int((wrong & ~hard).sum()),
        ambiguous=int((wrong & hard).sum()),
        total_variation=float(0.5 * np.abs(shares - data.distributions).sum(1).mean()),
    )


def selection_precision(visits: Visits, truth: IntArray, first: int) -> float:
    """Return the share of the `first` visits whose label was wrong when it was asked (Kim 2022).

    1 = every question was worth asking. NaN if nothing was visited.
    """
    wrong = (visits.before != truth[visits.tasks])[:first]
    return float(wrong.mean()) if len(wrong) else float("nan")


def settled_by_one(log: VoteLog, initial: IntArray, truth: IntArray) -> Alone:
    """Return what one person and the model settled; initial, truth: (N,) labels.

    Where votes alone settle there is nothing.
    """
    tasks = np.asarray(log.tasks, dtype=np.int64)
    once = np.bincount(tasks, minlength=len(truth))[tasks] == 1
    alone = np.asarray(log.settled, dtype=bool) & once[: len(log.settled)]
    mine, shown = tasks[alone], np.asarray(log.shown, dtype=np.int64)[alone]
    believed = np.asarray(log.believed, dtype=np.float64)[alone]
    return Alone(believed, shown != initial[mine], shown == truth[mine])


def auroc(scores: FloatArray, positive: BoolArray) -> float:
    """Return the probability that a positive scores above a negative, ties counted half.

    scores and positive: (N,). NaN if one of the two kinds is missing.
    """
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        return float("nan")
    ranks = rankdata(scores)[positive].sum()
    return float((ranks - positives * (positives + 1) / 2) / (positives * negatives))


def relative_area(area: float, random: float, oracle: float) -> float:
    """Return where an area lies between random order (0) and the oracle's (1)."""
    return (area - random) / (oracle - random) if oracle != random else float("nan")


def area_gain(area: float, initial: float, minimal: float) -> float:
    """Return where an area lies between no cleaning (0) and the least possible effort (1)."""
    return (area - initial) / (minimal - initial) if minimal != initial else float("nan")


def macro_f1(truth: IntArray, predicted: IntArray, classes: int) -> float:
    """Return the mean over classes of F1, in [0, 1]; a class that never occurs counts 0."""
    hits = np.bincount(truth[truth == predicted], minlength=classes)
    total = np.bincount(truth, minlength=classes) + np.bincount(predicted, minlength=classes)
    return float((2 * hits / np.maximum(total, 1)).mean())


def paired_difference(ours: FloatArray, theirs: FloatArray) -> Interval:
    """Return the mean of ours - theirs over seeds, (n,) each, by Student's t on the differences."""
    differences = np.asarray(ours, dtype=np.float64) - theirs
    n, mean = len(differences), float(differences.mean())
    if n < 2:
        return Interval(mean, float("nan"), float("nan"), n)
    half = float(t.ppf(0.975, n - 1) * differences.std(ddof=1) / np.sqrt(n))
    return Interval(mean, mean - half, mean + half, n)
