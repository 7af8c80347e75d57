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
from typing import Any

import numpy as np
import numpy.typing as npt

from relabel.errors import InvalidValuesError
from relabel.numerics.expected_votes import expected_votes
from relabel.numerics.posteriors import (
    LOG_FLOOR,
    check_probs,
    cross_entropy,
    entropy,
    logarithm,
    marginalise,
    members,
    normalise,
)
from relabel.types import FloatArray, IntArray

__all__ = ["SCORES", "Score", "check_probs", "cross_entropy", "entropy", "marginalise", "normalise"]

Probs = npt.NDArray[np.floating[Any]]
Score = Callable[..., FloatArray]

CE_CAP = -float(np.log(LOG_FLOOR))
"""Largest cross-entropy, 27.631 nats: a label that the posterior holds impossible."""


def phi(counts: IntArray, probs: Probs) -> FloatArray:
    """CE(q, p) - H(p) in nats, in [-ln K, 27.631]: mislabelled and easy first.

    Bernhardt et al. 2022, Eq. 2. Negative for right labels of which the posterior is not certain.
    """
    q, p = _checked(counts, probs)
    # One logarithm serves both terms: sum_c (p_c - q_c) ln p_c.
    score = np.einsum("nk,nk->n", p - q, logarithm(p))
    return _place_unlabelled(score, counts, p, lowest=-np.log(p.shape[1]))


def phi_hinge(counts: IntArray, probs: Probs, *, gamma: float = 0.30) -> FloatArray:
    """CE - max(0, H - gamma), logarithms to base K: entropy counts only beyond `gamma`.

    What the published code of Bernhardt et al. 2022 computes in place of Eq. 2.
    """
    q, p = _checked(counts, probs)
    base = np.log(p.shape[1])
    score = cross_entropy(q, p) / base - np.maximum(0, entropy(p) / base - gamma)
    return _place_unlabelled(score, counts, p, lowest=-1.0)


def ce(counts: IntArray, probs: Probs) -> FloatArray:
    """CE(q, p) in nats, in [0, 27.631] (Bernhardt et al. 2022, Eq. 3)."""
    q, p = _checked(counts, probs)
    return _place_unlabelled(cross_entropy(q, p), counts, p, lowest=0.0)


def tiered_phi(counts: IntArray, probs: Probs) -> FloatArray:
    """Tasks whose likeliest class is not their label, by phi; below them all others, by CE.

    In [0, 2 * 27.631 + ln K + 1]; phi is shifted to lie above every cross-entropy.
    """
    q, p = _checked(counts, probs)
    disagree = p.argmax(1) != counts.argmax(1)
    label_loss = cross_entropy(q, p)
    upper = label_loss - entropy(p) + np.log(p.shape[1]) + CE_CAP + 1
    return _place_unlabelled(np.where(disagree, upper, label_loss), counts, p, lowest=0.0)


def uncertainty(counts: IntArray, probs: Probs) -> FloatArray:
    """H(p) in nats, in [0, ln K]: ambiguous first, whatever the label says."""
    return entropy(_checked(counts, probs)[1])


def loss_entropy(counts: IntArray, probs: Probs) -> FloatArray:
    """CE + H in nats: mislabelled and ambiguous first ("LossEnt" in Kim 2022)."""
    q, p = _checked(counts, probs)
    return _place_unlabelled(cross_entropy(q, p) + entropy(p), counts, p, lowest=0.0)


def corractive(counts: IntArray, probs: Probs) -> FloatArray:
    """-ln p of the label with most votes, in nats: high training loss first (Kim 2022, 4.1)."""
    _, p = _checked(counts, probs)
    return _place_unlabelled(-logarithm(_of_label(counts, p)), counts, p, lowest=0.0)


def margin(counts: IntArray, probs: Probs) -> FloatArray:
    """Minus the gap between the two likeliest classes, in [-1, 0]."""
    two = np.partition(_checked(counts, probs)[1], -2, axis=1)[:, -2:]
    return np.asarray(two[:, 0] - two[:, 1])


