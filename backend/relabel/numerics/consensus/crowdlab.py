"""CROWDLAB and ActiveLab: annotators and the model weighed against each other, by cleanlab.

cleanlab is optional (`pip install label-studio-relabel[cleanlab]`) and imported where it is used.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from relabel.errors import ConfigurationError, InvalidValuesError
from relabel.numerics.consensus.majority import majority
from relabel.numerics.consensus.table import VoteTable
from relabel.numerics.posteriors import marginalise
from relabel.types import BoolArray, Consensus, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class CrowdQuality:
    """What CROWDLAB concludes.

    labels: (N,) consensus, -1 = no votes; quality: (N,) in [0, 1], probability that the consensus
    is right, NaN where there are no votes.
    """

    labels: IntArray
    quality: FloatArray


def crowd_quality(votes: VoteTable, probs: FloatArray) -> CrowdQuality:
    """Return CROWDLAB's consensus and its quality (Goh et al. 2022).

    Args:
        votes: At least one task with two votes.
        probs: (N, K) out-of-sample probabilities; in-sample ones would drown the annotators.

    Raises:
        ConfigurationError: cleanlab is not installed.
        InvalidValuesError: No task has two votes, or shapes differ.
    """
    matrix, voted, p = _inputs(votes, probs)
    found = _cleanlab().get_label_quality_multiannotator(
        matrix[voted], p[voted], return_annotator_stats=False, verbose=False
    )["label_quality"]
    labels = np.full(votes.n_tasks, -1, dtype=np.int64)
    quality = np.full(votes.n_tasks, np.nan)
    labels[voted] = found["consensus_label"].to_numpy()
    quality[voted] = found["consensus_quality_score"].to_numpy()
    return CrowdQuality(labels, quality)


def crowdlab(
    counts: IntArray,
    *,
    votes: VoteTable,
    probs: FloatArray,
    abstains: IntArray | None = None,
    max_votes: int = 10,
) -> Consensus:
    """Label every task by CROWDLAB; states are those of `majority`.

    Args:
        counts: (N, K) votes, as in `majority`.
        votes: Who gave them. Without a task that has two, the majority's labels are returned.
        probs: (N, K) out-of-sample probabilities.
        abstains: (N,) see `majority`.
        max_votes: See `majority`.

    Returns:
        Labels (-1 where there are no votes) and states.

    Raises:
        ConfigurationError: cleanlab is not installed.
    """
    by_majority = majority(counts, abstains=abstains, max_votes=max_votes)
    if counts.sum(1).max(initial=0) < 2:
        return by_majority
    return Consensus(labels=crowd_quality(votes, probs).labels, states=by_majority.states)


def _inputs(votes: VoteTable, probs: FloatArray) -> tuple[FloatArray, BoolArray, FloatArray]:
    """Labels (N, A) of the annotators who gave any, tasks (N,) that have any, probabilities."""
    p = marginalise(probs)
    if p.shape != (votes.n_tasks, votes.n_classes):
        raise InvalidValuesError(
            f"probs has shape {p.shape}; expected ({votes.n_tasks}, {votes.n_classes})."
        )
    labels = votes.matrix()
    given = ~np.isnan(labels)
    if given.sum(1).max(initial=0) < 2:
        raise InvalidValuesError("CROWDLAB needs at least one task with two votes.")
    return labels[:, given.any(axis=0)], np.asarray(given.any(axis=1)), p


def _cleanlab() -> Any:
    try:
        from cleanlab import multiannotator
    except ImportError as error:
        raise ConfigurationError(
            "The consensus rule 'crowdlab' needs cleanlab: "
            "pip install 'label-studio-relabel[cleanlab]'."
        ) from error
    return multiannotator
