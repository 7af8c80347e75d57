"""From votes and posteriors to the order of tasks: the one way, live and simulated."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from relabel.catalogue.options import single_member
from relabel.catalogue.plugins import find
from relabel.learning.data import Selection
from relabel.numerics.diversity.registry import select_batch
from relabel.numerics.diversity.spread import Surroundings, diversity_inputs
from relabel.numerics.labels import leading_or_first
from relabel.numerics.ranking import BEGUN, DIGITS, UNLABELLED, prioritise, reorder
from relabel.numerics.scoring import OF_MEMBERS, SCORES
from relabel.types import BoolArray, Consensus, FloatArray, IntArray


@dataclass(frozen=True, slots=True)
class Votes:
    """What people have said of N tasks.

    counts: (N, K) votes; initial: (N,) how many of them were there before relabelling; consensus:
    labels and states that they make.
    """

    counts: IntArray
    initial: IntArray
    consensus: Consensus


@dataclass(frozen=True, slots=True)
class Spread:
    """How the front of the order is spread over the data.

    diversity: a key of `DIVERSITY`; options: of it, by name; size: how many tasks are spread.
    """

    diversity: str = "none"
    size: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Order:
    """An order of N tasks.

    priority: (N,) before anything was spread, higher = sooner. front: (n,) rows of the tasks that
    may be asked and do not come before all others, the one to ask first at the front.
    """

    priority: FloatArray
    front: IntArray

    def priorities(self) -> FloatArray:
        """Return (N,) priorities in the order of `front`."""
        return reorder(self.priority, self.front)


def score_tasks(name: str, votes: Votes, selection: Selection, *, seed: int) -> FloatArray:
    """Return (N,) scores, higher = relabel sooner.

    Args:
        name: a key of `SCORES`, or of a plug-in.
        votes: of N tasks.
        selection: what a selector found out about them.
        seed: of the score "random".

    Raises:
        ConfigurationError: the score compares networks or passes, and the selector has one only.
    """
    score = find("score", name, SCORES)
    probs = selection.posteriors.probs.astype(np.float64)
    labels = votes.consensus.labels
    if name == "random":
        rng = np.random.default_rng([seed, 6])
        return score(votes.counts, probs, labels=labels, rng=rng)
    if name in OF_MEMBERS:
        if selection.members is None:
            raise single_member(name, str(selection.record.get("selector")))
        return score(votes.counts, selection.members, labels=labels)
    return score(votes.counts, probs, labels=labels)


def order_tasks(
    scores: FloatArray,
    votes: Votes,
    spread: Spread,
    *,
    pool: BoolArray,
    surroundings: Surroundings,
    contribution: FloatArray | None,
    seed: int,
    begun_first: bool = True,
) -> Order:
    """Return the order in which tasks are asked.

    A way to spread is given the scores as they are. Given priorities, which squeeze them into
    (-1, 1), it took the differences among suspicious tasks for nothing: with `tiered_phi` and
    diffusion, of the first 100 picks among CIFAR-10H features with 15 % wrong labels .86 and .84
    were wrong instead of .98 and .94 (two seeds; .98 and 1.00 against .93 and .95 on top of
    `robust_update`).

    Args:
        scores: (N,) finite, higher = sooner.
        votes: what people have said.
        spread: how the first tasks are spread.
        pool: (N,) tasks that may be asked.
        surroundings: of the tasks.
        contribution: (N,) of the selector, or None.
        seed: orders tasks of equal score.
        begun_first: whether a begun task is finished before the next one is opened.
    """
    states = votes.consensus.states
    priority = prioritise(scores, votes.counts, votes.initial, states, begun_first=begun_first)
    untouched = (priority < BEGUN - 1) & (priority > UNLABELLED + 1)
    eligible = pool & untouched
    exact = scores.round(DIGITS)

    def batch(diversity: str, size: int, **options: Any) -> IntArray:
        rng = np.random.default_rng([seed, 2])
        return select_batch(exact, size, diversity=diversity, eligible=eligible, rng=rng, **options)

    by_score = batch("none", len(exact))
    if spread.diversity == "none":
        return Order(priority, by_score)
    inputs = diversity_inputs(
        spread.diversity,
        surroundings=surroundings,
        labels=leading_or_first(votes.counts, votes.consensus.labels),
        pool=eligible,
        contribution=contribution,
    )
    first = batch(spread.diversity, spread.size, **inputs, **spread.options)
    return Order(priority, np.concatenate([first, by_score[~np.isin(by_score, first)]]))
