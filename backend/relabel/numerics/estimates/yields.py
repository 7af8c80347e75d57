"""What the next votes will find, and whether to go on."""

from dataclasses import dataclass

import numpy as np

from relabel.errors import InvalidValuesError
from relabel.types import BoolArray, FloatArray

PRIOR_MEAN = np.array([0.0, 1.0])
PRIOR_SPREAD = np.array([1.0, 0.5])
"""Before any outcome the model's doubt is believed, give or take a factor of e in the odds."""


@dataclass(frozen=True, slots=True)
class DoubtModel:
    """P(wrong) = expit(a + b logit(doubt)), with what is not yet known about a and b.

    coefficients: (2,) a and b; covariance: (2, 2).
    """

    coefficients: FloatArray
    covariance: FloatArray

    def probability(self, doubts: FloatArray) -> FloatArray:
        """Return (n,) P(wrong) in (0, 1) of tasks with these doubts in [0, 1]."""
        from scipy.special import expit

        return np.asarray(expit(_design(doubts) @ self.coefficients))


def fit_doubt(doubts: FloatArray, wrong: BoolArray) -> DoubtModel:
    """Learn from relabelled tasks how much of the model's doubt to believe.

    Penalised logistic regression by Newton's method; with few outcomes the prior (believe it as it
    is) decides.

    Args:
        doubts: (m,) of the tasks settled so far, as `noise_rate.doubt` gave before relabelling; m
            may be 0.
        wrong: (m,) whether their labels were wrong.

    Raises:
        InvalidValuesError: Lengths differ, or a doubt is outside [0, 1].
    """
    from scipy.special import expit

    if doubts.shape != wrong.shape or not ((doubts >= 0) & (doubts <= 1)).all():
        raise InvalidValuesError(
            f"doubts {doubts.shape} and wrong {wrong.shape} must be as long as each other, and "
            "doubts in [0, 1]."
        )
    x, precision = _design(doubts), np.diag(PRIOR_SPREAD**-2.0)
    beta = PRIOR_MEAN.copy()
    for _ in range(50):
        p = expit(x @ beta)
        gradient = x.T @ (wrong - p) - precision @ (beta - PRIOR_MEAN)
        curvature = (x * (p * (1 - p))[:, None]).T @ x + precision
        step = np.linalg.solve(curvature, gradient)
        # Long steps overshoot where outcomes are separable; the optimum is unique all the same.
        beta = beta + step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-10:
            break
    return DoubtModel(beta, np.linalg.inv(curvature))


def predicted_yield(
    doubts: FloatArray, votes_each: FloatArray, votes: int, model: DoubtModel
) -> float:
    """Predict how many wrong labels the next votes will find.

    Args:
        doubts: (n,) of the open tasks in the order of relabelling.
        votes_each: (n,) expected votes per task, of `expected_votes`, each > 0.
        votes: How many votes will be given.
        model: Of `fit_doubt`.

    Returns:
        Wrong labels found, >= 0.
    """
    before = np.cumsum(votes_each) - votes_each
    covered = np.clip((votes - before) / votes_each, 0, 1)
    return float(covered @ model.probability(doubts))


def _design(doubts: FloatArray) -> FloatArray:
    """(n, 2) a constant, and the log-odds of doubts kept off 0 and 1."""
    from scipy.special import logit

    odds = logit(np.clip(doubts, 1e-6, 1 - 1e-6))
    return np.column_stack([np.ones(len(doubts)), odds])
