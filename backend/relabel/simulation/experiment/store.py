"""What is kept of finished and unfinished campaigns, so that a stopped experiment goes on."""

import io
import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from relabel.errors import ConfigurationError
from relabel.files import read_json, told, write_file
from relabel.simulation.campaign.judge import Terms
from relabel.simulation.campaign.loop import Rules
from relabel.simulation.campaign.votelog import VoteLog
from relabel.simulation.data.dataset import Dataset
from relabel.types import FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Figures:
    """What one campaign achieved. noise_rate: at the start; auroc: of the first ranking's scores.

    broken: labels that were right at first and are wrong at the end. settled_by_one: tasks whose
    label rests on one person and the model; right_by_one: share of these labels that is right, NaN
    without any. seconds: of the whole campaign, training included (shared training counts for the
    first).
    """

    noise_rate: float
    final_correct: float
    area: float
    auroc: float
    precision_at_noise: float
    remaining_clear: int
    remaining_ambiguous: int
    total_variation: float
    broken: int
    settled_by_one: int
    right_by_one: float
    seconds: float


class Kept:
    """The files of one campaign; without a path nothing outlives the process."""

    def __init__(self, path: Path | None = None) -> None:
        """path: of the files, without suffix."""
        self._path = path
        self._scores: FloatArray | None = None

    def load(self) -> tuple[VoteLog | None, Figures | None]:
        """Return the votes so far, if any, and the figures if the campaign came to its end."""
        if self._path is None or not self._path.with_suffix(".npz").exists():
            return None, None
        done = self._path.with_suffix(".json")
        try:
            log = VoteLog.load(self._path.with_suffix(".npz"))
            figures = Figures(**read_json(done)) if done.exists() else None
        except (OSError, ValueError, TypeError, KeyError, BadZipFile) as error:
            raise ConfigurationError(
                f"{told(self._path)}.* of an earlier run cannot be read ({error}); delete them."
            ) from error
        return log, figures

    def save(self, log: VoteLog) -> None:
        """Keep the votes so far."""
        if self._path is not None:
            log.save(self._path.with_suffix(".npz"))

    def save_scores(self, scores: FloatArray) -> None:
        """Keep the (N,) scores of the first ranking; those of later ones are ignored."""
        if self.scores() is None:
            self._scores = scores
            if self._path is not None:
                content = io.BytesIO()
                np.save(content, scores)
                write_file(self._path.with_suffix(".npy"), content.getvalue())

    def scores(self) -> FloatArray | None:
        """Return the (N,) scores of the first ranking, if it used scores."""
        saved = None if self._path is None else self._path.with_suffix(".npy")
        if self._scores is None and saved is not None and saved.exists():
            self._scores = np.load(saved, allow_pickle=False)
        return self._scores

    def finish(self, figures: Figures) -> None:
        """Mark the campaign as done."""
        if self._path is not None:
            write_file(self._path.with_suffix(".json"), json.dumps(asdict(figures)))


@dataclass(frozen=True, slots=True)
class Store:
    """The campaigns of one seed. key: digest of all that they share."""

    folder: Path
    key: bytes

    def campaign(self, method: str, rules: Rules | Terms) -> Kept:
        """Return the files of a method's campaign."""
        words = repr((method, asdict(rules))).encode()
        return Kept(self.folder / sha256(self.key + words).hexdigest()[:24])

    def training(self, learner: str) -> Path:
        """Return the folder in which a selector with its options goes on where it was cut off."""
        return self.folder / "training" / sha256(self.key + learner.encode()).hexdigest()[:24]


def store_of(folder: Path, data: Dataset, initial: IntArray, *shared: object) -> Store:
    """Return the store of campaigns on this data with these first labels."""
    digest = sha256(repr(shared).encode() + initial.tobytes() + data.distributions.tobytes())
    if data.features is not None:
        digest.update(data.features.tobytes())
    if data.images is not None:
        digest.update(repr(data.images.shape).encode())
    return Store(folder, digest.digest())
