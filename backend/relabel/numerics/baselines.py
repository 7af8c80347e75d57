"""Published ways to choose the next vote, beside which ours is measured. In simulations alone.

`okg` is the optimistic knowledge gradient (Chen, Lin and Zhou, ICML 2013 and JMLR 16, 2015),
`activelab` is ActiveLab (Goh and Mueller 2023) with the weights of CROWDLAB (Goh, Tkachenko and
Mueller 2022). Both look at a task's own row; the weights of ActiveLab come from all votes.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from relabel.types import FloatArray, IntArray

NODES = 400
"""Of the quadrature; with so many, the closed form for two classes is met to 1e-12."""

LEAST = 1e-6
"""Least weight and least error in ActiveLab, which divides by them."""


def okg(counts: IntArray) -> FloatArray:
    """Return (N,) the most that one more answer could raise the chance of being right, in [0, 1).

    R+ of the paper: over the answers a, the maximum of h(alpha + e_a) - h(alpha). h(alpha) is the
    largest chance of a class to be the one that most of all people would give, under a Dirichlet
    posterior; for two classes max(I, 1 - I), I the Beta's mass above one half. alpha is 1 + counts:
    a uniform prior, on which the old label is one vote like any other.

    Args:
        counts: (N, K) votes, the old label included.
    """
    patterns, which = np.unique(-np.sort(-counts, axis=1), axis=0, return_inverse=True)
    values = [_optimistic(tuple(pattern)) for pattern in patterns.tolist()]
    return np.array(values)[which.ravel()]


@lru_cache(maxsize=100_000)
def _optimistic(votes: tuple[int, ...]) -> float:
    """Return R+ of votes in falling order."""
    first = {number: place for place, number in reversed(list(enumerate(votes)))}
    after = [tuple(n + (place == each) for place, n in enumerate(votes)) for each in first.values()]
    return max(_leads(tuple(sorted(each, reverse=True))) for each in after) - _leads(votes)


@lru_cache(maxsize=100_000)
def _leads(votes: tuple[int, ...]) -> float:
    """Return h of votes in falling order: the chance that the first class has the largest share.

    Shares of a Dirichlet are gamma variables over their sum, so the first leads where its gamma
    variable does: one integral, of its density times the others' distribution functions.
    """
    most = votes[0] + 1
    nodes, weights = _quadrature()
    end = most + 12 * np.sqrt(most) + 30
    x = (nodes + 1) * end / 2
    # Terms of a Poisson series: the density of shape n is the last one of n, and what is missing
    # from 1 in its distribution function the sum of all n.
    number = np.arange(most)[:, None]
    steps = np.log(np.maximum(number, 1)).cumsum(0)
    terms = np.exp(number * np.log(x) - x - steps)
    below = np.clip(1 - terms.cumsum(0), 0, 1)
    others = np.prod([below[n] for n in votes[1:]], axis=0)
    return float((weights * terms[most - 1] * others).sum() * end / 2)


@lru_cache(maxsize=1)
def _quadrature() -> tuple[FloatArray, FloatArray]:
    """Return nodes in (-1, 1) and weights, which take longer to make than to use."""
    return np.polynomial.legendre.leggauss(NODES)


@dataclass(frozen=True, slots=True)
class Trust:
    """What ActiveLab makes of all votes; weights are > 0.

    voters: (V,) weight of each vote. mean: of a voter. model: of the classifier. right: how often a
    vote is for the consensus, in [0, 1].
    """

    voters: FloatArray
    mean: float
    model: float
    right: float


def activelab(probs: FloatArray, tasks: IntArray, labels: IntArray, voters: IntArray) -> FloatArray:
    """Return (N,) minus the ActiveLab score, in [-1, 0]: higher = ask sooner.

    The score is the weighted mean of a consensus' quality and, with the weight of one more voter,
    of 1 / K: the fewer votes, the nearer to a guess. The quality is the consensus' probability in
    `_pooled`, first for the plurality (of tied classes the one that the classifier believes more),
    then again for the likeliest class of that. Where no task has two votes it is the classifier's
    probability of the label. Probabilities are taken as they are, without the temperature that the
    paper fits.

    Args:
        probs: (N, K) of the classifier, out of fold.
        tasks: (V,) of all votes, in any order.
        labels: (V,) of the same votes.
        voters: (V,) of the same votes; the source of the old labels is a voter, too.
    """
    n, k = probs.shape
    counts = np.zeros((n, k))
    np.add.at(counts, (tasks, labels), 1)
    consensus = (counts + probs / 2).argmax(1)
    if (counts.sum(1) > 1).any():
        trust = _trust(probs, counts, consensus, (tasks, labels, voters))
        consensus = _pooled(probs, tasks, labels, trust).argmax(1)
        trust = _trust(probs, counts, consensus, (tasks, labels, voters))
        pooled = _pooled(probs, tasks, labels, trust)
    else:
        trust, pooled = Trust(np.ones(len(tasks)), 1.0, 1.0, 1.0), probs
    quality = pooled[np.arange(n), consensus]
    total = np.bincount(tasks, trust.voters, minlength=n) + trust.model
    return np.asarray(-(quality * total + trust.mean / k) / (total + trust.mean))


def _pooled(probs: FloatArray, tasks: IntArray, labels: IntArray, trust: Trust) -> FloatArray:
    """(N, K) weighted mean of the classifier's probabilities and the votes.

    A vote gives `right` to its class and the rest evenly to the others.
    """
    n, k = probs.shape
    votes = np.zeros((n, k))
    np.add.at(votes, (tasks, labels), trust.voters)
    given = votes.sum(1, keepdims=True)
    told = votes * trust.right + (given - votes) * (1 - trust.right) / (k - 1)
    return np.asarray((probs * trust.model + told) / (given + trust.model))


def _trust(
    probs: FloatArray,
    counts: FloatArray,
    consensus: IntArray,
    said: tuple[IntArray, IntArray, IntArray],
) -> Trust:
    """How far each voter and the classifier agree with the others, beyond a constant guess.

    A weight is 1 - error / (error of always saying the commonest consensus), over the tasks with
    several votes: of a voter, error is the share of the others' votes that differ (that of the
    average voter where there are none); of the classifier, the share of consensus labels (N,) that
    it misses, and its weight is multiplied by the root of the mean number of votes.
    """
    tasks, labels, voters = said
    answers = counts.sum(1)
    several = answers > 1
    shown = consensus[several]
    guess = max(1 - np.bincount(shown).max() / len(shown), LEAST)
    _, which = np.unique(voters, return_inverse=True)
    agreed = np.bincount(which, counts[tasks, labels] - 1)
    others = np.bincount(which, answers[tasks] - 1)
    met = others > 0
    agreement = np.full(len(met), (agreed[met] / others[met]).mean())
    agreement[met] = agreed[met] / others[met]
    weights = np.maximum(1 - (1 - agreement) / guess, LEAST)
    missed = float((probs.argmax(1)[several] != shown).mean())
    model = max(1 - missed / guess, LEAST) * np.sqrt(answers[answers > 0].mean())
    right = (counts[several, shown] / answers[several]).mean()
    return Trust(weights[which], float(weights.mean()), float(model), float(right))
