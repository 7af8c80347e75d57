"""The result of a round, on disk and in use: posteriors, priorities, and the map to scores."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from relabel.errors import NotReadyError
from relabel.numerics.labels import leading
from relabel.numerics.ranking import QualityMap
from relabel.service.votes.rates import RoundRates, places
from relabel.service.votes.state import QueueState
from relabel.storage.artifacts import load_arrays, save_arrays
from relabel.types import FloatArray, IntArray, Posteriors, match_rows

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True, slots=True)
class RoundResult:
    """What a round found. Rows are its tasks, ids increasing.

    posteriors: of its tasks; counts: (N, K) votes it was trained on; labels: (N,) what those
    showed, -1 = none; priority: (N,) higher = relabel sooner, diversity included; quality: the map
    from priority to prediction score; classes: (K,) names of the columns; score: name of the score;
    scores: (N,) of it; rates: how often labels and people err, None where the posteriors may not
    count as evidence.
    """

    posteriors: Posteriors
    counts: IntArray
    labels: IntArray
    priority: FloatArray
    quality: QualityMap
    classes: tuple[str, ...]
    score: str
    scores: FloatArray
    rates: RoundRates | None = None

    def save(self, folder: Path, name: str) -> str:
        """Write the result; return the name of the file."""
        rates = None if self.rates is None else self.rates.to_json()
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
            rates=np.array(json.dumps(rates), dtype=np.str_),
        )

    def arranged(self, classes: tuple[str, ...]) -> "RoundResult | None":
        """Return the result with its columns in this order; None if these are other classes."""
        if classes == self.classes:
            return self
        if sorted(classes) != sorted(self.classes):
            return None
        order = places(self.classes, classes)
        posteriors = replace(self.posteriors, probs=self.posteriors.probs[:, order])
        # The last place is that of no label, which stays -1.
        now = np.append(places(classes, self.classes), -1)
        return replace(
            self,
            posteriors=posteriors,
            counts=self.counts[:, order],
            labels=now[self.labels],
            classes=classes,
            rates=None if self.rates is None else self.rates.arranged(classes),
        )

    @classmethod
    def load(cls, folder: Path, name: str) -> "RoundResult":
        """Read a result written by `save`; its arrays cannot be written to.

        The last two are remembered while their files stay the same: a vote needs the
        rounds of the vote before it, twice where the model counts.

        Raises:
            NotReadyError: the file is gone or damaged.

        """
        try:
            file = (folder / name).stat()
            return _read(folder, name, (file.st_ino, file.st_mtime_ns, file.st_size))
        except (OSError, ValueError, BadZipFile) as error:
            raise NotReadyError(
                f"The round's result {folder / name} cannot be read ({type(error).__name__}); "
                f"start another round: relabel round --project {folder.name}"
            ) from error


def judged(state: QueueState, result: RoundResult) -> tuple[IntArray, FloatArray]:
    """Return the rows of the tasks that the round judged, and their posteriors (n, K)."""
    found = match_rows(state.counts.task_ids, result.posteriors.task_ids)
    rows = np.flatnonzero(found >= 0)
    return rows, result.posteriors.probs[found[rows]].astype(np.float64)


@lru_cache(maxsize=2)
def _read(folder: Path, name: str, _file: tuple[int, int, int]) -> RoundResult:
    arrays = load_arrays(folder, name)
    for array in arrays.values():
        array.flags.writeable = False
    counts = _fixed(arrays["counts"], np.int64)
    # Rounds of earlier versions kept no labels, and no score; the policy's was used and is used.
    labels = _fixed(arrays["labels"], np.int64) if "labels" in arrays else leading(counts)
    scores = arrays["scores"] if "scores" in arrays else np.zeros(len(counts))
    return RoundResult(
        Posteriors(_fixed(arrays["task_ids"], np.int64), _fixed(arrays["probs"], np.float32)),
        counts,
        labels,
        _fixed(arrays["priority"], np.float64),
        QualityMap(_fixed(arrays["knots"], np.float64), int(arrays["quality_seed"])),
        tuple(arrays["classes"].astype(np.str_).tolist()),
        str(arrays["score"]) if "score" in arrays else "",
        _fixed(scores, np.float64),
        _rates(arrays),
    )


def _fixed(values: npt.NDArray[Any], kind: type[Number]) -> npt.NDArray[Number]:
    """Return the values as this type; copied only where they have another."""
    return values.astype(kind, copy=False)


def _rates(arrays: Mapping[str, npt.NDArray[np.generic]]) -> RoundRates | None:
    known = json.loads(str(arrays["rates"])) if "rates" in arrays else None
    return None if known is None else RoundRates.from_json(known)
