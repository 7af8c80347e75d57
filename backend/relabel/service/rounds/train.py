"""One round's computation: images to posteriors to priorities. No store, no network, no clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from relabel.learning.data import Selection, TrainingData
from relabel.learning.device import choose_device
from relabel.learning.encoders.embed import embed
from relabel.learning.order import Spread, Votes, order_tasks, score_tasks
from relabel.learning.selectors.registry import select
from relabel.media.medium import Load
from relabel.media.registry import MEDIUM
from relabel.numerics.diversity.spread import Surroundings
from relabel.numerics.gain import GAIN
from relabel.numerics.ranking import QualityMap
from relabel.policy import Policy
from relabel.service.audit.turns import said_anew, turns_of
from relabel.service.rounds.neighbours import Nearest, nearest_of
from relabel.service.rounds.readiness import check_enough
from relabel.service.votes.evidence import believed_by
from relabel.service.votes.gains import score_by_gain
from relabel.service.votes.rates import RoundRates, learn_rates, people_labels
from relabel.service.votes.result import RoundResult
from relabel.service.votes.settlements import is_trusted
from relabel.service.votes.state import ProjectState
from relabel.types import Float32Array, FloatArray, IntArray, Progress


@dataclass(frozen=True, slots=True)
class Trained:
    """A round's result, what was measured, unusable images, neighbours.

    identical: groups of tasks that the encoder cannot tell apart though their files differ.
    """

    result: RoundResult
    record: dict[str, float | int | str]
    problems: dict[int, str]
    nearest: Nearest
    identical: tuple[tuple[int, ...], ...] = ()


def train_round(
    state: ProjectState,
    digests: Sequence[str],
    load: Load,
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
        load: returns the content of a digest, or raises BadImageError.
        left_out: by task id, why there is no image.
        cache: folder of the embeddings.
        device: as `choose_device` reads it.
        progress: called with stage, done and total.
        checkpoint: folder in which an interrupted training is continued.
        warm_start: folder of the training of an earlier round that this one starts from.
        pretrained: folder of networks that learnt from the project's images alone.

    Raises:
        NotReadyError: fewer than two classes have labels; says why.

    """
    policy = state.policy
    device = choose_device(device)
    seen = _see(state, digests, load, cache=cache, device=device, progress=progress)
    check_enough(state, seen.rows, {**left_out, **seen.problems})
    votes, surroundings, data = _to_learn_from(state, seen, load)
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
    result = _rank(state, seen.rows, votes, selection, surroundings)
    measured = {
        "identical_vectors": sum(map(len, seen.identical)),
        "near_duplicates": surroundings.duplicates,
    }
    return Trained(
        result=result,
        record=selection.record | measured,
        problems=seen.problems,
        nearest=nearest_of(data.task_ids, surroundings.neighbours),
        identical=seen.identical,
    )


@dataclass(frozen=True, slots=True)
class _Seen:
    """The tasks whose image could be read and embedded.

    rows: (n,) of the state; digests: of their images; vectors: (n, D); problems: by task id, why
    others have none; identical: as in `Trained`.
    """

    rows: IntArray
    digests: list[str]
    vectors: Float32Array
    problems: dict[int, str]
    identical: tuple[tuple[int, ...], ...]


def _see(
    state: ProjectState,
    digests: Sequence[str],
    load: Load,
    *,
    cache: Path,
    device: str,
    progress: Progress,
) -> _Seen:
    policy, task_ids = state.policy, state.counts.task_ids
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
    return _Seen(
        rows=present[good],
        digests=[used[i] for i in np.flatnonzero(good)],
        vectors=embedded.vectors[good],
        problems={int(task_ids[present[i]]): why for i, why in embedded.failed.items()},
        identical=tuple(
            tuple(task_ids[present[list(group)]].tolist()) for group in embedded.identical
        ),
    )


def _to_learn_from(
    state: ProjectState, seen: _Seen, load: Load
) -> tuple[Votes, Surroundings, TrainingData]:
    rows = seen.rows
    side = state.policy.image_size  # 0 = the selector needs no pixels
    votes = Votes(state.counts.votes[rows], state.initial[rows], state.consensus.at(rows))
    surroundings = Surroundings(seen.vectors, state.policy.seed)
    data = TrainingData(
        task_ids=state.counts.task_ids[rows],
        counts=votes.counts,
        vectors=surroundings.vectors,
        images=MEDIUM.arrays(load, seen.digests, side) if side else None,
        given=state.given[rows],
        shown=people_labels(state)[rows],
        groups=surroundings.groups,
    )
    return votes, surroundings, data


def _rank(
    state: ProjectState,
    rows: IntArray,
    votes: Votes,
    selection: Selection,
    surroundings: Surroundings,
) -> RoundResult:
    policy = state.policy
    rates = None
    if selection.out_of_sample:
        turns = turns_of(state)
        sample = turns.done
        said = said_anew(state, sample)
        rates = learn_rates(state, turns.drawn, sample, said, selection.posteriors)
        rates = replace(rates, trusted=is_trusted(state, sample, said, rates))
    scores = _scores(state, rows, votes, selection, rates)
    order = order_tasks(
        scores,
        votes,
        Spread(policy.diversity, _front_size(policy), policy.diversity_options),
        pool=state.waiting()[rows],
        surroundings=surroundings,
        contribution=selection.contribution,
        seed=policy.seed,
        begun_first=policy.score != GAIN,
    )
    priority = order.priorities()
    return RoundResult(
        selection.posteriors,
        votes.counts,
        votes.consensus.labels,
        priority,
        QualityMap.fit(priority, np.random.default_rng([policy.seed, 1])),
        state.schema.classes,
        policy.score,
        scores,
        rates,
    )


def _scores(
    state: ProjectState,
    rows: IntArray,
    votes: Votes,
    selection: Selection,
    rates: RoundRates | None,
) -> FloatArray:
    policy = state.policy
    if policy.score != GAIN or rates is None:
        return score_tasks(policy.score, votes, selection, seed=policy.seed)
    # What this round believes of begun tasks is what their next vote will count beside.
    task_ids, probs = selection.posteriors.task_ids, selection.posteriors.probs
    believed = believed_by(state, task_ids, probs, rates)
    return score_by_gain(replace(state, believed=believed), rows, probs.astype(np.float64), rates)


def _front_size(policy: Policy) -> int:
    """Tasks that are likely to be served before the next round."""
    return policy.window + policy.retrain_after
