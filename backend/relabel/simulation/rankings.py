"""Rankings by a selector and a score: the production path from votes to an order of tasks."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from relabel.catalogue import meant
from relabel.errors import ConfigurationError
from relabel.learning.selection import Run, Selection, TrainingData
from relabel.learning.selectors import SELECTORS, select
from relabel.learning.two_phase import QUERIES, TwoPhase, kept_by_either
from relabel.numerics.consensus.majority import majority
from relabel.numerics.ranking import DIVERSITY, prioritise, reorder, select_batch
from relabel.numerics.scoring import SCORES
from relabel.simulation.campaign import Prioritise, Queue
from relabel.simulation.dataset import Dataset
from relabel.simulation.peers import PEERS
from relabel.simulation.queues import OrderedQueue
from relabel.simulation.spreading import Spread
from relabel.types import BoolArray, FloatArray, IntArray, Posteriors

TRUTH = "truth"
"""The selector whose posteriors are the true distributions: what a perfect model could do."""

TWO_PHASE = "two_phase"
"""Khanal et al. 2024: the selector is phase one, the "score" is the query of phase two."""

BATCH = 100
"""Tasks picked together by a diversity rule when the model is not retrained."""

KEPT = 2
"""Selections kept in memory: all scores of one selector share the first one."""


@dataclass(frozen=True, slots=True)
class Method:
    """A way to rank tasks, by the names of its parts."""

    selector: str
    score: str
    diversity: str = "none"

    def __post_init__(self) -> None:
        known = {
            "selector": [*SELECTORS, TRUTH, TWO_PHASE],
            "score": [*QUERIES] if self.selector == TWO_PHASE else [*SCORES, *PEERS],
            "diversity": ["none"] if self.selector == TWO_PHASE else [*DIVERSITY],
        }
        for name, allowed in known.items():
            value = getattr(self, name)
            if value not in allowed:
                raise ConfigurationError(
                    f"{name}={value!r} is unknown; known: {', '.join(allowed)}."
                    f"{meant(value, allowed)}"
                )

    def __str__(self) -> str:
        parts = [self.selector, self.score]
        return " ".join(parts if self.diversity == "none" else [*parts, self.diversity])


Select = Callable[[IntArray], Selection]
"""select(counts (N, K)) -> what the selector learns from them."""


def selector_of(name: str, data: Dataset, seed: int, device: str = "cpu") -> Select:
    """Return the named selector on the data set; its last results are remembered."""
    ids = np.arange(len(data), dtype=np.int64)
    if name == TRUTH:
        known = Posteriors(ids, data.distributions.astype(np.float32))
        return lambda _: Selection(known, out_of_sample=True)
    remembered: OrderedDict[bytes, Selection] = OrderedDict()
    recipe = "co_teaching_vog" if name == TWO_PHASE else name

    def selected(counts: IntArray) -> Selection:
        key = counts.tobytes()
        if key not in remembered:
            training = training_data(data, counts)
            remembered[key] = select(recipe, training, {}, seed=seed, device=device)
            while len(remembered) > KEPT:
                remembered.popitem(last=False)
        return remembered[key]

    return selected


def training_data(data: Dataset, counts: IntArray) -> TrainingData:
    """Return the data set with these (N, K) votes, as selectors take it."""
    images = data.images
    if images is not None and images.ndim == 3:
        images = images[..., None]
    return TrainingData(np.arange(len(data), dtype=np.int64), counts, data.features, images)


def scores_of(
    name: str,
    counts: IntArray,
    labels: IntArray,
    selection: Selection,
    rng: np.random.Generator,
) -> FloatArray:
    """Return (N,) scores, higher = relabel sooner, of a production score or of a peer."""
    probs = selection.posteriors.probs
    if name in PEERS:
        return PEERS[name](counts, probs, labels)
    if name == "random":
        return SCORES[name](counts, probs, labels=labels, rng=rng)
    if name == "bald" and selection.members is not None:
        return SCORES[name](counts, selection.members, labels=labels)
    return SCORES[name](counts, probs, labels=labels)


def model_order(
    method: Method,
    select: Select,
    *,
    seed: int,
    learn_from: IntArray | None = None,
    batch: int | None = None,
    spread: Spread | None = None,
    on_scores: Callable[[FloatArray], None] = lambda _: None,
) -> Prioritise:
    """Return the ranking by a model's score, as a round of a live project computes it.

    Args:
        method: which score and diversity.
        select: the selector.
        seed: orders ties.
        learn_from: (N, K) counts that one model learns from and then ranks all batches; None =
            it is trained at each ranking on the votes so far.
        batch: how many tasks a diversity rule picks per ranking.
        spread: inputs of the diversity rules; only "none" goes without.
        on_scores: told the (N,) scores of each ranking.
    """

    def rank(counts: IntArray, labels: IntArray, pool: BoolArray) -> Queue:
        selection = select(counts if learn_from is None else learn_from)
        rng = np.random.default_rng([seed, int(counts.sum())])
        score = scores_of(method.score, counts, labels, selection, rng)
        on_scores(score)
        diversity = method.diversity
        options = spread(diversity, labels, pool, selection) if spread else {}
        n = len(score) if diversity == "none" else (batch or BATCH)
        chosen = select_batch(score, n, diversity=diversity, eligible=pool, rng=rng, **options)
        return OrderedQueue(order_of(score, counts, pool, chosen))

    return rank


def two_phase_order(
    query: str, select: Select, data: Dataset, counts: IntArray, *, seed: int, device: str = "cpu"
) -> Prioritise:
    """Return the ranking of Khanal's second phase; the tasks that phase one keeps are never asked.

    Args:
        query: one of `QUERIES`.
        select: phase one.
        data: the samples.
        counts: (N, K) before the campaign, which phase one learns from.
        seed: of the networks that each round trains.
        device: that they are trained on.
    """

    def rank(now: IntArray, _: IntArray, pool: BoolArray) -> Queue:
        clean = kept_by_either(select(counts))
        strategy = TwoPhase(training_data(data, counts), clean, query, Run(seed, device))
        return OrderedQueue(strategy.order(now, pool))

    return rank


def order_of(score: FloatArray, counts: IntArray, pool: BoolArray, chosen: IntArray) -> IntArray:
    """Return the rows of the pool, the `chosen` ones first and then the rest by score."""
    # A visit is always finished before the next ranking, so no task counts as begun.
    begun_from = counts.sum(1)
    priority = prioritise(score, counts, begun_from, majority(counts).states)
    order: IntArray = np.argsort(-reorder(priority, chosen), kind="stable")
    return order[pool[order]]
