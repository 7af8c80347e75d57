"""Are the probabilities as right as they claim to be? Reliability by bins."""

from dataclasses import dataclass

import numpy as np

from relabel.numerics.labels import EQUAL
from relabel.numerics.posteriors import marginalise, normalise
from relabel.types import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Reliability:
    """Confidence against accuracy in bins of equal width over [0, 1].

    edges: (B + 1,); confidence, accuracy: (B,) means, NaN in empty bins; tasks: (B,) counts.
    error: the expected calibration error, in [0, 1], 0 = perfect: mean |accuracy - confidence|
    weighted by tasks.
    """

    edges: FloatArray
    confidence: FloatArray
    accuracy: FloatArray
    tasks: IntArray
    error: float


def reliability(probs: FloatArray, counts: IntArray, *, bins: int = 15) -> Reliability:
    """Compare how sure the largest probability is with the share of votes it gets.

    Where several classes share it, that is the mean of their shares.

    Args:
        probs: (N, K) probabilities.
        counts: (N, K) votes; rows without votes are left out.
        bins: How many, of equal width.
    """
    voted = counts.any(axis=1)
    p, q = marginalise(probs)[voted], normalise(counts[voted])
    confidence = p.max(1)
    likeliest = p >= confidence[:, None] - EQUAL
    right = (q * likeliest).sum(1) / likeliest.sum(1)
    # The lowest bin is closed below, all others above, as (0.2, 0.4].
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    tasks = np.bincount(place, minlength=bins)
    shown = np.where(tasks > 0, tasks, np.nan)
    sure = np.bincount(place, weights=confidence, minlength=bins) / shown
    accuracy = np.bincount(place, weights=right, minlength=bins) / shown
    gaps = np.nan_to_num(np.abs(accuracy - sure)) * tasks
    error = float(gaps.sum() / max(tasks.sum(), 1))
    edges = np.linspace(0.0, 1.0, bins + 1, dtype=np.float64)
    return Reliability(edges, sure, accuracy, tasks, error)
