"""Which label to check first: every score of one task is a number, higher = relabel sooner.

A score is a function `score(counts, probs, **options) -> (N,)` of

* counts: (N, K) votes per class, the initial label included; a zero row is unlabelled;
* probs: (N, K), (T, N, K) or (T, M, N, K) class probabilities, averaged by `marginalise`;
* labels: (N,) the label that the consensus shows, -1 = none; None = the class with most votes;

and depends, `random` excepted, on a task's own row alone: one vote changes one score. The order of
the classes decides nothing. A score of the votes' shares (`phi`, `ce`, ...) needs no label; one
that judges a label (`tiered_phi`, `corractive`, `label_margin`, `ratio`, `activelab`) judges the
shown one, and of a tie without any the mean over the tied classes, which is what the cross-entropy
of the shares amounts to.

Scores that compare a label with the posterior place unlabelled tasks below every labelled one, the
most uncertain first; the others (`entropy`, `margin`, `least_conf`, `bald`, `activelab`, `random`)
treat them like any task. All raise `InvalidValuesError` for arrays that break their contract.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from relabel.errors import InvalidValuesError
from relabel.numerics.expected_votes import expected_votes
from relabel.numerics.labels import among_likeliest, leading, top_classes
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

Formula = Callable[[IntArray, FloatArray, IntArray | None], FloatArray]
"""formula(votes (n, K), probabilities (n, K), shown labels (n,) or None) -> scores (n,)."""

BLOCK = 8192
"""Rows scored at once, so that intermediate arrays stay in the processor's cache."""

CE_CAP = -float(np.log(LOG_FLOOR))
"""Largest cross-entropy, 27.631 nats: a label that the posterior holds impossible."""


def phi(counts: IntArray, probs: Probs, *, labels: IntArray | None = None) -> FloatArray:
    """CE(q, p) - H(p) in nats, in [-ln K, 27.631]: mislabelled and easy first.

    Bernhardt et al. 2022, Eq. 2. Negative for right labels of which the posterior is not certain.
    """

    # One logarithm serves both terms: sum_c (p_c - q_c) ln p_c.
    def formula(votes: IntArray, p: FloatArray, _: IntArray | None) -> FloatArray:
        return np.asarray(np.einsum("nk,nk->n", p - normalise(votes), logarithm(p)))

    return _rows(formula, counts, probs, labels, lowest=-np.log(counts.shape[-1]))


def phi_hinge(
    counts: IntArray, probs: Probs, *, labels: IntArray | None = None, gamma: float = 0.30
) -> FloatArray:
    """CE - max(0, H - gamma), logarithms to base K: entropy counts only beyond `gamma`.

    What the published code of Bernhardt et al. 2022 computes in place of Eq. 2.
    """
    base = np.log(counts.shape[-1])

    def formula(votes: IntArray, p: FloatArray, _: IntArray | None) -> FloatArray:
        loss = cross_entropy(normalise(votes), p) / base
        return np.asarray(loss - np.maximum(0, entropy(p) / base - gamma))

    return _rows(formula, counts, probs, labels, lowest=-1.0)


def ce(counts: IntArray, probs: Probs, *, labels: IntArray | None = None) -> FloatArray:
    """CE(q, p) in nats, in [0, 27.631] (Bernhardt et al. 2022, Eq. 3)."""

    def formula(votes: IntArray, p: FloatArray, _: IntArray | None) -> FloatArray:
        return cross_entropy(normalise(votes), p)

    return _rows(formula, counts, probs, labels, lowest=0.0)


def tiered_phi(counts: IntArray, probs: Probs, *, labels: IntArray | None = None) -> FloatArray:
    """Tasks whose likeliest class is not their label, by phi; below them all others, by CE.

    A label that shares the largest probability is not contradicted. In [0, 2 * 27.631 + ln K + 1];
    phi is shifted to lie above every cross-entropy.
    """
    shift = np.log(counts.shape[-1]) + CE_CAP + 1

    def formula(votes: IntArray, p: FloatArray, label: IntArray) -> FloatArray:
        logs = logarithm(p)
        loss = 0.0 - np.einsum("nk,nk->n", normalise(votes), logs)
        doubt = 0.0 - np.einsum("nk,nk->n", p, logs)
        judged: FloatArray = np.where(among_likeliest(p, label), loss, loss - doubt + shift)
        return judged

    return _rows(_judging(formula), counts, probs, labels, lowest=0.0)


