"""Whether something goes wrong more often than it may, asked after every outcome.

A bet against "no more often than so": its wealth has an expected value of at most 1 while that is
true, so it ever reaches 1 / (1 - level) with a chance of at most 1 - level (Ville's inequality;
Waudby-Smith and Ramdas 2024), however often one looks.
"""

import numpy as np

from relabel.types import BoolArray

STAKES = (0.8, 0.4, 0.2, 0.1)
"""Per standard deviation of an outcome; the money is shared among them."""

MOST = 0.9
"""So much is staked at most: no single outcome ends a bet."""

SLACK = 0.01
"""Labels that one person and the model settled may be wrong so much more often than believed."""


def is_exceeded(wrong: BoolArray, share: float, *, level: float = 0.95) -> bool:
    """Return whether outcomes were wrong more often than `share`, at any time so far.

    Args:
        wrong: (M,) outcomes in their order, each wrong with a chance of its own.
        share: they may be wrong so often, in (0, 1).
        level: at most 1 - level of those that are not wrong more often are ever accused.
    """
    spread = np.sqrt(share * (1 - share))
    surplus = wrong.astype(np.float64) - share
    wealth = np.zeros(len(wrong))
    for stake in STAKES:
        bet = min(stake / spread, MOST / share)
        wealth += np.exp(np.log1p(bet * surplus).cumsum())
    return bool(wealth.max(initial=0.0) / len(STAKES) >= 1 / (1 - level))
