"""The result of a round, on disk and in use: posteriors, priorities, and the map to scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from relabel.catalogue.plugins import find
from relabel.errors import NotReadyError
from relabel.numerics.labels import leading
from relabel.numerics.ranking import QualityMap, prioritise
from relabel.numerics.scoring import OF_MEMBERS, SCORES
from relabel.service.queue.state import QueueState
from relabel.storage.artifacts import load_arrays, save_arrays
from relabel.types import BoolArray, FloatArray, IntArray, Posteriors, match_rows

SCORE_TOLERANCE = 1e-9
"""Difference below which two scores are one."""
LAST = 1.0
"""Score of a task that the round could not judge: served after all others."""
SEVERAL = -1.0
"""In place of a score of which Label Studio shows several: no round gives it."""


WITHOUT_VOTES = (*OF_MEMBERS, "random")
"""Scores that votes do not change and posteriors do not give: a task keeps the round's."""


@dataclass(frozen=True, slots=True)
class RoundResult:
    """What a round found. Rows are its tasks, ids increasing.

    posteriors: of its tasks; counts: (N, K) votes it was trained on; labels: (N,) what those
    showed, -1 = none; priority: (N,) higher = relabel sooner, diversity included; quality: the map
    from priority to prediction score; classes: (K,) names of the columns; score: name of the score;
    scores: (N,) of it.
    """

    posteriors: Posteriors
    counts: IntArray
    labels: IntArray
    priority: FloatArray
    quality: QualityMap
    classes: tuple[str, ...]
    score: str
    scores: FloatArray

    def save(self, folder: Path, name: str) -> str:
        """Write the result; return the name of the file."""
        return save_arrays(
            folder,
            name,
            task_ids=self.posteriors.task_ids,
            probs=self.posteriors.probs,
            counts=self.counts,
            labels=self.labels,
            priority=self.priority,
            knots=self.quality.knots,
            quality_seed=np.int64(self.quality.seed),
            classes=np.array(self.classes, dtype=np.str_),
            score=np.array(self.score, dtype=np.str_),
            scores=self.scores,
        )

    def arranged(self, classes: tuple[str, ...]) -> "RoundResult | None":
        """Return the result with its columns in this order; None if these are other classes."""
        if classes == self.classes:
            return self
        if sorted(classes) != sorted(self.classes):
            return None
        order = [self.classes.index(name) for name in classes]
        posteriors = replace(self.posteriors, probs=self.posteriors.probs[:, order])
        # The last place is that of no label, which stays -1.
        places = np.array([*(classes.index(name) for name in self.classes), -1], dtype=np.int64)
        return replace(
            self,
            posteriors=posteriors,
            counts=self.counts[:, order],
            labels=places[self.labels],
            classes=classes,
        )

    @classmethod
    def load(cls, folder: Path, name: str) -> "RoundResult":
        """Read a result written by `save`.

        Raises:
            NotReadyError: the file is gone or damaged.

        """
        try:
            arrays = load_arrays(folder, name)
        except (OSError, ValueError, BadZipFile) as error:
            raise NotReadyError(
                f"The round's result {folder / name} cannot be read ({type(error).__name__}); "
                f"start another round: relabel round --project {folder.name}"
            ) from error
        counts = arrays["counts"].astype(np.int64)
        return cls(
            Posteriors(arrays["task_ids"].astype(np.int64), arrays["probs"].astype(np.float32)),
            counts,
            # Rounds of earlier versions kept no labels.
            arrays["labels"].astype(np.int64) if "labels" in arrays else leading(counts),
            arrays["priority"].astype(np.float64),
            QualityMap(arrays["knots"].astype(np.float64), int(arrays["quality_seed"])),
            tuple(arrays["classes"].astype(np.str_).tolist()),
            # Nor the score; the policy's was used and is used.
            str(arrays["score"]) if "score" in arrays else "",
            arrays["scores"].astype(np.float64) if "scores" in arrays else np.zeros(len(counts)),
        )


def shown_score(predictions: Sequence[Mapping[str, Any]], version: str) -> float | None:
    """Return the score that a task shows under a model version, None = none, or `SEVERAL`."""
    mine = [p.get("score") for p in predictions if p.get("model_version") == version]
    if not mine:
        return None
    return SEVERAL if len(mine) > 1 or mine[0] is None else float(mine[0])


def scores_shown(state: QueueState) -> FloatArray:
    """(N,) the scores by which Label Studio orders tasks now; those that show none come last."""
    return np.where(np.isnan(state.places.score), LAST, state.places.score)


def scores_now(state: QueueState, result: RoundResult) -> tuple[FloatArray, IntArray]:
    """Return (N,) prediction scores, low = relabel first, and the rows to be written anew.

    These are rows that votes have changed, and those that show another score than they should.
    Tasks without new votes keep the place that the round gave them; those whose votes were taken
    back have it again. Tasks that the round could not judge get `LAST`.
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
        )
    scores[judged] = result.quality.score(priority[judged])
    changed |= np.abs(state.places.score - scores) > SCORE_TOLERANCE
    return scores, np.flatnonzero(changed)


def _scores_of(
    state: QueueState, result: RoundResult, changed: BoolArray, rows: IntArray
) -> FloatArray:
    """Return (n,) scores of changed tasks, which stand in these rows of the round."""
    name = result.score or state.policy.score
    if name in WITHOUT_VOTES:
        return result.scores[rows]
    return find("score", name, SCORES)(
        state.counts.votes[changed],
        result.posteriors.probs[rows].astype(np.float64),
        labels=state.consensus.labels[changed],
    )
