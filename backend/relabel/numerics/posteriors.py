"""Distributions over classes: their checks, and the two quantities that every score is made of."""

from typing import Any

import numpy as np
import numpy.typing as npt

from relabel.errors import InvalidValuesError
from relabel.types import ROW_SUM_TOLERANCE, FloatArray, IntArray

Probs = npt.NDArray[np.floating[Any]]

LOG_FLOOR = 1e-12
"""Smallest probability whose logarithm is taken: an "impossible" label costs 27.631 nats."""


def check_probs(probs: Probs) -> FloatArray:
    """Return `probs` as float64 with rows that sum to 1.

    Args:
        probs: (..., K) probabilities, K >= 2, each row summing to 1 within `ROW_SUM_TOLERANCE`.

    Raises:
        InvalidValuesError: Not an array of rows, fewer than two classes, a value that is negative
            or not finite, or a row that does not sum to 1. The message counts the bad rows.
    """
    return np.asarray(probs / row_sums(probs)[..., None], dtype=np.float64)


def row_sums(probs: Probs) -> FloatArray:
    """Return (...,) the sums of the rows of `probs`, after the checks of `check_probs`."""
    if np.ndim(probs) < 2:
        raise InvalidValuesError(f"probs has shape {np.shape(probs)}; expected (..., N, K).")
    classes = probs.shape[-1]
    if classes < 2:
        raise InvalidValuesError(
            f"probs has {classes} class(es); at least two are needed to score labels."
        )
    # A matrix product is several times faster than sum(-1) when K is small; NaN and inf survive it.
    sums = np.asarray(probs @ np.ones(classes, dtype=probs.dtype), dtype=np.float64)
    bad = ~(np.abs(sums - 1) <= ROW_SUM_TOLERANCE)
    if bad.any() or probs.min(initial=0) < 0:
        bad |= (probs < 0).any(-1)
        rows = np.unique(np.nonzero(bad)[-1])
        raise InvalidValuesError(
            f"probs has {len(rows)} rows that are not distributions (negative, not finite, or not "
            f"summing to 1 within {ROW_SUM_TOLERANCE}); first rows: {rows[:5].tolist()}."
        )
    return sums


def marginalise(probs: Probs) -> FloatArray:
    """Average the probabilities of passes and ensemble members.

    Args:
        probs: (N, K), (T, N, K) or (T, M, N, K) probabilities; T stochastic passes (MC dropout or
            test-time augmentation), M ensemble members.

    Returns:
        (N, K) float64, rows sum to 1: the mean of probabilities, not of logits (Bernhardt et al.
        2022, Methods).

    Raises:
        InvalidValuesError: See `check_probs`; or another number of dimensions.
    """
    each = members(probs)
    return each[0] if len(each) == 1 else np.asarray(each.mean(0))


def members(probs: Probs) -> FloatArray:
    """Return the checked (S, N, K) distributions of all S = T * M passes and ensemble members."""
    check_dimensions(probs)
    checked = check_probs(probs)
    return checked.reshape(int(np.prod(checked.shape[:-2])), *checked.shape[-2:])


def check_dimensions(probs: Probs) -> None:
    """Raise unless `probs` is (N, K), (T, N, K) or (T, M, N, K)."""
    if not 2 <= np.ndim(probs) <= 4:
        raise InvalidValuesError(
            f"probs has shape {np.shape(probs)}; expected (N, K), (T, N, K) or (T, M, N, K)."
        )


def normalise(counts: IntArray) -> FloatArray:
    """Return q (N, K): each task's votes as shares that sum to 1, or zeros where it has none.

    Raises:
        InvalidValuesError: `counts` is not (N, K) or holds a negative count.
    """
    check_counts(counts)
    totals = counts @ np.ones(counts.shape[1])
    return np.asarray(counts / np.maximum(totals, 1)[:, None])


def check_counts(counts: IntArray) -> None:
    """Raise unless `counts` is (N, K) and holds no negative count."""
    if counts.ndim != 2 or counts.min(initial=0) < 0:
        raise InvalidValuesError(
            f"counts has shape {counts.shape} and smallest value {counts.min(initial=0)}; "
            "expected (N, K) sums of votes."
        )


def logarithm(p: FloatArray) -> FloatArray:
    """Return ln p, floored at `LOG_FLOOR` and never positive."""
    clipped = np.clip(p, LOG_FLOOR, 1.0)
    return np.asarray(np.log(clipped, out=clipped))


def cross_entropy(q: FloatArray, p: FloatArray) -> FloatArray:
    """Return CE = -sum_c q_c ln p_c in nats, (N,), in [0, 27.631] (Bernhardt et al. 2022, Eq. 3).

    Args:
        q: (N, K) vote shares. A row of zeros gives 0.
        p: (N, K) probabilities.
    """
    return np.asarray(0.0 - np.einsum("nk,nk->n", q, logarithm(p)))


def entropy(p: FloatArray) -> FloatArray:
    """Return H = -sum_c p_c ln p_c in nats, (...,), in [0, ln K] (Bernhardt et al. 2022, Eq. 4)."""
    return np.asarray(0.0 - np.einsum("...k,...k->...", p, logarithm(p)))
