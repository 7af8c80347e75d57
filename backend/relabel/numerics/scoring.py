"""Which label to check first: every score of one task is a number, higher = relabel sooner.

A score is a function `score(counts, probs, **options) -> (N,)` of

* counts: (N, K) votes per class, the initial label included; a zero row is unlabelled;
* probs: (N, K), (T, N, K) or (T, M, N, K) class probabilities, averaged by `marginalise`;

and depends, `random` excepted, on a task's own row alone: one vote changes one score. Scores that
compare a label with the posterior place unlabelled tasks below every labelled one, the most
uncertain first; the others (`entropy`, `margin`, `least_conf`, `bald`, `activelab`, `random`) treat
them like any task. All raise `InvalidValuesError` for arrays that break their contract.
"""

from collections.abc import Callable

import numpy as np

from relabel.errors import InvalidValuesError
from relabel.numerics.expected_votes import expected_votes
from relabel.numerics.posteriors import (
    LOG_FLOOR,
    Probs,
    check_counts,
    check_dimensions,
    check_probs,
    cross_entropy,
    entropy,
    logarithm,
    marginalise,
    members,
    normalise,
    row_sums,
)
from relabel.types import FloatArray, IntArray

__all__ = ["SCORES", "Score", "check_probs", "cross_entropy", "entropy", "marginalise", "normalise"]

Score = Callable[..., FloatArray]

BLOCK = 8192
"""Rows scored at once, so that intermediate arrays stay in the processor's cache."""

CE_CAP = -float(np.log(LOG_FLOOR))
"""Largest cross-entropy, 27.631 nats: a label that the posterior holds impossible."""


def phi(counts: IntArray, probs: Probs) -> FloatArray:
    """CE(q, p) - H(p) in nats, in [-ln K, 27.631]: mislabelled and easy first.

    Bernhardt et al. 2022, Eq. 2. Negative for right labels of which the posterior is not certain.
    """

    # One logarithm serves both terms: sum_c (p_c - q_c) ln p_c.
    def formula(votes: IntArray, p: FloatArray) -> FloatArray:
        return np.asarray(np.einsum("nk,nk->n", p - normalise(votes), logarithm(p)))

    return _rows(formula, counts, probs, lowest=-np.log(counts.shape[-1]))


def phi_hinge(counts: IntArray, probs: Probs, *, gamma: float = 0.30) -> FloatArray:
    """CE - max(0, H - gamma), logarithms to base K: entropy counts only beyond `gamma`.

    What the published code of Bernhardt et al. 2022 computes in place of Eq. 2.
    """
    base = np.log(counts.shape[-1])

    def formula(votes: IntArray, p: FloatArray) -> FloatArray:
        loss = cross_entropy(normalise(votes), p) / base
        return np.asarray(loss - np.maximum(0, entropy(p) / base - gamma))

    return _rows(formula, counts, probs, lowest=-1.0)


def ce(counts: IntArray, probs: Probs) -> FloatArray:
    """CE(q, p) in nats, in [0, 27.631] (Bernhardt et al. 2022, Eq. 3)."""

    def formula(votes: IntArray, p: FloatArray) -> FloatArray:
        return cross_entropy(normalise(votes), p)

    return _rows(formula, counts, probs, lowest=0.0)


def tiered_phi(counts: IntArray, probs: Probs) -> FloatArray:
    """Tasks whose likeliest class is not their label, by phi; below them all others, by CE.

    In [0, 2 * 27.631 + ln K + 1]; phi is shifted to lie above every cross-entropy.
    """
    shift = np.log(counts.shape[-1]) + CE_CAP + 1

    def formula(votes: IntArray, p: FloatArray) -> FloatArray:
        loss = cross_entropy(normalise(votes), p)
        disagree = p.argmax(1) != votes.argmax(1)
        return np.where(disagree, loss - entropy(p) + shift, loss)

    return _rows(formula, counts, probs, lowest=0.0)


def uncertainty(counts: IntArray, probs: Probs) -> FloatArray:
    """H(p) in nats, in [0, ln K]: ambiguous first, whatever the label says."""
    return _rows(lambda _, p: entropy(p), counts, probs)


def loss_entropy(counts: IntArray, probs: Probs) -> FloatArray:
    """CE + H in nats: mislabelled and ambiguous first ("LossEnt" in Kim 2022)."""

    def formula(votes: IntArray, p: FloatArray) -> FloatArray:
        return np.asarray(0.0 - np.einsum("nk,nk->n", p + normalise(votes), logarithm(p)))

    return _rows(formula, counts, probs, lowest=0.0)


def corractive(counts: IntArray, probs: Probs) -> FloatArray:
    """-ln p of the label with most votes, in nats: high training loss first (Kim 2022, 4.1)."""

    def formula(votes: IntArray, p: FloatArray) -> FloatArray:
        return -logarithm(_of_label(votes, p))

    return _rows(formula, counts, probs, lowest=0.0)


def margin(counts: IntArray, probs: Probs) -> FloatArray:
    """Minus the gap between the two likeliest classes, in [-1, 0]."""

    def formula(_: IntArray, p: FloatArray) -> FloatArray:
        two = np.partition(p, -2, axis=1)[:, -2:]
        return np.asarray(two[:, 0] - two[:, 1])

    return _rows(formula, counts, probs)


