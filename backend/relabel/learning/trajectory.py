"""Kim's contribution: tasks whose loss stays small weigh more and more."""

from collections.abc import Callable

import torch
from torch import Tensor

from relabel.learning.weighting import Step, Weighting


class LossTrajectory(Weighting):
    """Weights N * alpha, alpha drawn each epoch towards small losses (Kim 2022, Eqs. 2 to 4).

    alpha starts at 1/N and moves by `delta` towards softmax(-loss^2 / sigma). The paper's step uses
    alpha itself, which divides the learning rate by N; N * alpha keeps 1 as the ordinary weight.
    Losses are those of the training pass, which saves a second pass over all tasks.

    A row whose loss is not known yet, since no batch has held it, neither gains nor loses; rows
    that are never trained on have no contribution at all.

    A label that people settled is certain: its loss counts as 0 in alpha, however hard the network
    finds it. Otherwise the corrections that teach most would weigh least.

    Args:
        tasks: N, all rows.
        rows: (n,) the rows that are trained on.
        delta: in (0, 1], how fast alpha moves.
        bandwidth: one of `BANDWIDTHS`.
        settled: (N,) bool, labels that are certain; None = none is.
    """

    alpha: Tensor
    losses: Tensor
    rows: Tensor
    settled: Tensor

    def __init__(
        self,
        tasks: int,
        rows: Tensor,
        *,
        delta: float = 0.1,
        bandwidth: str = "mean_sq",
        settled: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.delta = delta
        self.bandwidth = bandwidth
        alpha = torch.zeros(tasks)
        alpha[rows] = 1 / len(rows)
        self.register_buffer("alpha", alpha)
        self.register_buffer("losses", torch.full((tasks,), torch.nan))
        self.register_buffer("rows", rows)
        certain = torch.zeros(tasks, dtype=torch.bool) if settled is None else settled
        self.register_buffer("settled", certain)

    def weigh(self, step: Step) -> Tensor:
        """Return n * alpha (1, B), the same for every network, and note the losses."""
        self.losses[step.rows] = step.losses.float().mean(0)
        weights = self.alpha[step.rows] * len(self.rows)
        return weights.to(step.losses.dtype).expand_as(step.losses)

    def after_epoch(self, epoch: int) -> None:
        """Move alpha towards the tasks of small loss."""
        del epoch
        rows = self.rows[~self.losses[self.rows].isnan()]
        losses = self.losses[rows]
        sigma = BANDWIDTHS[self.bandwidth](losses).clamp_min(1e-12)
        doubts = losses.masked_fill(self.settled[rows], 0)
        towards = torch.softmax(-doubts.square() / sigma, 0) * self.alpha[rows].sum()
        self.alpha[rows] = (1 - self.delta) * self.alpha[rows] + self.delta * towards

    def contribution(self) -> Tensor:
        """Return alpha (N,), NaN where no batch has held the row."""
        return self.alpha.masked_fill(self.losses.isnan(), torch.nan)


def mean_difference(losses: Tensor) -> Tensor:
    """Return the mean of |l_i - l_j| over all pairs.

    It comes from sorting: the i-th smallest of n losses is the larger one of i pairs and the
    smaller one of n - 1 - i.
    """
    count = len(losses)
    signs = 2 * torch.arange(count, dtype=losses.dtype, device=losses.device) - (count - 1)
    return (signs * losses.sort().values).sum() / max(1, count * (count - 1) // 2)


BANDWIDTHS: dict[str, Callable[[Tensor], Tensor]] = {
    "mean_sq": lambda losses: losses.mean().square(),
    "pairwise": lambda losses: mean_difference(losses).square(),
    "half_pairwise": lambda losses: (mean_difference(losses) / 2).square(),
}
"""How sigma comes from the losses (n,)."""