def uncertainty(counts: IntArray, probs: Probs, *, labels: IntArray | None = None) -> FloatArray:
    """H(p) in nats, in [0, ln K]: ambiguous first, whatever the label says."""
    return _rows(lambda _, p, __: entropy(p), counts, probs, labels)


def loss_entropy(counts: IntArray, probs: Probs, *, labels: IntArray | None = None) -> FloatArray:
    """CE + H in nats: mislabelled and ambiguous first ("LossEnt" in Kim 2022)."""

    def formula(votes: IntArray, p: FloatArray, _: IntArray | None) -> FloatArray:
        return np.asarray(0.0 - np.einsum("nk,nk->n", p + normalise(votes), logarithm(p)))

    return _rows(formula, counts, probs, labels, lowest=0.0)


def corractive(counts: IntArray, probs: Probs, *, labels: IntArray | None = None) -> FloatArray:
    """-ln p of the label, in nats: high training loss first (Kim 2022, 4.1)."""

    def formula(_: IntArray, p: FloatArray, label: IntArray) -> FloatArray:
        return -logarithm(_own(p, label))

    return _rows(_judging(formula), counts, probs, labels, lowest=0.0)


def margin(counts: IntArray, probs: Probs, *, labels: IntArray | None = None) -> FloatArray:
    """Minus the gap between the two likeliest classes, in [-1, 0]."""

    def formula(_: IntArray, p: FloatArray, __: IntArray | None) -> FloatArray:
        two = np.partition(p, -2, axis=1)[:, -2:]
        return np.asarray(two[:, 0] - two[:, 1])

    return _rows(formula, counts, probs, labels)


def least_conf(counts: IntArray, probs: Probs, *, labels: IntArray | None = None) -> FloatArray:
    """1 - max p, in [0, 1 - 1/K]."""
    return _rows(lambda _, p, __: np.asarray(1 - p.max(1)), counts, probs, labels)


def label_margin(counts: IntArray, probs: Probs, *, labels: IntArray | None = None) -> FloatArray:
    """Likeliest other class minus the label's own, in [-1, 1] (the "normalised margin")."""

    def formula(_: IntArray, p: FloatArray, label: IntArray) -> FloatArray:
        own, others = _own(p, label), p.copy()
        np.put_along_axis(others, label[:, None], -1.0, axis=1)
        return np.asarray(others.max(1) - own)

    return _rows(_judging(formula), counts, probs, labels, lowest=-1.0)


def bald(counts: IntArray, probs: Probs, *, labels: IntArray | None = None) -> FloatArray:
    """H(mean p) - mean H(p) over passes and members, in nats, in [0, min(ln S, ln K)].

    The information that the label carries about which member is right (Bernhardt et al. 2022,
    ref. 34). Zero everywhere when `probs` holds a single member.
    """
    each = members(probs)
    _check_shapes(counts, each, labels)
    return np.asarray(np.maximum(0, entropy(each.mean(0)) - entropy(each).mean(0)))


def ratio(counts: IntArray, probs: Probs, *, labels: IntArray | None = None) -> FloatArray:
    """(1 - p[label]) / expected votes to a strict majority, in [0, 1].

    The oracle's rule of Bernhardt et al. 2022 when `probs` is the true distribution: corrections
    gained per vote spent.
    """

    def formula(votes: IntArray, p: FloatArray, label: IntArray) -> FloatArray:
        return (1 - _own(p, label)) / expected_votes(p, votes)

    return _rows(_judging(formula), counts, probs, labels, lowest=0.0)


def random(
    counts: IntArray, probs: Probs, *, labels: IntArray | None = None, rng: np.random.Generator
) -> FloatArray:
    """A random order: distinct values in [0, 1)."""
    _check_shapes(counts, probs, labels)
    row_sums(probs)
    return np.asarray(rng.permutation(len(counts)) / max(len(counts), 1))


