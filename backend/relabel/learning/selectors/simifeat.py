"""SimiFeat: the nearest neighbours vote on each label; nothing is trained.

Batch: none.
Task: its votes count for each of its neighbours times their cosine similarity.
Defaults: 10 neighbours, one vote spread as the classes occur.
Source: Zhu et al. 2022, Detecting corrupted labels without training a model to predict; one of the
detectors of Kim 2022, Fig. 4.
"""

from typing import Unpack

import numpy as np

from relabel.errors import NotReadyError
from relabel.learning.data import Run, RunArguments, Selection, TrainingData, need_vectors
from relabel.numerics.neighbours.knn import build_index, find_neighbours
from relabel.types import Float32Array, FloatArray, IntArray, Posteriors


def simifeat(
    data: TrainingData, *, neighbours: int = 10, prior: float = 1.0, **run: Unpack[RunArguments]
) -> Selection:
    """Let the nearest neighbours vote; nothing is trained (Zhu et al. 2022).

    Neighbours are weighted by their cosine similarity, and count for their votes. The contribution
    is the paper's rank score, the cosine between the neighbours' votes and the task's own.

    Args:
        data: needs `vectors`.
        neighbours: how many vote; a task's own votes are not among them.
        prior: votes added, spread over the classes as they occur among all tasks.
        **run: see `Run`.
    """
    how = Run(**run)
    labelled = data.labelled
    if len(labelled) <= neighbours:
        raise NotReadyError(
            f"{len(labelled)} tasks have votes; simifeat with {neighbours} neighbours needs more."
        )
    vectors = need_vectors(data, "simifeat")
    votes = neighbours_votes(vectors, data.targets, neighbours, how.seed, data.groups)
    overall = data.targets.sum(0) / len(labelled)
    probs = votes + prior * overall
    probs /= probs.sum(1, keepdims=True)
    return Selection(
        Posteriors(data.task_ids, probs.astype(np.float32)),
        out_of_sample=True,
        contribution=np.where(data.targets.any(1), cosine(votes, data.targets), np.nan),
        record={"neighbours": neighbours},
    )


def neighbours_votes(
    vectors: Float32Array,
    targets: Float32Array,
    neighbours: int,
    seed: int,
    groups: IntArray | None = None,
) -> FloatArray:
    """Return (N, K) >= 0: the neighbours' votes, each weighted by cosine similarity >= 0.

    Vectors are centred first: what all images have in common says nothing about their class.
    Near-duplicates, which share a number in `groups` (N,), have no vote on each other: the label of
    one was likely copied to the other.
    """
    centred = vectors - vectors.mean(0)
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
    rng = np.random.default_rng(seed)
    found = find_neighbours(build_index(centred, rng), centred, neighbours, rng)
    similarity = np.maximum(0, 1 - found.squared_distances.astype(np.float64) / 2)
    voting = found.rows >= 0
    if groups is not None:
        voting &= groups[found.rows] != groups[:, None]
    weights = np.where(voting, similarity, 0)
    votes: FloatArray = np.einsum("nk,nkc->nc", weights, targets[found.rows])
    return votes


def cosine(votes: FloatArray, targets: Float32Array) -> FloatArray:
    """Return the cosine of each row of `votes` (N, K) with that of `targets`, in [0, 1]."""
    lengths = np.linalg.norm(votes, axis=1) * np.linalg.norm(targets, axis=1)
    return np.asarray((votes * targets).sum(1) / np.maximum(lengths, 1e-12))
