"""Rankings by a selector and a score: the production path from votes to an order of tasks."""

import shutil
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from relabel.catalogue.built_in import TRAINING
from relabel.catalogue.options import check_score, check_selector, meant, names_of, options_of
from relabel.catalogue.signatures import Option
from relabel.errors import ConfigurationError
from relabel.learning.data import Run, RunArguments, Selection, TrainingData
from relabel.learning.order import Spread, Votes, order_tasks, score_tasks
from relabel.learning.selectors.registry import select
from relabel.numerics.consensus.majority import majority
from relabel.numerics.diversity.spread import Surroundings
from relabel.numerics.labels import leading
from relabel.simulation.campaign.cleanlab_scores import PEERS
from relabel.simulation.campaign.judge import CONSENSUS, KEYS
from relabel.simulation.campaign.loop import Prioritise, Queue
from relabel.simulation.campaign.orders import OrderedQueue
from relabel.simulation.campaign.two_phase import QUERIES, TwoPhase, kept_by_either
from relabel.simulation.data.dataset import Dataset
from relabel.types import BoolArray, Consensus, FloatArray, IntArray, Posteriors

TRUTH = "truth"
"""The selector whose posteriors are the true distributions: what a perfect model could do."""

TWO_PHASE, PHASE_ONE = "two_phase", "co_teaching_vog"
"""Khanal et al. 2024: phase one is that selector, the "score" is the query of phase two."""

WEIGHED = "linear"
"""The selector whose posteriors may be evidence: out of fold of a task's old label and votes."""

BATCH = 100
"""Tasks picked together by a diversity rule when the model is not retrained."""

KEPT = 2
"""Selections kept in memory: all scores of one selector share the first one."""


@dataclass(frozen=True, slots=True)
class Method:
    """A way to rank tasks, by the names of its parts; options: of the selector."""

    selector: str
    score: str
    diversity: str = "none"
    consensus: str = "majority"
    options: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        two_phase = self.selector == TWO_PHASE
        known = {
            "selector": [*names_of("selector"), TRUTH, TWO_PHASE],
            "score": [*QUERIES] if two_phase else [*names_of("score"), *KEYS, *PEERS],
            "diversity": ["none"] if two_phase or self.score in KEYS else names_of("diversity"),
            "consensus": [*CONSENSUS],
        }
        for name, allowed in known.items():
            value = getattr(self, name)
            if value not in allowed:
                raise ConfigurationError(
                    f"{name}={value!r} is unknown; known: {', '.join(allowed)}."
                    f"{meant(value, allowed)}"
                )
        if self.selector != TRUTH:
            check_selector(PHASE_ONE if two_phase else self.selector, self.options)
        check_score(self.score, self.selector, self.options)
        if self.weighs and self.selector != WEIGHED:
            raise ConfigurationError(
                f"selector={self.selector!r}: score={self.score!r} and consensus='posterior' "
                "count the posterior as evidence beside votes, so it must come from a model "
                "that has seen neither the task's old label nor its votes: "
                f"use selector='{WEIGHED}'."
            )

    @property
    def learner(self) -> str:
        """The selector with its options, in words."""
        told = (f"{key}={value}" for key, value in sorted(self.options.items()))
        return f"{self.selector}({', '.join(told)})" if self.options else self.selector

    def __str__(self) -> str:
        parts = [self.learner, self.score]
        parts += [self.diversity] if self.diversity != "none" else []
        return " ".join([*parts, self.consensus] if self.consensus != "majority" else parts)

    @property
    def weighs(self) -> bool:
        """Whether the posterior is used for more than an order."""
        return self.score in KEYS or self.consensus == "posterior"


def options_known(selector: str) -> Mapping[str, Option]:
    """Return the options that a method's selector takes."""
    if selector == TRUTH:
        return {}
    return options_of("selector", PHASE_ONE if selector == TWO_PHASE else selector)


Select = Callable[[IntArray, IntArray], Selection]
"""select(counts (N, K), shown labels (N,)) -> what the selector learns from them."""


