"""How well annotators agree, with the number of votes behind each figure."""

from dataclasses import dataclass

import numpy as np

from relabel.numerics.consensus.table import VoteTable
from relabel.types import Consensus, FloatArray, IntArray, State


@dataclass(frozen=True, slots=True)
class AnnotatorStats:
    """Figures about people: show them with the counts behind them. Letters: A annotators.

    votes: (A,) given, abstentions left out; abstained: (A,).
    judged: (A,) votes on settled tasks; agreement: (A,) share of them equal to the consensus, in
    [0, 1], NaN without any; confusion: (A, K, K) their number at [a, consensus, given].
    compared: (A,) votes of others on the same tasks; peer_agreement: (A,) share of them that say
    the same, which unlike `agreement` leaves the annotator's own vote out; NaN without any.
    """

    votes: IntArray
    abstained: IntArray
    judged: IntArray
    agreement: FloatArray
    confusion: IntArray
    compared: IntArray
    peer_agreement: FloatArray


def annotator_stats(
    votes: VoteTable, consensus: Consensus, peers: IntArray | None = None
) -> AnnotatorStats:
    """Compare every annotator with the consensus of settled tasks and with the others' votes.

    Args:
        votes: of the annotators.
        consensus: of all votes.
        peers: (N, K) votes to compare with; None = those of the table, the own one left out.

    """
    people, classes = votes.n_annotators, votes.n_classes
    given = votes.given()
    settled = consensus.states[given.tasks] == State.SETTLED
    agreed = consensus.labels[given.tasks[settled]]
    confusion = np.zeros((people, classes, classes), dtype=np.int64)
    np.add.at(confusion, (given.annotators[settled], agreed, given.labels[settled]), 1)
    judged = confusion.sum((1, 2))
    counts, own = (given.counts(), 1) if peers is None else (peers, 0)
    others = counts.sum(1)[given.tasks] - own
    same = counts[given.tasks, given.labels] - own
    compared = _per_annotator(given, others)
    return AnnotatorStats(
        votes=_per_annotator(given, np.ones(len(given.tasks))),
        abstained=np.bincount(votes.annotators[votes.labels < 0], minlength=people),
        judged=judged,
        agreement=_share(np.trace(confusion, axis1=1, axis2=2), judged),
        confusion=confusion,
        compared=compared,
        peer_agreement=_share(_per_annotator(given, same), compared),
    )


def _per_annotator(votes: VoteTable, weights: FloatArray | IntArray) -> IntArray:
    summed = np.bincount(votes.annotators, weights=weights, minlength=votes.n_annotators)
    return np.rint(summed).astype(np.int64)


def _share(part: IntArray, whole: IntArray) -> FloatArray:
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)
