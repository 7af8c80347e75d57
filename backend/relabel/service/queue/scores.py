"""The score that a task shows in Label Studio: what the last round found, and the votes since."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from relabel.catalogue.plugins import find
from relabel.numerics.gain import GAIN
from relabel.numerics.ranking import prioritise
from relabel.numerics.scoring import OF_MEMBERS, SCORES
from relabel.service.audit.turns import Turns
from relabel.service.votes.gains import score_by_gain
from relabel.service.votes.result import RoundResult
from relabel.service.votes.state import QueueState
from relabel.types import BoolArray, FloatArray, IntArray, match_rows

SCORE_TOLERANCE = 1e-9
"""Difference below which two scores are one."""
LAST = 1.0
"""Score of a task that the round could not judge: served after all others."""
AUDIT_STEP = 1e-8
"""Scores of audited tasks that wait for people lie so far apart, from 0 on: before all others."""
SEVERAL = -1.0
"""In place of a score of which Label Studio shows several: no round gives it."""


WITHOUT_VOTES = (*OF_MEMBERS, "random")
"""Scores that votes do not change and posteriors do not give: a task keeps the round's."""


def shown_score(predictions: Sequence[Mapping[str, Any]], version: str) -> float | None:
    """Return the score that a task shows under a model version, None = none, or `SEVERAL`."""
    mine = [p.get("score") for p in predictions if p.get("model_version") == version]
    if not mine:
        return None
    return SEVERAL if len(mine) > 1 or mine[0] is None else float(mine[0])


def scores_shown(state: QueueState) -> FloatArray:
    """(N,) the scores by which Label Studio orders tasks now; those that show none come last."""
    return np.where(np.isnan(state.places.score), LAST, state.places.score)


def scores_now(state: QueueState, result: RoundResult, turns: Turns) -> tuple[FloatArray, IntArray]:
    """Return (N,) prediction scores, low = relabel first, and the rows to be written anew.

    These are rows that votes have changed, and those that show another score than they should.
    Tasks without new votes keep the place that the round gave them; those whose votes were taken
    back have it again. Tasks that the round could not judge get `LAST`. Audited tasks that wait for
    people come before all others, in the order of the audit.
    """
    scores = np.full(len(state.counts.task_ids), LAST)
    arranged = result.arranged(state.schema.classes)
    if arranged is None:
        # Other classes since the round: it says nothing of the votes as they are now.
        return scores, np.zeros(0, dtype=np.int64)
    result = arranged
    rows = match_rows(state.counts.task_ids, result.posteriors.task_ids)
    judged = rows >= 0
    if not judged.any():
        return scores, np.zeros(0, dtype=np.int64)
    counts, consensus = state.counts.votes, state.consensus
    changed = judged.copy()
    seen = rows[judged]
    changed[judged] = (counts[judged] != result.counts[seen]).any(1)
    changed[judged] |= consensus.labels[judged] != result.labels[seen]
    priority = np.zeros(len(rows))
    priority[judged] = result.priority[seen]
    if changed.any():
        priority[changed] = prioritise(
            _scores_of(state, result, changed, rows[changed]),
            counts[changed],
            state.initial[changed],
            consensus.states[changed],
            begun_first=(result.score or state.policy.score) != GAIN,
        )
    scores[judged] = result.quality.score(priority[judged])
    scores[turns.rows[turns.asked]] = AUDIT_STEP * turns.asked
    changed |= np.abs(state.places.score - scores) > SCORE_TOLERANCE
    return scores, np.flatnonzero(changed)


def _scores_of(
    state: QueueState, result: RoundResult, changed: BoolArray, rows: IntArray
) -> FloatArray:
    """Return (n,) scores of changed tasks, which stand in these rows of the round."""
    name = result.score or state.policy.score
    # Rounds of before keep no rates: until the next one each task keeps its place.
    if name in WITHOUT_VOTES or (name == GAIN and result.rates is None):
        return result.scores[rows]
    if name == GAIN and result.rates is not None:
        probs = result.posteriors.probs[rows].astype(np.float64)
        return score_by_gain(state, np.flatnonzero(changed), probs, result.rates)
    return find("score", name, SCORES)(
        state.counts.votes[changed],
        result.posteriors.probs[rows].astype(np.float64),
        labels=state.consensus.labels[changed],
    )
