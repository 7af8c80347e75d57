"""Diffusion of a field, one value per task, over the affinity graph.

Explicit Euler steps e <- (1 - delta) e + delta P e with P = D^-1 A (Kim 2022, Eqs. 5 to 8).
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from relabel.types import IntArray

Field = npt.NDArray[np.floating[Any]]


def transition(graph: sp.csr_array) -> sp.csr_array:
    """Return P (N, N): the graph with rows that sum to 1; a task without neighbours keeps itself.

    Args:
        graph: (N, N) symmetric non-negative affinity, CSR.
    """
    degree = np.asarray(graph.sum(axis=1)).ravel()
    alone = degree <= 0
    inverse = np.where(alone, 0, 1 / np.where(alone, 1, degree)).astype(graph.dtype)
    scaled = sp.csr_array(graph)
    scaled.data = graph.data * np.repeat(inverse, np.diff(graph.indptr))
    return (scaled + sp.diags_array(alone.astype(graph.dtype))).tocsr() if alone.any() else scaled


def diffuse(
    field: Field,
    walk: sp.csr_array,
    *,
    delta: float = 0.1,
    steps: int = 10,
    clamped: IntArray | None = None,
) -> Field:
    """Return the field (N,) after some Euler steps.

    Args:
        field: (N,) to start from, left as it is.
        walk: P of `transition`.
        delta: Length of a step; at most 1, so that each step averages and stays non-negative.
        steps: How many.
        clamped: Rows held at zero before every step (Kim 2022, Algorithm 1, lines 17 to 20) and
            after the last one, which would refill them.
    """
    after = field.copy()
    step = walk * np.asarray(delta, dtype=walk.dtype)
    for _ in range(steps):
        euler_step(after, step, delta, clamped)
    if clamped is not None:
        after[clamped] = 0
    return after


def euler_step(field: Field, step: sp.csr_array, delta: float, clamped: IntArray | None) -> None:
    """One step in place; `step` is delta P."""
    if clamped is not None:
        field[clamped] = 0
    gained = step @ field
    field *= 1 - delta
    field += gained