def activelab(counts: IntArray, probs: Probs, *, labels: IntArray | None = None) -> FloatArray:
    """Minus ActiveLab's score with unit weights, in [-1, 0] (Goh and Mueller 2023).

    Quality of the label is p[label], averaged with all votes but one for it, each 1 if it agrees
    and 0 if not; an unlabelled task uses its largest probability. Who voted is not known here,
    so all annotators weigh the same.
    """

    def formula(votes: IntArray, p: FloatArray, label: IntArray) -> FloatArray:
        total = votes.sum(1)
        agreeing = np.maximum(_own(votes, label) - 1, 0)
        of_label = (_own(p, label) + agreeing) / np.maximum(total, 1)
        quality = np.where(total > 0, of_label, p.max(1))
        return np.asarray(-(quality * (total + 1) + 1 / p.shape[1]) / (total + 2))

    return _rows(_judging(formula), counts, probs, labels)


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

OF_MEMBERS = ("bald",)
"""Scores that compare several networks, or several passes through one."""


def _rows(
    formula: Formula,
    counts: IntArray,
    probs: Probs,
    labels: IntArray | None,
    *,
    lowest: float | None = None,
) -> FloatArray:
    """Apply a formula to valid arrays, block by block of rows.

    Args:
        formula: Votes, marginal probabilities and labels as they came, to scores.
        counts: (N, K), checked here.
        probs: Checked and averaged here.
        labels: (N,) or None, checked here.
        lowest: Lower bound of the score. When given, tasks without votes are placed in
            [lowest - 2, lowest - 1] by their entropy; None = the score needs no label.
    """
    _check_shapes(counts, probs, labels)
    sums = row_sums(probs)
    check_counts(counts)
    ones = np.ones(counts.shape[1])
    score = np.empty(len(counts))
    for start in range(0, len(counts), BLOCK):
        rows = slice(start, start + BLOCK)
        each = probs[..., rows, :] / sums[..., rows, None]
        p = np.asarray(each if each.ndim == 2 else each.mean(tuple(range(each.ndim - 2))))
        votes = counts[rows]
        score[rows] = formula(votes, p, None if labels is None else labels[rows])
        empty = votes @ ones == 0
        if lowest is not None and empty.any():
            score[rows][empty] = lowest - 2 + entropy(p[empty]) / np.log(p.shape[1])
    return score


def _judging(formula: Callable[[IntArray, FloatArray, IntArray], FloatArray]) -> Formula:
    """Return the formula with a label for every task: of a tie, each of the tied ones in turn."""

    def of_any(votes: IntArray, p: FloatArray, labels: IntArray | None) -> FloatArray:
        label = leading(votes) if labels is None else labels
        score = formula(votes, p, label)
        open_rows = np.flatnonzero(label < 0)
        open_rows = open_rows[votes[open_rows].any(1)]
        if len(open_rows):
            tied, chances = votes[open_rows], p[open_rows]
            row, said = np.nonzero(top_classes(tied))
            each = formula(tied[row], chances[row], said)
            score[open_rows] = np.bincount(row, each) / np.bincount(row)
        return score

    return of_any


def _check_shapes(counts: IntArray, probs: Probs, labels: IntArray | None) -> None:
    check_dimensions(probs)
    if counts.shape != probs.shape[-2:]:
        raise InvalidValuesError(
            f"counts has shape {counts.shape} but probs gives {probs.shape[-2:]}; "
            "expected the same (N, K)."
        )
    if labels is None:
        return
    if labels.shape != counts.shape[:1]:
        raise InvalidValuesError(
            f"labels has shape {labels.shape}; expected ({len(counts)},), one per row of counts."
        )
    if labels.min(initial=-1) < -1 or labels.max(initial=-1) >= counts.shape[1]:
        raise InvalidValuesError(
            f"labels lie in [{labels.min()}, {labels.max()}]; expected -1 (none) or one of the "
            f"{counts.shape[1]} columns."
        )


def _own(values: npt.NDArray[Any], label: IntArray) -> npt.NDArray[Any]:
    """(n,) of (n, K) values those of the label; anything where it is -1."""
    return np.asarray(np.take_along_axis(values, label[:, None], axis=1)[:, 0])
