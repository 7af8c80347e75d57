"""Whether an order that a paper claims holds, seed by seed."""

from collections.abc import Sequence

import numpy as np

from relabel.simulation.measure.evaluation import paired_difference


def ordering(better: Sequence[float], worse: Sequence[float], unit: str = "points") -> str:
    """Return whether `better` exceeds `worse`, (n,) each, paired by seed, in words.

    "holds" and "fails" where the 95 % interval of the mean difference lies on one side of 0, else
    "undecided".
    """
    found = paired_difference(np.asarray(better, dtype=np.float64), np.asarray(worse))
    interval = f"{found.mean:+,.2f} [{found.low:+,.2f}, {found.high:+,.2f}] {unit}"
    if found.low > 0:
        return f"holds: {interval}"
    return f"fails: {interval}" if found.high < 0 else f"undecided: {interval}"
