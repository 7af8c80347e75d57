"""How many labels are wrong, by an audit that people may look at after every answer.

An interval for a sample of fixed size holds at one look that was fixed beforehand; who looks after
every audited task and stops when it suits sees it fail much more often. What stands here holds at
all looks together: with the chance `level` the truth is in every interval from the first to the
last (a confidence sequence). It is made of bets (Waudby-Smith and Ramdas 2024). Against each number
of wrong labels that there might be somebody bets on every next audited task, at odds that are fair
if it is the true one; a number against which 2 / (1 - level) times the stake was ever won, on
either side, is refuted (Ville's inequality). A task is never drawn twice, which makes the odds
(Waudby-Smith and Ramdas 2020).

The model's doubt takes part as a difference whose mean is known (prediction-powered inference,
Angelopoulos et al. 2023): a task that is doubted more than the others is expected to be wrong more
often. Slope and size of the bets come from earlier audited tasks alone, so that a model that is
wrong makes an interval wider and never untrue.
"""

from dataclasses import dataclass, replace

import numpy as np

from relabel.numerics.estimates.error_rates import PRIOR_AUDITED, PRIOR_WRONG
from relabel.types import BoolArray, FloatArray, IntArray

BETS = (0.8, 0.4, 0.2, 0.1)
"""Stakes per standard deviation of an outcome; the money is shared among them. Each wins most
after about 10, 50, 200 and 700 audited tasks."""

MOST = 0.9
"""So much of what is left is staked at most: one surprise does not end a bet."""

PRIOR_SLOPE, PRIOR_SPREAD = 0.5, 0.2
"""Before any outcome half of a doubt is believed, as if by tasks with so much spread of doubts."""

CANDIDATES = 400
"""Numbers of wrong labels that are tried; in larger projects they lie some labels apart."""


@dataclass(frozen=True, slots=True)
class Audited:
    """The start of one random order of N labelled tasks, M of them, in this order.

    wrong: (M,) whether people would change the label. doubts: (M,) how improbable each was, in
    [0, 1], by a model that did not know the answer. rest: (M,) mean of the same doubts over the
    tasks not audited before it, itself among them. tasks: N.
    """

    wrong: BoolArray
    doubts: FloatArray
    rest: FloatArray
    tasks: int

    def without_model(self) -> "Audited":
        """Return the audit alone: no doubt has a say."""
        nothing = np.zeros(len(self.wrong))
        return replace(self, doubts=nothing, rest=nothing)

    @property
    def known(self) -> IntArray:
        """(M,) wrong labels found before each task."""
        return np.asarray(np.cumsum(self.wrong) - self.wrong)

    @property
    def left(self) -> IntArray:
        """(M,) tasks not audited before each task, itself among them."""
        return self.tasks - np.arange(len(self.wrong))


@dataclass(frozen=True, slots=True)
class Looks:
    """What is known after each audited task; the intervals hold all together with chance `level`.

    value, low, high: (M,), low <= value <= high; low never falls and high never rises.
    """

    value: FloatArray
    low: FloatArray
    high: FloatArray
    level: float


def noise_rate_looks(audited: Audited, *, level: float = 0.95) -> Looks:
    """Return the share of labels that people would change, after each audited task.

    Its value is the audited share, moved by how much more the model doubts the tasks that are left
    than those that were audited; `audited.without_model()` gives the audited share as it is.

    Args:
        audited: the tasks with a verdict; M may be 0.
        level: of all intervals together.
    """
    numbers = candidates(audited.tasks)
    needed = np.log(2 / (1 - level))  # each end may fail half as often
    more = _first_refuted(log_wealth(audited, numbers, against_more=True), needed)
    fewer = _first_refuted(log_wealth(audited, numbers[::-1], against_more=False), needed)
    # Numbers between a candidate that is refuted and one that is not may still be true.
    high = np.append(numbers - 1, audited.tasks)[more]
    low = np.append(numbers[::-1] + 1, 0)[fewer]
    surely = audited.known + audited.wrong
    low = np.maximum.accumulate(np.maximum(low, surely)) / audited.tasks
    high = np.minimum.accumulate(np.minimum(high, surely + audited.left - 1)) / audited.tasks
    empty = low > high
    if empty.any():  # a project of the unlucky share: what was known until then stays
        first = int(empty.argmax())
        low[first:], high[first:] = low[first - 1], high[first - 1]
    return Looks(np.clip(_values(audited), low, high), low, high, level)


