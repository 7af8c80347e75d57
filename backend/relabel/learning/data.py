"""What a selector is given and what it returns."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict

import numpy as np
import numpy.typing as npt

from relabel.errors import ConfigurationError, InvalidValuesError
from relabel.numerics.labels import leading_or_first
from relabel.types import (
    BoolArray,
    Float32Array,
    FloatArray,
    IntArray,
    LabelCounts,
    Posteriors,
    Progress,
    silent,
)

ImageArray = npt.NDArray[np.uint8]
Record = dict[str, float | int | str]


@dataclass(frozen=True, slots=True)
class TrainingData:
    """The tasks that a selector learns from and gives posteriors for.

    task_ids: (N,) int, increasing. counts: (N, K) votes; a row of zeros is unlabelled and is not
    trained on. vectors: (N, D) float32 frozen embeddings. images: (N, H, W, C) uint8, for the
    selectors that train a network on pixels. Each selector says which of the two it needs.
    given: (N,) the label that the task came with, -1 = none; `auto` measures with it.
    shown: (N,) the label that the consensus shows, -1 = none; it decides between tied classes.
    groups: (N,) group of near-duplicates of each task; whatever is held out goes by group. None =
    every task is alone.
    trusted: (N,) bool, tasks whose label is known to be right; None = those with a strict majority
    of at least two votes.
    """

    task_ids: IntArray
    counts: IntArray
    vectors: Float32Array | None = None
    images: ImageArray | None = None
    given: IntArray | None = None
    shown: IntArray | None = None
    groups: IntArray | None = None
    trusted: BoolArray | None = None

    def __post_init__(self) -> None:
        LabelCounts(self.task_ids, self.counts)
        if self.counts.shape[1] < 2:
            raise InvalidValuesError("TrainingData.counts needs at least two classes (columns).")
        for name in ("vectors", "images", "given", "shown", "groups", "trusted"):
            values = getattr(self, name)
            if values is not None and len(values) != len(self.task_ids):
                raise InvalidValuesError(
                    f"TrainingData.{name} has {len(values)} rows; expected {len(self.task_ids)}."
                )

    @property
    def labelled(self) -> IntArray:
        """Rows (n,) that have at least one vote."""
        return np.flatnonzero(self.counts.sum(1))

    @property
    def targets(self) -> Float32Array:
        """Normalised votes (N, K); rows sum to 1, or to 0 where unlabelled."""
        totals = self.counts.sum(1, keepdims=True)
        targets: Float32Array = (self.counts / np.maximum(totals, 1)).astype(np.float32)
        return targets

    @property
    def labels(self) -> IntArray:
        """The class with most votes (N,), of several the shown one; -1 where unlabelled."""
        return leading_or_first(self.counts, self.shown)

    @property
    def settled(self) -> BoolArray:
        """Tasks (N,) whose label is trusted."""
        if self.trusted is not None:
            return self.trusted
        votes = np.sort(self.counts, axis=1)
        settled: BoolArray = (votes[:, -1] > votes[:, -2]) & (votes.sum(1) > 1)
        return settled

    def with_counts(self, counts: IntArray) -> "TrainingData":
        """Return the same tasks with other votes (N, K)."""
        return replace(self, counts=counts)


@dataclass(frozen=True, slots=True)
class Selection:
    """What a selector found out about every task.

    posteriors: (N, K). out_of_sample: no task's own votes were used for its posteriors.
    contribution: (N,), higher = its label is trusted more (Kim's alpha, kept-by-co-teaching, ...);
    NaN where the selector was never trained on the task: nothing is known of its label.
    members: (T, M, N, K) probabilities of each pass and each network, where there are several.
    record: what was chosen and measured (noise rate, epochs, temperature, seconds, ...).
    """

    posteriors: Posteriors
    out_of_sample: bool
    contribution: FloatArray | None = None
    members: Float32Array | None = None
    record: Record = field(default_factory=dict)


class RunArguments(TypedDict, total=False):
    """The keyword arguments that every selector takes beside its own options."""

    seed: int
    device: str
    progress: Progress
    checkpoint: Path | None
    warm_start: Path | None
    method: str
    pretrained: Path | None


@dataclass(frozen=True, slots=True)
class Run:
    """How, rather than what, to train.

    seed: of the networks' initial weights, of the batches' order and of folds.
    checkpoint: folder where training leaves its state after some epochs; a selector that is started
    again with the same data, options and folder continues there. It belongs to one round.
    warm_start: the checkpoint folder of an earlier round, whose weights training starts from.
    method: the selector with its options in words; a checkpoint of another is not continued.
    pretrained: folder of what is learnt from the images alone; every part of a selector and every
    round on the same images may use it.
    """

    seed: int
    device: str = "cpu"
    progress: Progress = silent
    checkpoint: Path | None = None
    warm_start: Path | None = None
    method: str = ""
    pretrained: Path | None = None

    def stage(self, name: str, *, seed_offset: int = 0) -> "Run":
        """Return the run of one part of a selector: its own seed and its own folders."""
        return Run(
            self.seed + seed_offset,
            self.device,
            self.progress,
            self.checkpoint and self.checkpoint / name,
            self.warm_start and self.warm_start / name,
            self.method,
            self.pretrained,
        )

    def arguments(self) -> RunArguments:
        """Return this run as the keyword arguments of a selector."""
        return {
            "seed": self.seed,
            "device": self.device,
            "progress": self.progress,
            "checkpoint": self.checkpoint,
            "warm_start": self.warm_start,
            "method": self.method,
            "pretrained": self.pretrained,
        }


Selector = Callable[..., Selection]
"""selector(data, *, <its options>, seed, device, progress, checkpoint, warm_start) -> Selection."""


def need_vectors(data: TrainingData, selector: str) -> Float32Array:
    """Return the embeddings (N, D), or say who needs them."""
    if data.vectors is None:
        raise ConfigurationError(
            f"Selector '{selector}' works on embeddings, and there are none: choose an encoder."
        )
    return data.vectors
