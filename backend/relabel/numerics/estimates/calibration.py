"""Are the probabilities as right as they claim to be? Temperature, and reliability by bins.

A temperature hardly changes which tasks come first, but reorders the tail, and the numbers shown to
people mean nothing without it. Fit it on out-of-fold posteriors: in-sample ones claim too much.
"""

from dataclasses import dataclass

import numpy as np

from relabel.errors import NotReadyError
from relabel.numerics.labels import EQUAL
from relabel.numerics.posteriors import logarithm, marginalise, normalise
from relabel.types import FloatArray, IntArray

COLDEST, HOTTEST = 0.05, 20.0
"""Temperatures outside are errors of the model, not of its calibration."""


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


def fit_temperature(probs: FloatArray, counts: IntArray) -> float:
    """Return the temperature in [0.05, 20] that makes the votes likeliest; 1 = calibrated.

    Above 1 the probabilities were too confident (Guo et al. 2017, 4.2).

    Args:
        probs: (N, K) out-of-fold probabilities.
        counts: (N, K) votes; rows without votes are left out.

    Raises:
        NotReadyError: No task has votes.
        InvalidValuesError: See `marginalise`.
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import logsumexp

    voted = counts.any(axis=1)
    if not voted.any():
        raise NotReadyError("No task has a vote yet: label some before calibrating.")
    logs, q = logarithm(marginalise(probs)[voted]), normalise(counts[voted])
    # Only two sums depend on the temperature; the first is linear in its inverse.
    aligned = float(np.einsum("nk,nk->", q, logs))

    def loss(log_temperature: float) -> float:
        inverse = np.exp(-log_temperature)
        return float(logsumexp(logs * inverse, axis=1).sum() - aligned * inverse)

    bounds = (np.log(COLDEST), np.log(HOTTEST))
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


def apply_temperature(probs: FloatArray, temperature: float) -> FloatArray:
    """Return (N, K) probabilities raised to 1 / temperature and normalised."""
    from scipy.special import logsumexp

    logs = logarithm(marginalise(probs)) / temperature
    return np.asarray(np.exp(logs - logsumexp(logs, axis=1, keepdims=True)))


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
