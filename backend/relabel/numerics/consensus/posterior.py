"""The model's posterior as evidence beside people's votes: one person and the model can settle.

What is believed of a task is Bayes' rule over three sources: a model that has seen neither the
task's old label nor its votes, the old label, and the new votes. Sums run over logarithms. A vote
adds its weight to its class, so the order of votes does not matter, and a vote for a class never
lowers what is believed of it. Given the true class old labels err independently of the rest; people
err in part as the model does, since both look at the same picture: `alike`.
"""

from dataclasses import dataclass

import numpy as np

from relabel.errors import ConfigurationError, InvalidValuesError
from relabel.numerics.labels import leading, likeliest
from relabel.types import Consensus, FloatArray, IntArray, State

LEAST_ERROR = 0.01
"""No old label is believed more: with an error of 0 no vote could ever change one."""

OF_CHANCE = 0.8
"""Errors are capped at this share of a guess's, so that a vote always speaks for its own class."""

LEAST_PRIOR = 1e-4
"""Least probability of a class by the model alone: its certainty is never beyond people's reach."""

ALIKE = 0.25
"""Share of people's errors that go to the classes that the model finds likely too; the others go
anywhere. Chosen on seeds of CIFAR-10H and CIFAR-10N of which nothing is reported."""


@dataclass(frozen=True, slots=True)
class Rates:
    """How often labels err, as a round believes it until the next one.

    old: (K,) the old labels, by true class. trained: the labels that the posteriors were learnt
    from. people: a vote of somebody of whom nothing more is known. model: of so large a share of
    tasks the posteriors know no more than a guess, in [0, 1].
    """

    old: FloatArray
    trained: float
    people: float
    model: float = 0.0


def chance_error(classes: int) -> float:
    """Return how often a guess among so many classes is wrong."""
    return (classes - 1) / classes


def highest_error(classes: int) -> float:
    """Return the cap on every error rate: four fifths of a guess's."""
    return OF_CHANCE * chance_error(classes)


def vote_weight(error: FloatArray | float, classes: int) -> FloatArray:
    """Return ln((1 - e)(K - 1) / e): what a vote adds to its class in log odds to any other.

    Args:
        error: rates in (0, 1), of any shape. At a guess's error the weight is 0, and beyond it as
            well: whoever errs more often says nothing.
        classes: K, at least 2.
    """
    rate = np.asarray(error, dtype=np.float64)
    weight = np.log1p(-rate) - np.log(rate) + np.log(classes - 1)
    return np.where(rate < chance_error(classes), np.maximum(weight, 0.0), 0.0)


def denoised(probs: FloatArray, error: float) -> FloatArray:
    """Return (N, K) probabilities of the true class from those of the label a model was taught.

    (p - e / (K - 1)) / (1 - e - e / (K - 1)): the symmetric error is divided out, what falls below
    `LEAST_PRIOR` is lifted to it, and rows are made to sum to 1.

    Args:
        probs: (N, K) out-of-fold posteriors.
        error: of the labels that they were learnt from, at most `highest_error`.
    """
    spread = error / (probs.shape[1] - 1)
    clean = np.clip((probs - spread) / (1 - error - spread), LEAST_PRIOR, 1.0)
    return np.asarray(clean / clean.sum(1, keepdims=True))


def prior_of(probs: FloatArray, rates: Rates) -> FloatArray:
    """Return (N, K) what the model says of each true class, as far as it is to be trusted.

    A mixture of `denoised` and of a guess: where the model is certain and wrong, as with a class
    that it never learnt, people need not outvote more certainty than the audit grants it.

    Args:
        probs: (N, K) out-of-fold posteriors.
        rates: of the round; `rates.model` is the guess's share.
    """
    guess = rates.model / probs.shape[1]
    return np.asarray((1 - rates.model) * denoised(probs, rates.trained) + guess)


def weigh(
    tasks: IntArray, labels: IntArray, weights: FloatArray, shape: tuple[int, int]
) -> FloatArray:
    """Return the summed weights of votes per task and class, the same in whatever order they came.

    Args:
        tasks: (V,) rows.
        labels: (V,) classes.
        weights: (V,) of `vote_weight`, each by its annotator's error.
        shape: N and K.
    """
    cells = tasks * shape[1] + labels
    # Sums of floats depend on the order of their terms in the last digit.
    order = np.lexsort((weights, cells))
    summed = np.bincount(cells[order], weights=weights[order], minlength=shape[0] * shape[1])
    return np.asarray(summed, dtype=np.float64).reshape(shape)