def least_conf(counts: IntArray, probs: Probs) -> FloatArray:
    """1 - max p, in [0, 1 - 1/K]."""
    return np.asarray(1 - _checked(counts, probs)[1].max(1))


def label_margin(counts: IntArray, probs: Probs) -> FloatArray:
    """Likeliest other class minus the label's own, in [-1, 1] (the "normalised margin")."""
    _, p = _checked(counts, probs)
    others = p.copy()
    np.put_along_axis(others, counts.argmax(1)[:, None], -1.0, axis=1)
    return _place_unlabelled(others.max(1) - _of_label(counts, p), counts, p, lowest=-1.0)


def bald(counts: IntArray, probs: Probs) -> FloatArray:
    """H(mean p) - mean H(p) over passes and members, in nats, in [0, min(ln S, ln K)].

    The information that the label carries about which member is right (Bernhardt et al. 2022,
    ref. 34). Zero everywhere when `probs` holds a single member.
    """
    each = members(probs)
    _check_counts(counts, each[0])
    return np.asarray(np.maximum(0, entropy(each.mean(0)) - entropy(each).mean(0)))


def ratio(counts: IntArray, probs: Probs) -> FloatArray:
    """(1 - p[label]) / expected votes to a strict majority, in [0, 1].

    The oracle's rule of Bernhardt et al. 2022 when `probs` is the true distribution: corrections
    gained per vote spent.
    """
    _, p = _checked(counts, probs)
    score = (1 - _of_label(counts, p)) / expected_votes(p, counts)
    return _place_unlabelled(score, counts, p, lowest=0.0)


def random(counts: IntArray, probs: Probs, *, rng: np.random.Generator) -> FloatArray:
    """A random order: distinct values in [0, 1)."""
    _checked(counts, probs)
    return np.asarray(rng.permutation(len(counts)) / max(len(counts), 1))


def activelab(counts: IntArray, probs: Probs) -> FloatArray:
    """Minus ActiveLab's score with unit weights, in [-1, 0] (Goh and Mueller 2023).

    Quality of the label is p[label], averaged with the votes after the first, each 1 if it agrees
    and 0 if not; an unlabelled task uses its largest probability. Who voted is not known here:
    weights by annotator come from `consensus.crowdlab`.
    """
    _, p = _checked(counts, probs)
    votes = counts.sum(1)
    agreeing = counts.max(1)
    label_quality = (_of_label(counts, p) + np.maximum(agreeing - 1, 0)) / np.maximum(votes, 1)
    quality = np.where(votes > 0, label_quality, p.max(1))
    return np.asarray(-(quality * (votes + 1) + 1 / p.shape[1]) / (votes + 2))


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


def _checked(counts: IntArray, probs: Probs) -> tuple[FloatArray, FloatArray]:
    """Vote shares and marginal probabilities, both (N, K) and valid."""
    p = marginalise(probs)
    _check_counts(counts, p)
    return normalise(counts), p


def _check_counts(counts: IntArray, p: FloatArray) -> None:
    if counts.shape != p.shape:
        raise InvalidValuesError(
            f"counts has shape {counts.shape} but probs gives {p.shape}; expected the same (N, K)."
        )


def _of_label(counts: IntArray, p: FloatArray) -> FloatArray:
    """(N,) probability of the class with most votes, the lowest index of a tie."""
    return np.asarray(np.take_along_axis(p, counts.argmax(1)[:, None], axis=1)[:, 0])


def _place_unlabelled(
    score: FloatArray, counts: IntArray, p: FloatArray, *, lowest: float
) -> FloatArray:
    """Put tasks without votes in [lowest - 2, lowest - 1], by their entropy."""
    empty = ~counts.any(1)
    if empty.any():
        score = score.copy()
        score[empty] = lowest - 2 + entropy(p[empty]) / np.log(p.shape[1])
    return score
