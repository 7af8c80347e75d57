"""How many votes a task needs until its consensus settles."""

import math

import numpy as np

from relabel.numerics.posteriors import normalise
from relabel.types import BoolArray, FloatArray, IntArray

BLOCK = 16_384
"""Rows worked on at once, so that the polynomials stay in the processor's cache."""


def expected_votes(probs: FloatArray, counts: IntArray, *, terms: int | None = None) -> FloatArray:
    """Expected number of further votes until a strict majority of at least two votes.

    With votes drawn independently from `probs`, a tie lasts only while every vote falls on a class
    not drawn before, so E = 1 + sum_m m! e_m, where e_m is the m-th elementary symmetric polynomial
    of the probabilities of the classes that are not at the top already.

    Args:
        probs: (N, K) probabilities that votes are drawn from; rows sum to 1.
        counts: (N, K) votes so far. Exact where no class has more than one vote (an untouched
            task, or one whose votes all differ); elsewhere only classes one vote below the top can
            prolong the tie, and ties of ties are counted approximately.
        terms: Keep only this many terms of the sum (the oracle of Bernhardt et al. 2022 as
            published keeps 3). None keeps all that matter.

    Returns:
        (N,) votes, >= 1. An unlabelled task needs at least two, counting its first.
    """
    free = probs * _can_prolong(counts)
    longest = free.shape[1]
    # Beyond about 9 sqrt(K) draws a repeat is certain to double precision (the birthday bound).
    kept = min(longest, math.ceil(9 * math.sqrt(longest))) if terms is None else terms
    blocks = [
        1 + _distinct_draws(free[start : start + BLOCK], kept)
        for start in range(0, len(free), BLOCK)
    ]
    return np.concatenate(blocks) if blocks else np.zeros(0)


def _can_prolong(counts: IntArray) -> BoolArray:
    """(N, K) classes whose vote leaves the task undecided."""
    normalise(counts)
    top = counts.max(axis=1, keepdims=True)
    tied = (counts == top).sum(axis=1, keepdims=True) > 1
    below = counts < top
    # A single top class is caught up only from one vote below; a tie lasts through any other vote.
    return np.asarray(np.where(top == 0, True, below & (tied | (counts == top - 1))))


def _distinct_draws(free: FloatArray, terms: int) -> FloatArray:
    """(n,) sum of m! e_m for m = 1..terms: the expected length of a run of new, free classes."""
    polynomials = np.zeros((terms + 1, len(free)))
    polynomials[0] = 1
    m = np.arange(1, terms + 1)[:, None]
    for column in free.T:
        polynomials[1:] += m * column * polynomials[:-1]
    return np.asarray(polynomials[1:].sum(0))