def alike(prior: FloatArray, votes: FloatArray, error: float) -> FloatArray:
    """Return (N, K) how much less votes for other classes say against each class, in log odds.

    A vote for c of somebody who errs as people do is wrong, where d is true, with the probability
    e (a p(c) / (1 - p(d)) + (1 - a) / (K - 1)): a = `ALIKE` of the errors go where the prior p
    does. The logarithm of its ratio to e / (K - 1) is taken off the vote's weight, down to 0: no
    vote speaks against its own class. Votes of another weight lose as large a share. With a flat
    prior and with two classes nothing is lost.

    Args:
        prior: (N, K) of `prior_of`.
        votes: (N, K) summed weights of the new votes, of `weigh`.
        error: of people, `Rates.people`.
    """
    less, whole = np.zeros(prior.shape), float(vote_weight(error, prior.shape[1]))
    rows, said = np.nonzero(votes)
    if whole:
        share = _likelier(prior[rows, said][:, None], prior[rows], prior.shape[1]) / whole
        share[np.arange(len(rows)), said] = 0
        np.add.at(less, rows, votes[rows, said][:, None] * np.minimum(share, 1))
    return less


def weight_against(prior: FloatArray, true: IntArray, error: float) -> FloatArray:
    """Return (N, K) what a vote for each class adds to it in log odds to the class `true`, >= 0.

    `vote_weight` less what `alike` takes off it; 0 for the class itself.

    Args:
        prior: (N, K) of `prior_of`.
        true: (N,) classes.
        error: of people, `Rates.people`.
    """
    each = np.arange(len(prior))
    n_classes = prior.shape[1]
    weight = vote_weight(error, n_classes) - _likelier(prior, prior[each, true][:, None], n_classes)
    weight[each, true] = 0
    return np.asarray(np.maximum(weight, 0))


def _likelier(said: FloatArray, true: FloatArray, classes: int) -> FloatArray:
    """How much likelier a wrong vote is than one that goes anywhere, as a logarithm."""
    return np.asarray(np.log1p(ALIKE * ((classes - 1) * said / (1 - true) - 1)))


def beliefs(prior: FloatArray, old: IntArray, votes: FloatArray, rates: Rates) -> FloatArray:
    """Return q (N, K), what is believed of each task's true class; rows sum to 1.

    q(c) is proportional to prior(c) * P(old label | c) * P(votes | c).

    Args:
        prior: (N, K) of `prior_of`.
        old: (N, K) old labels per class, usually one a task; a row of zeros has none.
        votes: (N, K) summed weights of the new votes, of `weigh`.
        rates: by which the votes were weighed.
    """
    classes = prior.shape[1]
    # P(old label l | c) is 1 - e_c for l = c, else e_c / (K - 1): a base for each, more for c.
    base = np.log(rates.old) - np.log(classes - 1)
    bonus = np.log1p(-rates.old) - base
    logs = np.log(prior) + old.sum(1, keepdims=True) * base + old * bonus + votes
    logs += alike(prior, votes, rates.people)
    logs -= logs.max(1, keepdims=True)
    q = np.exp(logs)
    return np.asarray(q / q.sum(1, keepdims=True))


def settle(
    q: FloatArray,
    old: IntArray,
    new: IntArray,
    *,
    confidence: float,
    answers: IntArray,
    max_votes: int,
) -> Consensus:
    """Decide from what is believed which tasks are settled, and which label each shows.

    SETTLED: the likeliest class is believed with `confidence`, and a person has voted for it since:
    no label is settled that nobody but a model and the past gave. (Over ten seeds of CIFAR-10H that
    costs 2 votes of 858 to .90 right, and .0006 more labels are right at the end.)
    Otherwise AMBIGUOUS where the answers reach `max_votes`, else OPEN. The label is the likeliest
    class once a person has voted; before that, and where several are likeliest, the old one.

    Args:
        q: (N, K) of `beliefs`.
        old: (N, K) old labels per class.
        new: (N, K) votes given since.
        confidence: in (1/2, 1).
        answers: (N,) all answers, the old labels included.
        max_votes: the cap on them.

    Raises:
        ConfigurationError: confidence out of range.
        InvalidValuesError: shapes differ.
    """
    if not 0.5 < confidence < 1:
        raise ConfigurationError(f"confidence = {confidence:g} must lie between 0.5 and 1.")
    if not q.shape == old.shape == new.shape or answers.shape != (len(q),):
        raise InvalidValuesError(
            f"q {q.shape}, old {old.shape}, new {new.shape} and answers {answers.shape} must have "
            "one row per task."
        )
    top = q.argmax(1)
    asked, agreed = new.any(1), new[np.arange(len(q)), top] > 0
    states = np.where(answers >= max_votes, int(State.AMBIGUOUS), int(State.OPEN))
    states[agreed & (q.max(1) >= confidence)] = State.SETTLED
    ahead = np.where(asked, likeliest(q), -1)
    labels = np.where(ahead >= 0, ahead, leading(old))
    return Consensus(labels=labels, states=states.astype(np.int64))
