"""How often old labels and people err, by the audit: random tasks that people alone judge.

An audited task has a verdict once two new people agree; neither the old label nor the model has a
say in it. With the old label as one of two voices a true rate of .150 is measured as .134 on
CIFAR-10H.
"""

import numpy as np

from relabel.numerics.audit import PEOPLE as AGREEING
from relabel.numerics.consensus.posterior import (
    LEAST_ERROR,
    chance_error,
    denoised,
    highest_error,
)
from relabel.numerics.labels import leading
from relabel.types import FloatArray, IntArray

PRIOR_WRONG, PRIOR_AUDITED = 1, 7
"""Before any audit one label in seven is believed to be wrong."""

OF_A_CLASS = 100
"""Audited tasks of a class from which it has a rate of its own."""

PEOPLE = 0.05
"""How often people are believed to err before any two have judged the same audited task."""

PRIOR_PAIRS = 10
"""So many pairs of answers weigh as much as that belief."""

OF_A_PERSON = 20
"""Shared tasks from which an annotator has a rate of their own; as many lean to the mean."""

PRIOR_GUESSED, PRIOR_KNOWN = 0.5, 9.5
"""Before any audit the model is believed as by half a task that it guessed and so many it knew."""

MODEL_STEPS = 500
"""Shares at which what is believed of a model is summed."""


def verdicts(new: IntArray, least: IntArray | int = AGREEING) -> IntArray:
    """Return (N,) what people alone say: the class with most new votes, at least two; -1 = open.

    Args:
        new: (N, K) votes given since the project was connected.
        least: (N,) votes that the class needs, or one number for all.
    """
    return np.where(new.max(1) >= least, leading(new), -1)


def old_error(said: IntArray, old: IntArray, classes: int) -> FloatArray:
    """Return (K,) how often the old label of a task of each true class is wrong.

    (wrong + 1) / (audited + 7), one rate for all classes but those with 100 audited tasks of their
    own, within [.01, .8 (K - 1) / K].

    Args:
        said: (M,) verdicts of the audited tasks.
        old: (M,) their old labels.
        classes: K.
    """
    wrong = said != old
    rate = (int(wrong.sum()) + PRIOR_WRONG) / (len(said) + PRIOR_AUDITED)
    audited = np.bincount(said, minlength=classes)
    of_class = np.bincount(said, weights=wrong, minlength=classes)
    own = (of_class + PRIOR_WRONG) / (audited + PRIOR_AUDITED)
    return _clipped(np.where(audited >= OF_A_CLASS, own, rate), classes)


def trained_error(old: FloatArray, corrected: float) -> float:
    """Return the error of the labels a round was taught: the old ones' less what was put right.

    Args:
        old: (K,) of `old_error`.
        corrected: share of the labels that people have changed since, in [0, 1].
    """
    return float(_clipped(np.asarray(old.mean() - corrected), len(old)))


def people_error(pairs: int, differing: int, classes: int) -> float:
    """Return how often one person errs, from how often two differ.

    Two who err independently differ with chance D = 2e - e^2 K / (K - 1), whoever is right, so the
    verdict that they make themselves is not needed. Measured against that verdict both would always
    be right when they agree.

    Args:
        pairs: audited tasks, of each the first two new votes.
        differing: of these, those with two different votes.
        classes: K.
    """
    chance = chance_error(classes)
    usual = 2 * PEOPLE - PEOPLE**2 / chance
    share = (differing + PRIOR_PAIRS * usual) / (pairs + PRIOR_PAIRS)
    error = chance * (1 - np.sqrt(np.maximum(0.0, 1 - share / chance)))
    return float(_clipped(np.asarray(error), classes))


def model_error(probs: FloatArray, said: IntArray, trained: float) -> float:
    """Return of which share of tasks a model knows no more than a guess, by audited tasks.

    A task's verdict has the chance (1 - m) p + m / K. What is believed of m beforehand is a Beta
    distribution, and its mean given the verdicts is returned: about one task in twenty while there
    are none.

    Args:
        probs: (M, K) out-of-fold posteriors of the audited tasks, p once they are `denoised`.
        said: (M,) their verdicts.
        trained: error of the labels that the posteriors were learnt from.
    """
    granted = denoised(probs, trained)[np.arange(len(said)), said]
    share = (np.arange(MODEL_STEPS) + 0.5) / MODEL_STEPS
    chances = (1 - share)[:, None] * granted + share[:, None] / probs.shape[1]
    prior = (PRIOR_GUESSED - 1) * np.log(share) + (PRIOR_KNOWN - 1) * np.log1p(-share)
    logs = prior + np.log(chances).sum(1)
    weights = np.exp(logs - logs.max())
    return float(weights @ share / weights.sum())


def verdict_error(people: float, classes: int) -> float:
    """Return how often a verdict is wrong, where people err independently of each other.

    Of verdicts that two people agree on, or a third with one of them; that three people all differ
    is rare.

    Args:
        people: how often one person errs, e.
        classes: K; whoever errs says each other class alike often.
    """
    e, same = people, people / (classes - 1)
    right = (1 - e) ** 2 + 2 * e * (1 - e) ** 2
    # Two alike; a right one and two alike; two that differ and a third like one of them.
    wrong = e * same + 2 * e * (1 - e) * same + e * (e - same) * 2 * same
    return wrong / (right + wrong)


def true_rate(changed: float, verdict: float, classes: int) -> float:
    """Return the share of wrong labels, from the share that verdicts would change.

    A wrong verdict changes every right label, and keeps one wrong label in K - 1 (the correction of
    Rogan and Gladen 1978).

    Args:
        changed: share of labels that differ from their verdict.
        verdict: of `verdict_error`.
        classes: K.
    """
    rate = (changed - verdict) / (1 - verdict - verdict / (classes - 1))
    return min(max(rate, 0.0), 1.0)


def annotator_errors(
    pairs: IntArray, differing: IntArray, people: float, classes: int
) -> FloatArray:
    """Return (A,) how often each annotator errs; a guess's error for whoever is worse than the cap.

    From 20 pairs on an annotator's own rate counts, shrunk to the mean as by 20 more. Somebody who
    differs from the others more often than the cap allows has a vote without weight.

    Args:
        pairs: (A,) of `people_error`, in which each took part.
        differing: (A,) those in which the other said something else.
        people: of `people_error`.
        classes: K.
    """
    chance, cap = chance_error(classes), highest_error(classes)
    share = differing / np.maximum(pairs, 1)
    # 1 - D = (1 - e)(1 - m) + e m / (K - 1), solved for e: m is the error of the others.
    own = (share - people) / (1 - people / chance)
    shrunk = (pairs * own + OF_A_PERSON * people) / (pairs + OF_A_PERSON)
    known = pairs >= OF_A_PERSON
    found = np.where(known, np.clip(shrunk, LEAST_ERROR, cap), people)
    return np.where(known & (own > cap), chance, found)


def _clipped(rate: FloatArray, classes: int) -> FloatArray:
    return np.clip(rate, LEAST_ERROR, highest_error(classes))
