"""A linear head on frozen embeddings: the cheap selector, out of sample."""

from typing import Unpack

import numpy as np
import torch
from torch import Tensor

from relabel.errors import ConfigurationError
from relabel.learning.batches import Batches
from relabel.learning.folds import stratified_folds
from relabel.learning.loop import fit
from relabel.learning.networks import LinearHeads
from relabel.learning.objectives import Supervised
from relabel.learning.selection import Run, RunArguments, Selection, TrainingData
from relabel.learning.weighting import HoldOut
from relabel.types import Float32Array, IntArray, Posteriors

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


def need_vectors(data: TrainingData, selector: str) -> Float32Array:
    """Return the embeddings (N, D), or say who needs them."""
    if data.vectors is None:
        raise ConfigurationError(
            f"Selector '{selector}' works on embeddings, and there are none: choose an encoder."
        )
    return data.vectors


def scaled(vectors: Float32Array) -> Tensor:
    """Centre vectors (N, D) and divide all of them by one number, to unit variance per dimension.

    One number for all dimensions: what an encoder spreads widely usually matters more.
    """
    tensor = torch.from_numpy(np.ascontiguousarray(vectors, dtype=np.float32))
    centred = tensor - tensor.mean(0)
    return centred / centred.square().mean().sqrt().clamp_min(1e-12)


def out_of_fold(members: Float32Array, fold_of: IntArray) -> Float32Array:
    """Return (N, K): for each task the member (folds, N, K) that did not see it.

    A task without votes was seen by none; it gets the mean of all.
    """
    own = members[np.maximum(fold_of, 0), np.arange(len(fold_of))]
    return np.where(fold_of[:, None] >= 0, own, members.mean(0)).astype(np.float32)


def cross_entropy(probs: Float32Array, data: TrainingData) -> float:
    """Return the mean cross-entropy of the labelled tasks' votes, in nats per task."""
    rows = data.labelled
    logs = np.log(np.maximum(probs[rows], 1e-12))
    return float(-(data.targets[rows] * logs).sum(1).mean())