def least_conf(counts: IntArray, probs: Probs) -> FloatArray:
    """1 - max p, in [0, 1 - 1/K]."""
    return _rows(lambda _, p: np.asarray(1 - p.max(1)), counts, probs)


def label_margin(counts: IntArray, probs: Probs) -> FloatArray:
    """Likeliest other class minus the label's own, in [-1, 1] (the "normalised margin")."""

    def formula(votes: IntArray, p: FloatArray) -> FloatArray:
        own, others = _of_label(votes, p), p.copy()
        np.put_along_axis(others, votes.argmax(1)[:, None], -1.0, axis=1)
        return np.asarray(others.max(1) - own)

    return _rows(formula, counts, probs, lowest=-1.0)


def bald(counts: IntArray, probs: Probs) -> FloatArray:
    """H(mean p) - mean H(p) over passes and members, in nats, in [0, min(ln S, ln K)].

    The information that the label carries about which member is right (Bernhardt et al. 2022,
    ref. 34). Zero everywhere when `probs` holds a single member.
    """
    each = members(probs)
    _check_shapes(counts, each)
    return np.asarray(np.maximum(0, entropy(each.mean(0)) - entropy(each).mean(0)))


def ratio(counts: IntArray, probs: Probs) -> FloatArray:
    """(1 - p[label]) / expected votes to a strict majority, in [0, 1].

    The oracle's rule of Bernhardt et al. 2022 when `probs` is the true distribution: corrections
    gained per vote spent.
    """

    def formula(votes: IntArray, p: FloatArray) -> FloatArray:
        return (1 - _of_label(votes, p)) / expected_votes(p, votes)

    return _rows(formula, counts, probs, lowest=0.0)


def random(counts: IntArray, probs: Probs, *, rng: np.random.Generator) -> FloatArray:
    """A random order: distinct values in [0, 1)."""
    _check_shapes(counts, probs)
    row_sums(probs)
    return np.asarray(rng.permutation(len(counts)) / max(len(counts), 1))


def activelab(counts: IntArray, probs: Probs) -> FloatArray:
    """Minus ActiveLab's score with unit weights, in [-1, 0] (Goh and Mueller 2023).

    Quality of the label is p[label], averaged with the votes after the first, each 1 if it agrees
    and 0 if not; an unlabelled task uses its largest probability. Who voted is not known here:
    weights by annotator come from `consensus.crowdlab`.
    """

    def formula(votes: IntArray, p: FloatArray) -> FloatArray:
        total = votes.sum(1)
        agreeing = np.maximum(votes.max(1) - 1, 0)
        of_label = (_of_label(votes, p) + agreeing) / np.maximum(total, 1)
        quality = np.where(total > 0, of_label, p.max(1))
        return np.asarray(-(quality * (total + 1) + 1 / p.shape[1]) / (total + 2))

    return _rows(formula, counts, probs)


SCORES: dict[str, Score] = {
    "phi": phi,
    "phi_hinge": phi_hinge,
    "ce": ce,
    "tiered_phi": tiered_phi,
    "entropy": uncertainty,
    "loss_entropy": loss_entropy,
    "corractive": corractive,
    "margin": margin,
    "least_conf": least_conf,
    "label_margin": label_margin,
    "bald": bald,
    "ratio": ratio,
    "random": random,
    "activelab": activelab,
}


def _rows(
    formula: Callable[[IntArray, FloatArray], FloatArray],
    counts: IntArray,
    probs: Probs,
    *,
    lowest: float | None = None,
) -> FloatArray:
    """Apply `formula(votes, p)` to valid arrays, block by block of rows.

    Args:
        formula: Votes (n, K) and marginal probabilities (n, K) to scores (n,).
        counts: (N, K), checked here.
        probs: Checked and averaged here.
        lowest: Lower bound of the score. When given, tasks without votes are placed in
            [lowest - 2, lowest - 1] by their entropy; None = the score needs no label.
    """
    _check_shapes(counts, probs)
    sums = row_sums(probs)
    check_counts(counts)
    score = np.empty(len(counts))
    for start in range(0, len(counts), BLOCK):
        rows = slice(start, start + BLOCK)
        each = probs[..., rows, :] / sums[..., rows, None]
        p = np.asarray(each if each.ndim == 2 else each.mean(tuple(range(each.ndim - 2))))
        votes = counts[rows]
        score[rows] = formula(votes, p)
        empty = ~votes.any(axis=1)
        if lowest is not None and empty.any():
            score[rows][empty] = lowest - 2 + entropy(p[empty]) / np.log(p.shape[1])
    return score


def _check_shapes(counts: IntArray, probs: Probs) -> None:
    check_dimensions(probs)
    if counts.shape != probs.shape[-2:]:
        raise InvalidValuesError(
            f"counts has shape {counts.shape} but probs gives {probs.shape[-2:]}; "
            "expected the same (N, K)."
        )


def _of_label(votes: IntArray, p: FloatArray) -> FloatArray:
    """(n,) probability of the class with most votes, the lowest index of a tie."""
    return np.asarray(np.take_along_axis(p, votes.argmax(1)[:, None], axis=1)[:, 0])
