"""How many labels are wrong, and which class is taken for which."""

from dataclasses import dataclass

import numpy as np

from relabel.errors import NotReadyError
from relabel.numerics.labels import among_likeliest
from relabel.numerics.posteriors import marginalise
from relabel.types import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its central interval: `level` is the chance that low <= truth <= high."""

    value: float
    low: float
    high: float
    level: float


def doubt(labels: IntArray, probs: FloatArray) -> FloatArray:
    """Return (N,) 1 - p[label] in [0, 1], how improbable the label is; NaN without one.

    Args:
        labels: (N,) -1 = none.
        probs: (N, K) out-of-fold probabilities.
    """
    mine = np.take_along_axis(marginalise(probs), labels[:, None], axis=1)[:, 0]
    return np.where(labels >= 0, 1 - mine, np.nan)


def confident_joint(given: IntArray, probs: FloatArray) -> IntArray:
    """Return (K, K) how many tasks labelled g are confidently of class t, at [t, g].

    A task belongs to the likeliest class whose probability reaches that class' average over the
    tasks that carry its label (Northcutt et al. 2021, Eq. 1); tasks that reach none are left out.
    Of several equally likely classes its own label is believed.

    Args:
        given: (N,) labels, -1 = none.
        probs: (N, K) out-of-fold probabilities.
    """
    labelled = given >= 0
    labels, p = given[labelled], marginalise(probs)[labelled]
    classes = probs.shape[-1]
    sizes = np.bincount(labels, minlength=classes)
    own = np.bincount(labels, weights=p[np.arange(len(p)), labels], minlength=classes)
    thresholds = np.where(sizes > 0, own / np.maximum(sizes, 1), np.inf)
    # The published method compares within a rounding error of the threshold.
    confident = p >= thresholds - 1e-6
    counted = confident.any(axis=1)
    reached = np.where(confident, p, -1.0)
    true = np.where(among_likeliest(reached, labels), labels, reached.argmax(1))
    joint = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(joint, (true[counted], labels[counted]), 1)
    return joint


def noise_matrix(given: IntArray, probs: FloatArray) -> FloatArray:
    """Return T (K, K) = P(given | true), rows (true classes) sum to 1.

    The confident joint, scaled so that every label keeps its share of the tasks (Northcutt et al.
    2021, Eq. 3). A class that no task is confidently of keeps its labels: its row is the identity.
    """
    joint = _calibrated(given, confident_joint(given, probs))
    totals = joint.sum(1, keepdims=True)
    return np.where(totals > 0, joint / np.where(totals > 0, totals, 1), np.eye(len(joint)))


def audited_noise_rate(wrong: BoolArray, *, level: float = 0.95) -> Estimate:
    """Estimate the share of wrong labels from tasks drawn at random and settled by people.

    Unbiased whatever the model thinks; the interval is Jeffreys'.

    Args:
        wrong: (m,) whether the label of each audited task was wrong.
        level: Of the interval.

    Raises:
        NotReadyError: Nothing was audited.
    """
    from scipy.special import betaincinv

    m, found = len(wrong), int(wrong.sum())
    if m == 0:
        raise NotReadyError("No task was audited yet: set a random audit share above 0.")
    tail = (1 - level) / 2
    low = 0.0 if found == 0 else float(betaincinv(found + 0.5, m - found + 0.5, tail))
    high = 1.0 if found == m else float(betaincinv(found + 0.5, m - found + 0.5, 1 - tail))
    return Estimate(found / m, low, high, level)


def _calibrated(given: IntArray, joint: IntArray) -> FloatArray:
    """Scale the columns (labels) of a confident joint to the number of tasks that carry them."""
    sizes = np.bincount(given[given >= 0], minlength=len(joint)).astype(np.float64)
    confident = joint.sum(0)
    scaled = joint * (sizes / np.maximum(confident, 1))
    # Labels that no class claims confidently are taken at their word.
    return np.asarray(scaled + np.diag(np.where(confident == 0, sizes, 0.0)))
