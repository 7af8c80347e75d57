"""A linear head on frozen embeddings: the cheap selector, out of sample.

Batch: cross-entropy of all tasks at once, plus half a ridge * the squared norm of each head.
Task: 1 over the share of tasks outside the head's fold, 0 in its fold.
Defaults: 5 folds; of four ridges the one of lowest held-out cross-entropy.
Source: ridge-penalised multinomial logistic regression, cross-fitted.
"""

from typing import Unpack

import numpy as np
import torch
from torch import Tensor

from relabel.errors import ConfigurationError
from relabel.learning.batches import Batches
from relabel.learning.data import Run, RunArguments, Selection, TrainingData, need_vectors
from relabel.learning.folds import out_of_fold, stratified_folds
from relabel.learning.networks.side_by_side import LinearHeads, scaled
from relabel.learning.training.loop import fit
from relabel.learning.training.objectives import Supervised
from relabel.learning.training.weighting import Step, Weighting
from relabel.types import Float32Array, Posteriors

RIDGES = (2e-5, 1e-4, 4e-4, 2e-3)
"""Penalties tried, relative to the mean squared norm of the centred vectors."""

STEPS = 40
"""Quasi-Newton iterations; more of them did not lower the held-out loss on CIFAR-10H."""


def linear(data: TrainingData, *, folds: int = 5, **run: Unpack[RunArguments]) -> Selection:
    """Cross-fit a linear classifier on frozen embeddings.

    All folds and all penalties are heads side by side, trained at once on the normalised votes; the
    penalty is the one with the lowest cross-entropy on held-out votes. Training starts afresh each
    round: a head that has seen a task's votes before would not be out of sample.

    Args:
        data: needs `vectors`.
        folds: how many parts tasks are dealt to; a task is judged by the head of the others.
        **run: see `Run`.
    """
    if folds < 2:
        raise ConfigurationError(f"linear: folds = {folds}; use at least 2.")
    how = Run(**run)
    vectors = scaled(need_vectors(data, "linear"))
    fold_of = stratified_folds(data.labels, folds, how.seed, data.groups)
    owners = torch.arange(folds).repeat(len(RIDGES))
    heads = LinearHeads(vectors.shape[1], data.counts.shape[1], len(owners)).to(how.device)
    ridges = torch.tensor(RIDGES).repeat_interleave(folds) * vectors.square().sum(1).mean()
    lam = ridges.to(how.device)[:, None, None]
    objective = Supervised(
        heads,
        HoldOut(torch.from_numpy(fold_of), owners),
        penalty=lambda _: 0.5 * (lam * heads.weight.square()).sum(),
    ).to(how.device)
    _fit(objective, vectors, data, how)
    with torch.no_grad():
        logits = heads(vectors.to(how.device)).logits
    probs = logits.cpu().softmax(-1).view(len(RIDGES), folds, len(vectors), -1).numpy()
    choices = [out_of_fold(members, fold_of) for members in probs]
    losses = [cross_entropy(choice, data) for choice in choices]
    best = int(np.argmin(losses))
    return Selection(
        Posteriors(data.task_ids, choices[best]),
        out_of_sample=True,
        record={"ridge": RIDGES[best], "held_out_loss": losses[best], "folds": folds},
    )


def _fit(objective: Supervised, vectors: Tensor, data: TrainingData, run: Run) -> None:
    rows = torch.from_numpy(data.labelled)
    batches = Batches(
        vectors, torch.from_numpy(data.targets), rows, size=0, seed=run.seed, device=run.device
    )
    optimizer = torch.optim.LBFGS(
        objective.parameters(), max_iter=STEPS // 4, history_size=10, line_search_fn="strong_wolfe"
    )
    fit(objective, batches, optimizer, epochs=4, progress=run.progress, stage="linear")


class HoldOut(Weighting):
    """Network m learns from the tasks outside its own fold only.

    folds: (N,) the fold of each row. owners: (M,) the fold that each network is kept away from.
    """

    folds: Tensor
    owners: Tensor

    def __init__(self, folds: Tensor, owners: Tensor) -> None:
        super().__init__()
        self.register_buffer("folds", folds)
        self.register_buffer("owners", owners)

    def weigh(self, step: Step) -> Tensor:
        """Return (M, B): zero on the network's own fold, scaled to mean 1 over the others."""
        seen = (self.folds[step.rows] != self.owners[:, None]).to(step.losses.dtype)
        return seen / seen.mean(1, keepdim=True).clamp_min(1e-12)


def cross_entropy(probs: Float32Array, data: TrainingData) -> float:
    """Return the mean cross-entropy of the labelled tasks' votes, in nats per task."""
    rows = data.labelled
    logs = np.log(np.maximum(probs[rows], 1e-12))
    return float(-(data.targets[rows] * logs).sum(1).mean())
