"""Strict majority: the rule of Bernhardt et al. 2022, and the default of every live decision."""

from collections.abc import Callable

import numpy as np

from relabel.errors import ConfigurationError, InvalidValuesError
from relabel.numerics.labels import leading, likeliest, top_classes
from relabel.numerics.posteriors import normalise
from relabel.types import BoolArray, Consensus, FloatArray, IntArray, State

ABSTAIN_LIMIT = 2
"""So many people who cannot tell make a task ambiguous."""

TieRule = Callable[..., IntArray]


def majority(
    counts: IntArray,
    *,
    abstains: IntArray | None = None,
    silent: IntArray | None = None,
    voters: IntArray | None = None,
    max_votes: int = 10,
    tie_rule: str = "none",
    current: IntArray | None = None,
    probs: FloatArray | None = None,
    rng: np.random.Generator | None = None,
) -> Consensus:
    """Decide from the votes alone which tasks are settled.

    SETTLED: one class has strictly more votes than every other, and there is more than one vote
    (the initial label counts as one). Otherwise AMBIGUOUS when votes, abstentions and answers
    without a vote reach `max_votes` or two people abstained; TIED when several classes share the
    top with at least two votes in all; OPEN else.

    Args:
        counts: (N, K) votes, the initial label included.
        abstains: (N,) "cannot tell" votes; None = nobody abstained.
        silent: (N,) people who answered without a vote; None = nobody did.
        voters: (N,) voters known to be different ones, of whom SETTLED needs two; None = as many
            as votes.
        max_votes: The cap on the answers of one task.
        tie_rule: Which of the top classes an unsettled task shows, a key of `TIE_RULES`.
        current: (N,) labels so far, -1 = none; needed by the tie rule "current".
        probs: (N, K) probabilities; needed by the tie rule "posterior".
        rng: Needed by the tie rule "random".

    Returns:
        Labels (-1 where there are no votes, or where the tie rule shows none) and states. But for
        the rule "lowest", the order of the classes decides nothing.

    Raises:
        InvalidValuesError: An array of the wrong shape, or the tie rule's input is missing.
        ConfigurationError: Unknown tie rule, or a cap below 2.
    """
    _check(counts, max_votes, tie_rule, abstains=abstains, silent=silent, voters=voters)
    total = counts.sum(1)
    labels = leading(counts)
    several = (labels < 0) & (total > 0)
    abstained = np.zeros_like(total) if abstains is None else abstains
    answers = total + abstained + (0 if silent is None else silent)
    states = np.full(len(counts), int(State.OPEN), dtype=np.int64)
    states[several & (total >= 2)] = State.TIED
    states[(answers >= max_votes) | (abstained >= ABSTAIN_LIMIT)] = State.AMBIGUOUS
    states[~several & ((total if voters is None else voters) >= 2)] = State.SETTLED
    if several.any():
        labels[several] = TIE_RULES[tie_rule](
            top_classes(counts[several]),
            current=None if current is None else current[several],
            probs=None if probs is None else probs[several],
            rng=rng,
        )
    return Consensus(labels=labels, states=states)


def _check(counts: IntArray, max_votes: int, tie_rule: str, **per_task: IntArray | None) -> None:
    normalise(counts)
    for name, values in per_task.items():
        if values is not None and values.shape != counts.shape[:1]:
            raise InvalidValuesError(
                f"{name} has shape {values.shape}; expected ({len(counts)},), one count per task."
            )
    if max_votes < 2:
        raise ConfigurationError(f"max_votes is {max_votes}; a majority needs at least 2.")
    if tie_rule not in TIE_RULES:
        raise ConfigurationError(
            f"tie_rule is {tie_rule!r}; choose one of {', '.join(sorted(TIE_RULES))}."
        )


def _none(top: BoolArray, **_: object) -> IntArray:
    """No label."""
    return np.full(len(top), -1, dtype=np.int64)


def _lowest(top: BoolArray, **_: object) -> IntArray:
    """The class that comes first in the labelling config."""
    return np.asarray(top.argmax(1))


def _current(top: BoolArray, *, current: IntArray | None, **_: object) -> IntArray:
    """The label so far if it is among the top classes, else none."""
    if current is None:
        raise InvalidValuesError("The tie rule 'current' needs `current`, the labels so far.")
    kept = (current >= 0) & top[np.arange(len(top)), current]
    return np.where(kept, current, -1)


def _posterior(top: BoolArray, *, probs: FloatArray | None, **_: object) -> IntArray:
    """The top class that the posterior finds likeliest, none if several are."""
    if probs is None:
        raise InvalidValuesError("The tie rule 'posterior' needs `probs`, the class probabilities.")
    return likeliest(np.where(top, probs, -1.0))


def _random(top: BoolArray, *, rng: np.random.Generator | None, **_: object) -> IntArray:
    """Any of the top classes with equal chance."""
    if rng is None:
        raise InvalidValuesError("The tie rule 'random' needs `rng`, a seeded generator.")
    return np.asarray(np.where(top, rng.random(top.shape), -1.0).argmax(1))


TIE_RULES: dict[str, TieRule] = {
    "none": _none,
    "lowest": _lowest,
    "current": _current,
    "posterior": _posterior,
    "random": _random,
}