def selector_of(
    name: str,
    data: Dataset,
    surroundings: Surroundings,
    seed: int,
    device: str = "cpu",
    given: IntArray | None = None,
    *,
    options: Mapping[str, Any] | None = None,
    folder: Path | None = None,
) -> Select:
    """Return the named selector on the data set; its last results are remembered.

    Args:
        name: of a `Method`.
        data: the samples.
        surroundings: of the samples.
        seed: of all that is trained.
        device: as `choose_device` reads it.
        given: (N,) the labels that the campaign begins with; `auto` measures with them.
        options: of the selector.
        folder: its own alone, where a training that is cut off is continued; None = nowhere.
    """
    ids = np.arange(len(data), dtype=np.int64)
    if name == TRUTH:
        known = Posteriors(ids, data.distributions.astype(np.float32))
        return lambda *_: Selection(known, out_of_sample=True)
    remembered: OrderedDict[bytes, Selection] = OrderedDict()
    selector = PHASE_ONE if name == TWO_PHASE else name
    run: RunArguments = {"seed": seed, "device": device}
    if folder is not None:
        run |= {"checkpoint": folder / "unfinished", "pretrained": folder / "pretrained"}

    def selected(counts: IntArray, shown: IntArray) -> Selection:
        key = counts.tobytes() + shown.tobytes()
        if key not in remembered:
            training = training_data(data, counts, surroundings, given, shown)
            remembered[key] = select(selector, training, options or {}, **run)
            if folder is not None:
                shutil.rmtree(folder / "unfinished", ignore_errors=True)
            while len(remembered) > KEPT:
                remembered.popitem(last=False)
        return remembered[key]

    return selected


def training_data(
    data: Dataset,
    counts: IntArray,
    surroundings: Surroundings,
    given: IntArray | None = None,
    shown: IntArray | None = None,
) -> TrainingData:
    """Return the data set with these (N, K) votes, as selectors take it."""
    images = data.images
    if images is not None and images.ndim == 3:
        images = images[..., None]
    return TrainingData(
        np.arange(len(data), dtype=np.int64),
        counts,
        data.features,
        images,
        given=given,
        shown=shown,
        groups=None if data.features is None else surroundings.groups,
    )


def scores_of(name: str, votes: Votes, selection: Selection, *, seed: int) -> FloatArray:
    """Return (N,) scores, higher = relabel sooner, of a production score or of a peer."""
    if name in PEERS:
        return PEERS[name](votes.counts, selection.posteriors.probs, votes.consensus.labels)
    return score_tasks(name, votes, selection, seed=seed)


def votes_of(counts: IntArray, labels: IntArray) -> Votes:
    """Return (N, K) votes and the (N,) labels that they show, as a round takes them.

    A visit is always finished before the next ranking, so no task counts as begun.
    """
    return Votes(counts, counts.sum(1), Consensus(labels, majority(counts).states))


def model_order(
    method: Method,
    select: Select,
    surroundings: Surroundings,
    *,
    seed: int,
    learn_from: IntArray | None = None,
    batch: int | None = None,
    on_scores: Callable[[FloatArray], None] = lambda _: None,
) -> Prioritise:
    """Return the ranking by a model's score, as a round of a live project computes it.

    Args:
        method: which score and diversity.
        select: the selector.
        surroundings: of the samples.
        seed: orders ties.
        learn_from: (N, K) counts that one model learns from and then ranks all batches; None =
            it is trained at each ranking on the votes so far.
        batch: how many tasks a diversity rule picks per ranking.
        on_scores: told the (N,) scores of each ranking.
    """

    def rank(counts: IntArray, labels: IntArray, pool: BoolArray) -> Queue:
        if learn_from is None:
            selection = select(counts, labels)
        else:
            selection = select(learn_from, leading(learn_from))
        votes = votes_of(counts, labels)
        scores = scores_of(method.score, votes, selection, seed=seed)
        on_scores(scores)
        order = order_tasks(
            scores,
            votes,
            Spread(method.diversity, batch or BATCH),
            pool=pool,
            surroundings=surroundings,
            contribution=selection.contribution,
            seed=seed,
        )
        ranked = np.argsort(-order.priorities(), kind="stable")
        return OrderedQueue(ranked[pool[ranked]])

    return rank


def two_phase_order(
    query: str,
    select: Select,
    data: Dataset,
    surroundings: Surroundings,
    counts: IntArray,
    *,
    seed: int,
    device: str = "cpu",
    options: Mapping[str, Any] | None = None,
) -> Prioritise:
    """Return the ranking of Khanal's second phase; the tasks that phase one keeps are never asked.

    Args:
        query: one of `QUERIES`.
        select: phase one.
        data: the samples.
        surroundings: of the samples.
        counts: (N, K) before the campaign, which phase one learns from.
        seed: of the networks that each round trains.
        device: that they are trained on.
        options: of phase one; those of every training hold for these networks, too.
    """
    shared = {key: value for key, value in (options or {}).items() if key in TRAINING}

    def rank(now: IntArray, _: IntArray, pool: BoolArray) -> Queue:
        clean = kept_by_either(select(counts, leading(counts)))
        training = training_data(data, counts, surroundings)
        strategy = TwoPhase(training, clean, query, Run(seed, device), shared)
        return OrderedQueue(strategy.order(now, pool))

    return rank
