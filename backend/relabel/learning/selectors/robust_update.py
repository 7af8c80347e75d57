"""Kim's robust update: one network whose tasks weigh by the trajectory of their loss.

Batch: cross-entropy, each task times its weight, averaged over the batch (Eq. 2).
Task: N * alpha, alpha drawn each epoch towards small losses (Eqs. 3 and 4).
Defaults: delta 0.1; sigma from the losses of each epoch, see `robust_update`; the learning rate
falls to a tenth every ten epochs (section 4).
Source: Kim 2022, Active label correction using robust parameter update and entropy propagation.
"""

from collections.abc import Callable
from typing import Unpack

import torch
from torch import Tensor

from relabel.errors import ConfigurationError
from relabel.learning.data import Selection, TrainingData
from relabel.learning.training.loop import Schedule
from relabel.learning.training.objectives import Supervised
from relabel.learning.training.options import TrainingArguments
from relabel.learning.training.train import Training
from relabel.learning.training.weighting import Step, Weighting

DECAY_EPOCHS = 10  # the learning rate falls to a tenth every so many epochs (Kim 2022, section 4)


def robust_update(
    data: TrainingData,
    *,
    delta: float = 0.1,
    bandwidth: str | None = None,
    **arguments: Unpack[TrainingArguments],
) -> Selection:
    """Train one network with Kim's robust weights (Kim 2022, Eqs. 2 to 4).

    The contribution is alpha: low for tasks whose loss stayed large, NaN for those that no batch
    has held.

    Args:
        data: votes with embeddings or images.
        delta: in (0, 1], how fast contributions follow the latest losses.
        bandwidth: where sigma comes from: "mean_sq" (mean loss, squared), "pairwise" (mean
            difference of two losses, squared; the paper's words allow both) or "half_pairwise"
            (half of that difference, squared). None = "half_pairwise" once people settled a task,
            before that "mean_sq". With 80 % wrong labels on CIFAR-10 features and nothing
            settled, narrow ones give a few tasks nearly all the weight and training collapses
            (accuracy 0.19 against 0.39); with 300 of 5,000 settled they are better (0.64, 0.57).
        **arguments: see `TrainingArguments`.
    """
    bandwidth = bandwidth or ("half_pairwise" if data.settled.any() else "mean_sq")
    if not 0 < delta <= 1 or bandwidth not in BANDWIDTHS:
        raise ConfigurationError(
            f"robust_update: delta = {delta} lies in (0, 1]; bandwidth = '{bandwidth}' is one "
            f"of {', '.join(BANDWIDTHS)}."
        )
    training = Training.of(data, arguments)
    network = training.peers()
    weighting = LossTrajectory(
        training.tasks,
        training.rows,
        delta=delta,
        bandwidth=bandwidth,
        settled=torch.from_numpy(data.settled),
    )
    record = training.fit(Supervised(network, weighting), network, schedule=tenths(training.epochs))
    return training.selection(network, record, weighting.contribution())


def tenths(epochs: int) -> Schedule:
    """Return a learning rate that falls to a tenth every ten epochs, three times at most."""
    return lambda progress: 0.1 ** min(3, int(progress * epochs + 1e-9) // DECAY_EPOCHS)


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