def candidates(tasks: int) -> IntArray:
    """Return (G,) numbers of wrong labels from 0 to `tasks`, closest where a share is surest."""
    if tasks < CANDIDATES:
        return np.arange(tasks + 1)
    shares = np.sin(np.linspace(0, np.pi / 2, CANDIDATES)) ** 2
    return np.unique(np.round(tasks * shares).astype(np.int64))


def log_wealth(audited: Audited, numbers: IntArray, *, against_more: bool) -> FloatArray:
    """Return (G, M) logarithms of what was won against each number by each look, from a stake of 1.

    If a number is the true one, the expected wealth is 1 at every look.

    Args:
        audited: the audit.
        numbers: (G,) wrong labels that there might be in all.
        against_more: bet that there are fewer; otherwise that there are more. Wealth then grows,
            or falls, with the number.
    """
    gap = audited.doubts - audited.rest
    slope = _slopes(audited.wrong, gap)[:-1]
    outcome = audited.wrong - slope * gap
    least, most = slope * (audited.rest - 1), 1 + slope * audited.rest
    mean = np.clip((numbers[:, None] - audited.known) / audited.left, 0, 1)
    room, surplus = (
        (most - mean, mean - outcome) if against_more else (mean - least, outcome - mean)
    )
    limit = MOST / np.maximum(room, 1e-12)
    usual = 1 / _spread(outcome)
    wealth = np.full(mean.shape, -np.inf)
    for bet in BETS:
        won = np.log1p(np.minimum(bet * usual, limit) * surplus)
        wealth = np.logaddexp(wealth, won.cumsum(1))
    return np.asarray(wealth - np.log(len(BETS)))


def _first_refuted(wealth: FloatArray, needed: float) -> IntArray:
    """(M,) at each look the first row of (G, M) that had so much by then, G = none.

    Later rows have more than earlier ones.
    """
    return np.asarray((np.maximum.accumulate(wealth, axis=1) < needed).sum(0))


def _slopes(wrong: BoolArray, gap: FloatArray) -> FloatArray:
    """(M + 1,) by how much a doubt is believed before each task, and after the last one."""
    n = np.maximum(np.arange(len(wrong) + 1), 1)
    both, doubt, found, square = (
        np.concatenate([[0.0], np.cumsum(x)]) for x in (gap * wrong, gap, wrong, gap * gap)
    )
    shared, spread = both - doubt * found / n, square - doubt * doubt / n
    slope = (shared + PRIOR_SLOPE * PRIOR_SPREAD) / (np.maximum(spread, 0) + PRIOR_SPREAD)
    return np.asarray(np.clip(slope, 0, 1))


def _spread(outcome: FloatArray) -> FloatArray:
    """(M,) standard deviation expected of each outcome, by those before it and the prior tasks."""
    n = PRIOR_AUDITED + np.arange(len(outcome))
    mean = (PRIOR_WRONG + np.cumsum(outcome) - outcome) / n
    square = (PRIOR_WRONG + np.cumsum(outcome**2) - outcome**2) / n
    return np.asarray(np.sqrt(square - mean**2))


def _values(audited: Audited) -> FloatArray:
    """(M,) the audited share after each task, moved by the model."""
    n = np.arange(1, len(audited.wrong) + 1)
    less = np.cumsum(audited.rest - audited.doubts) / n
    slope = _slopes(audited.wrong, audited.doubts - audited.rest)[1:]
    return np.asarray(np.cumsum(audited.wrong) / n + slope * less)
