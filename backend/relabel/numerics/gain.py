"""Where one more vote gains most: right labels to be expected per vote, higher = ask sooner.

`posterior_gain` where the posterior counts as evidence, `majority_gain` where a strict majority
settles. Both look at a task's own row, so one vote changes one key.
"""

from functools import lru_cache

import numpy as np

from relabel.numerics.consensus.posterior import weight_against
from relabel.numerics.labels import EQUAL
from relabel.types import BoolArray, FloatArray, IntArray

GAIN = "gain"
"""The score that asks one vote at a time where it gains most."""

LEAST = 1e-25
"""Gains and doubts below this are as good as equal."""

Others = tuple[int, ...]
"""Votes of the classes that are not the true one, those without any left out, most first."""


def disbelief(q: FloatArray, labels: IntArray) -> FloatArray:
    """Return (N,) 1 - q[label], summed from the other classes: near 0 the difference says nothing.

    Args:
        q: (N, K) of `beliefs`.
        labels: (N,) the label that each task shows; -1 = none, which is never right.
    """
    others = q.copy()
    shown = np.flatnonzero(labels >= 0)
    others[shown, labels[shown]] = 0
    return np.asarray(others.sum(1))


def gain_score(gain: FloatArray, doubt: FloatArray) -> FloatArray:
    """What one more vote on the task is expected to gain, right labels per vote: one at a time.

    One number for the key (gain, doubt), in [-58, 61], higher = ask sooner.

    Positive gains by their logarithm, above all tasks whose label one vote cannot change, which are
    ordered by the logarithm of their doubt: so small differences count at either end.

    Args:
        gain: (N,) of `posterior_gain` or `majority_gain`.
        doubt: (N,) of `disbelief`.
    """
    floor = -np.log(LEAST)
    by_gain = np.log(np.maximum(gain, LEAST)) + floor + 1
    by_doubt = np.log(np.maximum(doubt, LEAST))
    return np.asarray(np.where(gain > 0, by_gain, by_doubt))


def posterior_gain(
    q: FloatArray, labels: IntArray, prior: FloatArray, error: float, *, unfinished: BoolArray
) -> FloatArray:
    """Return (N,) the expected share of right labels that a vote gains, >= 0.

    The shown label becomes the likeliest class, or after one more vote the class voted for if that
    puts it ahead: q(top) - q(label) + sum_a max(0, q(a) P(vote a | a) - q(top) P(vote a | top)).
    Exactly 0 where one vote cannot change the label. Where that leaves an unfinished task without
    a reason to be asked again, it takes the expected gain of the fewest votes that could change its
    label, per vote: all of them have to be for one class.

    Args:
        q: (N, K) of `beliefs`.
        labels: (N,) the label that each task shows, -1 = none.
        prior: (N, K) of `prior_of`: where it goes, wrong votes do as well, as `beliefs` has it.
        error: of the next vote, below a guess's.
        unfinished: (N,) tasks with a vote that are not settled.
    """
    each, top = np.arange(len(q)), q.argmax(1)
    most, own = q[each, top], np.where(labels >= 0, q[each, labels], 0.0)
    rest = q.copy()
    rest[each, top] = 0
    step = weight_against(prior, top, error)
    gain: FloatArray = (most - own) + _overtaking(rest, most, step, error, np.ones(len(q)))
    stuck = np.flatnonzero(unfinished & (gain == 0))
    if len(stuck):
        gain[stuck] = _by_several(rest[stuck], most[stuck], step[stuck], error)
    return gain


def _overtaking(
    rest: FloatArray, most: FloatArray, step: FloatArray, error: float, votes: FloatArray
) -> FloatArray:
    """(n,) gain of so many votes for one other class, over the classes that they put ahead."""
    ahead = rest - most[:, None] * np.exp(-votes[:, None] * step)
    return np.asarray((1 - error) ** votes * np.maximum(0, ahead).sum(1))


def _by_several(rest: FloatArray, most: FloatArray, step: FloatArray, error: float) -> FloatArray:
    """(n,) gain per vote of the fewest votes that could change the label."""
    lead = np.log(most)[:, None] - np.log(np.maximum(rest, np.finfo(float).tiny))
    votes = np.floor((lead / np.maximum(step, EQUAL)).min(1)) + 1
    gain = _overtaking(rest, most, step, error, votes)
    level = np.flatnonzero(gain == 0)  # so many votes only draw level
    votes[level] += 1
    gain[level] = _overtaking(rest[level], most[level], step[level], error, votes[level])
    return np.asarray(gain / votes)


def majority_gain(
    q: FloatArray, counts: IntArray, labels: IntArray, error: float, *, max_votes: int
) -> FloatArray:
    """Return (N,) expected corrections per expected vote until a strict majority, in (-1, 1).

    Exact, over all courses that the votes can take under the cap. Slightly negative where the label
    is almost surely right and people might break it.

    Args:
        q: (N, K) of `beliefs`.
        counts: (N, K) votes, the old label included.
        labels: (N,) the label that each task shows, -1 = none; kept if the cap comes first.
        error: of every vote to come, below a guess's.
        max_votes: the cap on the votes of one task.
    """
    classes = q.shape[1]
    patterns, which = np.unique(-np.sort(-counts, axis=1), axis=0, return_inverse=True)
    right, votes = np.zeros(len(q)), np.zeros(len(q))
    for number, pattern in enumerate(patterns.tolist()):
        rows = np.flatnonzero(which.ravel() == number)
        for own in set(pattern):
            others = list(pattern)
            others.remove(own)
            state = tuple(n for n in others if n)
            found, undecided, spent = course(own, state, classes, error, max_votes)
            believed = np.where(counts[rows] == own, q[rows], 0.0)
            shown = labels[rows]
            mine = np.where(shown >= 0, believed[np.arange(len(rows)), shown], 0.0)
            weight = believed.sum(1)
            right[rows] += weight * found + mine * undecided - mine
            votes[rows] += weight * spent
    return np.asarray(right / np.maximum(votes, EQUAL))


@lru_cache(maxsize=100_000)
def course(
    own: int, others: Others, classes: int, error: float, max_votes: int
) -> tuple[float, float, float]:
    """Return what becomes of a task whose true class has `own` votes and other classes `others`.

    Returns:
        The chance that the true class gets the strict majority, the chance that the cap on votes
        comes first, and the expected number of further votes, at least one.
    """
    wrong = error / (classes - 1)
    ends = [(1 - error, own + 1, others)]
    for votes in set(others):
        more = list(others)
        more.remove(votes)
        after = tuple(sorted([*more, votes + 1], reverse=True))
        ends.append((wrong * others.count(votes), own, after))
    untouched = classes - 1 - len(others)
    if untouched:
        ends.append((wrong * untouched, own, (*others, 1)))
    found = undecided = 0.0
    spent = 1.0
    for chance, mine, theirs in ends:
        most = max(mine, *theirs) if theirs else mine
        strict = (mine == most) + theirs.count(most) == 1
        if strict and mine + sum(theirs) > 1:
            found += chance * (mine == most)
        elif mine + sum(theirs) >= max_votes:
            undecided += chance
        else:
            later = course(mine, theirs, classes, error, max_votes)
            found += chance * later[0]
            undecided += chance * later[1]
            spent += chance * later[2]
    return found, undecided, spent
