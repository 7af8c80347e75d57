"""One round's computation: images to posteriors to priorities. No store, no network, no clock."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from relabel.learning.embed import embed
from relabel.learning.order import Spread, Votes, order_tasks, score_tasks
from relabel.learning.selection import ImageArray, TrainingData
from relabel.learning.selectors import select
from relabel.numerics.ranking import QualityMap
from relabel.numerics.spreading import Surroundings
from relabel.pictures import as_rgb
from relabel.policy import Policy
from relabel.service.enough import check_enough
from relabel.service.explanations import Nearest, nearest_of
from relabel.service.scores import RoundResult
from relabel.service.state import ProjectState
from relabel.types import BoolArray, IntArray, Progress


@dataclass(frozen=True, slots=True)
class Trained:
    """A round's result, what was measured, unusable images, tasks to audit, neighbours.

    identical: groups of tasks that the encoder cannot tell apart though their files differ.
    """

    result: RoundResult
    record: dict[str, float | int | str]
    problems: dict[int, str]
    audit: tuple[int, ...]
    nearest: Nearest
    identical: tuple[tuple[int, ...], ...] = ()


def train_round(
    state: ProjectState,
    digests: Sequence[str],
    load: Callable[[str], Image.Image],
    *,
    left_out: Mapping[int, str],
    cache: Path,
    device: str,
    progress: Progress,
    checkpoint: Path | None = None,
    warm_start: Path | None = None,
    pretrained: Path | None = None,
) -> Trained:
    """Embed, fit the selector, score and rank.

    Args:
        state: the project as it is now.
        digests: one per task of the state, "" = there is no image.
        load: returns the image of a digest, or raises BadImageError.
        left_out: by task id, why there is no image.
        cache: folder of the embeddings.
        device: torch device.
        progress: called with stage, done and total.
        checkpoint: folder in which an interrupted training is continued.
        warm_start: folder of the training of an earlier round that this one starts from.
        pretrained: folder of networks that learnt from the project's images alone.

    Raises:
        NotReadyError: fewer than two classes have labels; says why.

    """
    policy = state.policy
    present = np.flatnonzero([bool(digest) for digest in digests])
    used = [digests[row] for row in present.tolist()]
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
    identical = tuple(
        tuple(task_ids[present[list(group)]].tolist()) for group in embedded.identical
    )
    problems = {int(task_ids[present[i]]): reason for i, reason in embedded.failed.items()}
    counts = state.counts.votes[rows]
    check_enough(state, rows, {**left_out, **problems})
    surroundings = Surroundings(embedded.vectors[good], policy.seed)
    votes = Votes(counts, state.initial[rows], state.consensus.at(rows))
    data = TrainingData(
        task_ids=task_ids[rows],
        counts=counts,
        vectors=surroundings.vectors,
        images=_pixels([used[i] for i in np.flatnonzero(good)], load, policy.image_size),
        given=state.given[rows],
        shown=votes.consensus.labels,
        groups=surroundings.groups,
    )
    selection = select(
        policy.selector,
        data,
        policy.selector_options,
        seed=policy.seed,
        device=device,
        progress=progress,
        checkpoint=checkpoint,
        warm_start=warm_start,
        pretrained=pretrained,
    )
    scores = score_tasks(policy.score, votes, selection, seed=policy.seed)
    order = order_tasks(
        scores,
        votes,
        Spread(policy.diversity, _front_size(policy), policy.diversity_options),
        pool=state.waiting()[rows],
        surroundings=surroundings,
        contribution=selection.contribution,
        seed=policy.seed,
    )
    audit = draw_audit(state, rows, np.random.default_rng([policy.seed, 3, state.spent]))
    priority = order.priorities(interleave(order.front, audit, policy.audit_share))
    result = RoundResult(
        selection.posteriors,
        counts,
        votes.consensus.labels,
        priority,
        QualityMap.fit(priority, np.random.default_rng([policy.seed, 1])),
        state.schema.classes,
        policy.score,
        scores,
    )
    return Trained(
        result=result,
        record=selection.record
        | {
            "identical_vectors": sum(map(len, identical)),
            "near_duplicates": surroundings.duplicates,
        },
        problems=problems,
        audit=tuple(data.task_ids[audit].tolist()),
        nearest=nearest_of(data.task_ids, surroundings.neighbours),
        identical=identical,
    )


def draw_audit(state: ProjectState, rows: IntArray, rng: np.random.Generator) -> IntArray:
    """Return positions within `rows` of the tasks to audit: waiting ones first, then new ones.

    Every untouched task is equally likely, whatever its score: what is found among these tasks is
    true of all of them.
    """
    policy = state.policy
    wanted = round(policy.audit_share * _front_size(policy))
    tasks = list(state.tasks.values())
    untouched: BoolArray = (state.waiting() & ~state.touched())[rows]
    drawn = np.array([tasks[row].audit for row in rows], dtype=np.bool_)
    waiting = np.flatnonzero(drawn & untouched)
    pool = np.flatnonzero(~drawn & untouched)
    fresh = rng.permutation(pool)[: max(wanted - len(waiting), 0)]
    drawn_rows: IntArray = np.concatenate([waiting, fresh]).astype(np.int64)
    return drawn_rows


def interleave(front: IntArray, audit: IntArray, share: float) -> IntArray:
    """Put the audited rows between the others, evenly, so that they make up `share` of the first.

    front: rows, the one to ask first at the front.
    """
    if not share or not len(audit):
        return front
    rest = front[~np.isin(front, audit)]
    places = ((np.arange(len(audit)) + 0.5) / share).astype(np.int64) - np.arange(len(audit))
    mixed: IntArray = np.insert(rest, places.clip(max=len(rest)), audit)
    return mixed


def _front_size(policy: Policy) -> int:
    """Tasks that are likely to be served before the next round."""
    return policy.window + policy.retrain_after


def _pixels(
    digests: Sequence[str], load: Callable[[str], Image.Image], side: int
) -> ImageArray | None:
    """Return (N, side, side, 3) uint8 for selectors that train on pixels; side 0 = none needed."""
    if not side:
        return None
    images = np.empty((len(digests), side, side, 3), dtype=np.uint8)
    for row, digest in enumerate(digests):
        images[row] = np.asarray(as_rgb(load(digest), enough=side).resize((side, side)))
    return images
