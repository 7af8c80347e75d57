"""Dawid and Skene 1979: weigh every annotator by an estimated confusion matrix, by EM.

The initial source of labels takes part as one more annotator, which is the principled use of labels
that are known to be noisy. All sums run over logarithms.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from relabel.errors import InvalidValuesError
from relabel.numerics.consensus.majority import majority
from relabel.numerics.consensus.table import VoteTable
from relabel.numerics.labels import likeliest
from relabel.types import BoolArray, Consensus, FloatArray, IntArray

ONE_COIN_VOTES = 0.1
"""Votes, for each class beyond two, by which a row of a confusion matrix leans to the annotator's
one accuracy: of a hundred classes a row has a few votes for a hundred cells."""


@dataclass(frozen=True, slots=True)
class DawidSkene:
    """The fitted model.

    posterior: (N, K) P(true class | votes), the prior where a task has no votes; prior: (K,);
    confusion: (A, K, K) P(annotator says l | true class c) at [a, c, l], rows sum to 1;
    log_likelihood: of the votes, in nats, under the posterior's parameters.
    """

    posterior: FloatArray
    prior: FloatArray
    confusion: FloatArray
    log_likelihood: float
    iterations: int


def fit_dawid_skene(
    votes: VoteTable,
    *,
    smoothing: float = 0.01,
    one_coin_below: int = 20,
    tolerance: float = 1e-8,
    max_iterations: int = 200,
) -> DawidSkene:
    """Fit by expectation maximisation from the shares of votes.

    Args:
        votes: At least one vote; abstentions are left out.
        smoothing: Added to each cell of a confusion matrix of two classes, so that no vote is
            impossible; of more classes all cells of a row share as much.
        one_coin_below: Annotators with fewer votes get one accuracy for all classes, since K^2
            parameters cannot be told from so little.
        tolerance: Stop when no posterior moves by more.
        max_iterations: Stop after so many.

    Raises:
        InvalidValuesError: There are no votes.
    """
    given = votes.given()
    if not len(given.tasks):
        raise InvalidValuesError("Dawid-Skene needs at least one vote that is not an abstention.")
    n, people, classes = votes.n_tasks, votes.n_annotators, votes.n_classes
    # Column a * K + l of this matrix holds the tasks on which annotator a says l.
    columns = given.annotators * classes + given.labels
    said = sp.csr_array((np.ones(len(columns)), (given.tasks, columns)), (n, people * classes))
    coins = np.bincount(given.annotators, minlength=people) < one_coin_below
    counts = given.counts()
    posterior = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    seen = counts.any(axis=1)
    iterations, moved = 0, np.inf
    while moved >= tolerance and iterations < max_iterations:
        prior = posterior[seen].mean(0)
        confusion = _confusion(said, posterior, smoothing, coins)
        updated, log_likelihood = _posterior(said, prior, confusion)
        moved = np.abs(updated - posterior)[seen].max()
        posterior = updated
        iterations += 1
    return DawidSkene(posterior, prior, confusion, log_likelihood, iterations)


def _confusion(
    said: sp.csr_array, posterior: FloatArray, smoothing: float, coins: BoolArray
) -> FloatArray:
    """M-step: (A, K, K) rows P(says l | true c)."""
    classes = posterior.shape[1]
    counted = (said.T @ posterior).reshape(len(coins), classes, classes).transpose(0, 2, 1)
    smooth = counted + 2 * smoothing / classes
    right = np.trace(smooth, axis1=1, axis2=2) / smooth.sum((1, 2))
    others = (1 - right) / (classes - 1)
    same = np.eye(classes, dtype=bool)
    one_coin = np.where(same, right[:, None, None], others[:, None, None])
    full = smooth + ONE_COIN_VOTES * (classes - 2) * one_coin
    full /= full.sum(2, keepdims=True)
    confusions: FloatArray = np.where(coins[:, None, None], one_coin, full)
    return confusions


def _posterior(
    said: sp.csr_array, prior: FloatArray, confusion: FloatArray
) -> tuple[FloatArray, float]:
    """E-step: (N, K) posteriors, and the log-likelihood of the votes in nats."""
    terms = np.log(confusion).transpose(0, 2, 1).reshape(-1, len(prior))
    logs = said @ terms + np.log(np.maximum(prior, 1e-300))
    # Shifted by the largest term, so that the exponentials of many votes do not underflow.
    largest = logs.max(1, keepdims=True)
    totals = largest + np.log(np.exp(logs - largest).sum(1, keepdims=True))
    # A task without votes has likelihood 1, logarithm 0, as the prior sums to 1.
    return np.exp(logs - totals), float(totals.sum())


def dawid_skene(
    counts: IntArray,
    *,
    votes: VoteTable,
    abstains: IntArray | None = None,
    max_votes: int = 10,
    smoothing: float = 0.01,
    one_coin_below: int = 20,
) -> Consensus:
    """Label every task by the largest posterior of the model; states are those of `majority`.

    A task whose posterior is largest at several classes shows no label. Falls back to the
    majority's labels where no task has two votes to compare, and where the fit has switched
    classes, which shows as annotators that are right less often than by chance.

    Args:
        counts: (N, K) votes, as in `majority`.
        votes: Who gave them.
        abstains: (N,) see `majority`.
        max_votes: See `majority`.
        smoothing: See `fit_dawid_skene`.
        one_coin_below: See `fit_dawid_skene`.

    Returns:
        Labels (-1 where there are no votes, or none is ahead) and states.
    """
    by_majority = majority(counts, abstains=abstains, max_votes=max_votes)
    if counts.sum(1).max(initial=0) < 2:
        return by_majority
    fit = fit_dawid_skene(votes, smoothing=smoothing, one_coin_below=one_coin_below)
    given = np.bincount(votes.annotators[votes.labels >= 0], minlength=votes.n_annotators)
    accuracy = np.einsum("acc,c->a", fit.confusion, fit.prior)
    if given @ accuracy / given.sum() <= 1 / votes.n_classes:
        return by_majority
    labels = np.where(counts.any(1), likeliest(fit.posterior), -1)
    return Consensus(labels=labels, states=by_majority.states)
