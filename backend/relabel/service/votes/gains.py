"""Where one more vote gains most: the score `gain`, of a live project."""

import numpy as np

from relabel.numerics.consensus.posterior import beliefs, prior_of, vote_weight
from relabel.numerics.gain import disbelief, gain_score, majority_gain, posterior_gain
from relabel.service.votes.evidence import POSTERIOR
from relabel.service.votes.rates import RoundRates
from relabel.service.votes.state import QueueState
from relabel.types import FloatArray, IntArray


def score_by_gain(
    state: QueueState, rows: IntArray, probs: FloatArray, rates: RoundRates
) -> FloatArray:
    """Return (n,) of `gain_score` of the tasks in these rows, higher = ask sooner.

    Args:
        state: what the votes say now.
        rows: (n,) of the state, increasing.
        probs: (n, K) posteriors of the round in force, out of fold.
        rates: of that round.

    """
    prior = prior_of(probs, rates.believed)
    q = _beliefs(state, rows, prior, rates)
    labels, error = state.consensus.labels[rows], rates.believed.people
    if state.policy.consensus == POSTERIOR and rates.trusted:
        gain = posterior_gain(q, labels, prior, error, unfinished=state.begun()[rows])
    else:
        counts = state.counts.votes[rows]
        gain = majority_gain(q, counts, labels, error, max_votes=state.policy.max_votes)
    return gain_score(gain, disbelief(q, labels))


def _beliefs(state: QueueState, rows: IntArray, prior: FloatArray, rates: RoundRates) -> FloatArray:
    """(n, K) what is believed: as it was at the last vote where that is known, or by the round."""
    new = state.new_counts[rows]
    old = state.counts.votes[rows] - new
    votes = new.astype(np.float64) * vote_weight(rates.believed.people, prior.shape[1])
    q = beliefs(prior, old, votes, rates.believed)
    _, here, there = np.intersect1d(rows, state.believed.rows, return_indices=True)
    q[here] = state.believed.q[there]
    return q
