"""One round's computation: images to posteriors to priorities. No store, no network, no clock."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from relabel.errors import NotReadyError
from relabel.learning.embed import embed
from relabel.learning.selection import TrainingData
from relabel.learning.selectors import select
from relabel.numerics.ranking import QualityMap, reorder, select_batch
from relabel.policy import Policy
from relabel.service.scores import RoundResult, priority_of
from relabel.service.state import ProjectState
from relabel.types import BoolArray, FloatArray, Progress

MIN_PER_CLASS = 2
"""Labelled tasks that each of at least two classes needs before anything can be learnt."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A round's result, what was measured, and the tasks whose images could not be used."""

    result: RoundResult
    record: dict[str, float | int | str]
    problems: dict[int, str]


def train_round(
    state: ProjectState,
    digests: Sequence[str],
    load: Callable[[str], Image.Image],
    *,
    cache: Path,
    device: str,
    progress: Progress,
) -> Trained:
    """Embed, fit the selector, score and rank.

    Args:
        state: the project as it is now.
        digests: one per task of the state, "" = there is no image.
        load: returns the image of a digest, or raises BadImageError.
        cache: folder of the embeddings.
        device: torch device.
        progress: called with stage, done and total.

    Raises:
        NotReadyError: fewer than two classes have labels.

    """
    policy = state.policy
    present = np.flatnonzero([bool(digest) for digest in digests])
    used = [digests[row] for row in present]
    embedded = embed(
        lambda i: load(used[i]),
        used,
        encoder=policy.encoder,
        weights=policy.encoder_weights,
        cache=cache,
        device=device,
        progress=progress,
    )
    good = np.array([i not in embedded.failed for i in range(len(used))], dtype=np.bool_)
    rows = present[good]
    task_ids = state.counts.task_ids
    problems = {int(task_ids[present[i]]): reason for i, reason in embedded.failed.items()}
    counts = state.counts.votes[rows]
    _check_enough(counts.sum(0), state.schema.classes)
    data = TrainingData(
        task_ids=task_ids[rows], counts=counts, vectors=embedded.vectors[good], images=None
    )
    selection = select(
        policy.selector,
        data,
        policy.selector_options,
        seed=policy.seed,
        device=device,
        progress=progress,
    )
    probs = selection.posteriors.probs
    priority = priority_of(
        policy,
        counts,
        probs.astype(np.float64),
        state.initial[rows],
        state.consensus.states[rows],
    )
    priority = _spread(policy, priority, state.unsettled()[rows], embedded.vectors[good])
    rng = np.random.default_rng([policy.seed, 1])
    result = RoundResult(selection.posteriors, counts, priority, QualityMap.fit(priority, rng))
    return Trained(result, dict(selection.record), problems)


def _spread(
    policy: Policy,
    priority: FloatArray,
    eligible: BoolArray,
    vectors: "np.typing.NDArray[np.float32]",
) -> FloatArray:
    """Spread the head of the ranking, as many tasks as a round will serve, over the data."""
    if policy.diversity == "none":
        return priority
    options = dict(policy.diversity_options)
    batch = select_batch(
        priority,
        max(policy.window, policy.retrain_after),
        diversity=policy.diversity,
        eligible=eligible,
        rng=np.random.default_rng([policy.seed, 2]),
        vectors=vectors,
        **options,
    )
    return reorder(priority, batch)


def _check_enough(per_class: "np.typing.NDArray[np.int64]", classes: tuple[str, ...]) -> None:
    if (per_class >= MIN_PER_CLASS).sum() < 2:
        found = ", ".join(f"{name}: {n}" for name, n in zip(classes, per_class, strict=True))
        raise NotReadyError(
            f"Too few labels to learn from ({found}): at least two classes need {MIN_PER_CLASS} "
            f"labelled tasks with a usable image each."
        )
