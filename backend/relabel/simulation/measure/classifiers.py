"""How good a classifier becomes when it learns from the labels of a campaign."""

from dataclasses import dataclass

import numpy as np

from relabel.learning.data import TrainingData
from relabel.learning.selectors.registry import select
from relabel.simulation.data.dataset import Dataset, HeldOut
from relabel.simulation.measure.curves import Visits, final_labels
from relabel.simulation.measure.evaluation import macro_f1
from relabel.types import BoolArray, IntArray


@dataclass(frozen=True, slots=True)
class Score:
    """On held-out samples with true labels: accuracy and macro F1, in [0, 1]."""

    accuracy: float
    macro_f1: float


def classify(
    selector: str, data: Dataset, labels: IntArray, test: HeldOut, seed: int, device: str = "cpu"
) -> Score:
    """Train a production selector on `labels` (N,), -1 = unlabelled, and score it on `test`.

    The held-out samples go along as tasks without votes, which no selector learns from.
    """
    k, n = len(data.classes), len(data)
    counts = np.zeros((n + len(test.labels), k), dtype=np.int64)
    known = np.flatnonzero(labels >= 0)
    counts[known, labels[known]] = 1
    if data.features is None:
        raise AssertionError(data.name)
    vectors = np.concatenate([data.features, test.features]).astype(np.float32)
    ids = np.arange(len(counts), dtype=np.int64)
    learnt = select(selector, TrainingData(ids, counts, vectors), {}, seed=seed, device=device)
    predicted = learnt.posteriors.probs[n:].argmax(1)
    return Score(float((predicted == test.labels).mean()), macro_f1(test.labels, predicted, k))


def labels_after(visits: Visits, initial: IntArray, votes: int) -> IntArray:
    """Return the (N,) labels after `votes` votes of a campaign."""
    early = visits.ends <= votes
    return final_labels(_first(visits, early), initial)


def _first(visits: Visits, keep: BoolArray) -> Visits:
    return Visits(
        visits.ends[keep],
        visits.tasks[keep],
        visits.before[keep],
        visits.after[keep],
        visits.audit[keep],
    )
