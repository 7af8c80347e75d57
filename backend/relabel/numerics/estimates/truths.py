"""What is true of labels nobody has checked yet: a posterior to draw from, by the votes so far.

The true class of a task is hidden. Its old label is wrong with a chance that follows the model's
doubt, P(wrong) = f + (c - f) expit(s + b (logit(doubt) - PIVOT)): a line between a floor f and a
ceiling c, since some labels are wrong that the model does not doubt at all, and of those that it
finds impossible some are right. People say the true class but
for an error e; of a wrong label they say the label itself with chance h e, which is far more than
one class in K - 1 where they share mistakes with those who labelled before. All votes count, of
settled tasks and of begun ones: neither the consensus nor the choice of the tasks biases what is
learnt, since given the doubt, who was asked says nothing about the label.
"""

from dataclasses import dataclass

import numpy as np

from relabel.numerics.estimates.error_rates import PEOPLE, PRIOR_PAIRS
from relabel.types import FloatArray, IntArray

LEAST_DOUBT = 1e-4

PIVOT = -3.0
"""Where most wrong labels are told from right ones, in log odds of the doubt: one in twenty."""

SHIFTS = np.linspace(-4.5, 1.5, 17)
SLOPES = np.linspace(0.4, 2.8, 9)
CEILINGS = np.array([0.7, 0.8, 0.9, 0.98])
ERRORS = np.geomspace(0.01, 0.4, 8)
SHARED = np.array([0.1, 0.4, 0.8, 1.2])
FLOORS = np.array([0.0, 0.004, 0.012])
"""The grid of s, b, c, e, h and f: every point has its chance, so nothing is taken to be normal."""

TRUST = 0.6
"""Weight of the votes: the curve is not quite that of any model, and what fits its upper end, where
the queue asks first, would else be believed too firmly of its lower one."""

SHIFT_MEAN, SHIFT_SPREAD = -1.8, 0.9
SLOPE_MEAN, SLOPE_SPREAD = 1.6, 0.5
"""Before any vote, as measured on projects of four data sets: benchmarks/forecasts.py."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """N tasks, K classes.

    given: (N,) old labels. doubts: (N,) in [0, 1], how improbable the model finds them. others:
    (N, K) chances of each class if the old label is wrong, 0 at the label; rows sum to 1. new:
    (N, K) votes of people.
    """

    given: IntArray
    doubts: FloatArray
    others: FloatArray
    new: IntArray

    def odds(self) -> FloatArray:
        """Return (N,) log odds of the doubts, from the pivot on."""
        doubts = np.clip(self.doubts, LEAST_DOUBT, 1 - LEAST_DOUBT)
        return np.asarray(np.log(doubts) - np.log1p(-doubts) - PIVOT)

    def by_votes(self, error: float, shared: float) -> FloatArray:
        """Return (N, K) how likely the votes are by true class."""
        each, k = np.arange(len(self.new)), self.new.shape[1]
        same = self.new[each, self.given]
        other = error / (k - 1)
        confirmed, found = wrong_label(error, shared, k)
        total = self.new.sum(1)
        logs = (total - same)[:, None] * np.log(other) + self.new * np.log(found / other)
        logs += same[:, None] * np.log(confirmed)
        logs[each, self.given] = same * np.log1p(-error) + (total - same) * np.log(other)
        return np.asarray(np.exp(logs))


def wrong_label(error: float, shared: float, classes: int) -> tuple[float, float]:
    """Return how often people say a wrong label, and how often the true class instead."""
    said = shared * error
    return said, max(1 - said - error * (classes - 2) / (classes - 1), 0.05)


@dataclass(frozen=True, slots=True)
class Truths:
    """The posterior of (s, b, c, e, h, f) on the grid; chances: one axis each, they sum to 1."""

    known: Knowledge
    chances: FloatArray

    def draw(self, rng: np.random.Generator) -> tuple[IntArray, float, float]:
        """Return (N,) true classes, how often people err, and how much they share, all drawn."""
        place = int(rng.choice(self.chances.size, p=self.chances.ravel()))
        grids = (SHIFTS, SLOPES, CEILINGS, ERRORS, SHARED, FLOORS)
        at = np.unravel_index(place, self.chances.shape)
        shift, slope, ceiling, error, shared, floor = (
            float(grid[i]) for grid, i in zip(grids, at, strict=True)
        )
        known = self.known
        likely = known.by_votes(error, shared)
        wrong = floor + (ceiling - floor) * _expit(shift + slope * known.odds())
        joint = wrong[:, None] * known.others * likely
        each = np.arange(len(joint))
        joint[each, known.given] = (1 - wrong) * likely[each, known.given]
        levels = joint.cumsum(1)
        drawn = rng.random(len(joint)) * levels[:, -1]
        return (levels < drawn[:, None]).sum(1), error, shared

    def answers(
        self, truth: IntArray, error: float, shared: float, people: int, rng: np.random.Generator
    ) -> IntArray:
        """Return (N, A) what so many people say of the tasks, drawn."""
        k = self.known.new.shape[1]
        confirmed, found = wrong_label(error, shared, k)
        chances = np.full((len(truth), k), error / (k - 1))
        each, wrong = np.arange(len(truth)), truth != self.known.given
        chances[each, truth] = np.where(wrong, found, 1 - error)
        chances[wrong, self.known.given[wrong]] = confirmed
        levels = chances.cumsum(1)
        luck = rng.random((people, len(truth))) * levels[:, -1]
        return np.stack([(levels < one[:, None]).sum(1) for one in luck], axis=1)


def learn_truths(known: Knowledge) -> Truths:
    """Return the posterior of s, b, c, e, h and f after all votes."""
    asked = known.new.any(1)
    some = Knowledge(known.given[asked], known.doubts[asked], known.others[asked], known.new[asked])
    odds, each = some.odds(), np.arange(int(asked.sum()))
    base = _expit(SHIFTS[:, None, None] + SLOPES[:, None] * odds)
    logs = np.zeros(tuple(map(len, (SHIFTS, SLOPES, CEILINGS, ERRORS, SHARED, FLOORS))))
    for at in np.ndindex(len(CEILINGS), len(ERRORS), len(SHARED)):
        likely = some.by_votes(float(ERRORS[at[1]]), float(SHARED[at[2]]))
        kept = likely[each, some.given]
        # The chance of all votes on the task, by whether its label is wrong.
        more = (some.others * likely).sum(1) - kept
        for place, floor in enumerate(FLOORS.tolist()):
            rise = (CEILINGS[at[0]] - floor) * more
            logs[:, :, *at, place] = np.log(kept + floor * more + base * rise).sum(-1)
    logs = TRUST * logs + _prior()
    chances = np.exp(logs - logs.max())
    return Truths(known, chances / chances.sum())


def _prior() -> FloatArray:
    shift = -0.5 * ((SHIFTS - SHIFT_MEAN) / SHIFT_SPREAD) ** 2
    slope = -0.5 * ((SLOPES - SLOPE_MEAN) / SLOPE_SPREAD) ** 2
    votes = 2 * PRIOR_PAIRS
    # A geometric grid: its steps grow with e.
    error = votes * PEOPLE * np.log(ERRORS) + (votes * (1 - PEOPLE) - 1) * np.log1p(-ERRORS)
    # In the order of the grid's axes; of ceilings, shares and floors all are alike likely.
    on_axes = shift[:, *[None] * 5] + slope[:, *[None] * 4] + error[:, None, None]
    return np.asarray(on_axes)


def _expit(odds: FloatArray) -> FloatArray:
    return np.asarray(1 / (1 + np.exp(-odds)))
