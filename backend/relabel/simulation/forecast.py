"""How many more votes a real project needs, from what it has: the rest is played many times.

Nothing here knows the truth. How far the model's doubts can be believed and how often people err is
drawn from what the votes so far leave open, then the truth of every label and what people will say;
each time the project is played to its end, by the consensus and the score in force.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from relabel.errors import ConfigurationError
from relabel.numerics.consensus.posterior import beliefs, prior_of
from relabel.numerics.estimates.truths import Knowledge, Truths, learn_truths
from relabel.numerics.gain import disbelief
from relabel.simulation.campaign.judge import CONSENSUS, Terms
from relabel.simulation.campaign.loop import initial_counts
from relabel.simulation.rest import Course, Start, paces, play, within_reach
from relabel.types import BoolArray, FloatArray

LEVEL = 0.8
"""Share of forecasts whose interval shall hold."""

DRAWS = 60
"""Endings: with more the interval holds no better, its ends move by a few per cent."""

AHEAD = 100
"""Votes whose yield is told."""

MOST = 4
"""Votes per task that a forecast looks ahead."""

LEARNT_FROM = 300
"""Voted tasks, drawn at random, that a forecast of the next votes learns from at most. With all of
them it would take seconds late in a project, and most of what is not known is what comes next."""

ROUNDING = 1e-9

ANSWERS = 9
"""People at most who are asked about a task, where nobody knows how many there are."""


@dataclass(frozen=True, slots=True)
class Pilot:
    """A project some way into relabelling, N tasks, all with an old label.

    start: where it stands; terms: its rules; spent: votes so far; audited: (N,) tasks whose turn in
    the audit has come; people: who can be asked about a task, None = nobody knows.
    """

    start: Start
    terms: Terms
    spent: int
    audited: BoolArray
    people: int | None = None


@dataclass(frozen=True, slots=True)
class Range:
    """A figure to come: its median and the interval that holds it with chance `LEVEL`.

    None stands for never: at least so many of the endings do not get there.
    """

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is to come, in votes from now on.

    votes: until `target` of the labels are right, as the project is run; random: the same in random
    order; other: the other consensus, and fewer: votes that it would save until then, negative =
    cost. found: labels that the next `ahead` votes change. correct_now: share of right labels at
    present; noise_rate: of wrong ones at the start.
    """

    target: float
    votes: Range
    random: Range
    other: str
    fewer: Range
    ahead: int
    found: Range
    correct_now: Range
    noise_rate: Range


def forecast(
    pilot: Pilot, *, target: float = 0.95, draws: int = DRAWS, seed: int = 0, ahead: int = AHEAD
) -> Forecast:
    """Forecast the votes to a share of right labels.

    Args:
        pilot: the project as it is.
        target: share of right labels, in (0, 1].
        draws: simulated endings.
        seed: of all of them.
        ahead: votes whose yield is told.

    Raises:
        ConfigurationError: target out of range.
    """
    if not 0 < target <= 1:
        raise ConfigurationError(f"forecast: target = {target:g} lies in (0, 1].")
    rng = np.random.default_rng(seed)
    terms, votes = pilot.terms, MOST * len(pilot.audited)
    other = next(name for name in CONSENSUS if name != terms.consensus)
    game = _Game(
        pilot=pilot,
        truths=learn_truths(knowledge_of(pilot.start)),
        other=replace(terms, consensus=other),
        pace=paces(pilot.spent, terms.audit_share, votes),
        target=target,
    )
    endings = np.array([game.ending(rng) for _ in range(draws)])
    ours, random, fewer, now, noise = (range_of(figures) for figures in endings.T)
    found = next_changes(pilot, ahead, draws=draws, seed=seed)
    return Forecast(target, ours, random, other, fewer, ahead, found, now, noise)


def next_changes(pilot: Pilot, votes: int, *, draws: int = DRAWS, seed: int = 0) -> Range:
    """Forecast how many labels the next votes change.

    What these votes cannot reach is left out, so that it takes half a second in projects of any
    size: pages show it.

    Args:
        pilot: the project as it is.
        votes: how many.
        draws: simulated endings.
        seed: of all of them.
    """
    rng, start, terms = np.random.default_rng(seed), pilot.start, pilot.terms
    asked = rng.permutation(np.flatnonzero(start.new.any(1)))[:LEARNT_FROM]
    truths = learn_truths(knowledge_of(start.of(asked)))
    pace, turn = paces(pilot.spent, terms.audit_share, MOST * votes)
    turn = turn[turn <= votes]
    reach, pool = within_reach(start, terms, votes), np.flatnonzero(~pilot.audited)
    found = []
    for _ in range(draws):
        audit = rng.choice(pool, min(len(turn), len(pool)), replace=False)
        rows = np.union1d(reach, audit)
        some = start.of(rows)
        mine = replace(truths, known=knowledge_of(some))
        truth, error, shared = mine.draw(rng)
        answers = mine.answers(truth, error, shared, pilot.people or ANSWERS, rng)
        turns = np.full(len(rows), np.inf)
        turns[np.searchsorted(rows, audit)] = turn[: len(audit)]
        found.append(play(some, terms, answers, turns, pace).changed(votes, some.given))
    return range_of(np.array(found, dtype=np.float64))


def knowledge_of(start: Start) -> Knowledge:
    """Return what is known of the old labels."""
    each, k = np.arange(len(start.given)), start.new.shape[1]
    prior, old = prior_of(start.probs, start.rates), initial_counts(start.given, k)
    q = beliefs(prior, old, np.zeros(prior.shape), start.rates)
    others = prior.copy()
    others[each, start.given] = 0
    others /= others.sum(1, keepdims=True)
    return Knowledge(start.given, disbelief(q, start.given), others, start.new)


def range_of(values: FloatArray) -> Range:
    """Return median and interval of (D,) values, of which some may be infinite."""
    tail = (1 - LEVEL) / 2
    low, middle, high = np.quantile(values, [tail, 0.5, 1 - tail], method="inverted_cdf").tolist()
    return Range(*(v if np.isfinite(v) else None for v in (middle, low, high)))


@dataclass(frozen=True, slots=True)
class _Game:
    """What all endings share; other: the rules with the other consensus; pace: of `paces`."""

    pilot: Pilot
    truths: Truths
    other: Terms
    pace: tuple[FloatArray, FloatArray]
    target: float

    def ending(self, rng: np.random.Generator) -> tuple[float, ...]:
        """Return the figures of a forecast, for one drawn truth."""
        start, terms = self.pilot.start, self.pilot.terms
        truth, error, shared = self.truths.draw(rng)
        most = self.pilot.people or ANSWERS
        answers = self.truths.answers(truth, error, shared, most, rng)
        turn = np.full(len(truth), np.inf)
        audit = rng.permutation(np.flatnonzero(~self.pilot.audited))[: len(self.pace[1])]
        turn[audit] = self.pace[1][: len(audit)]
        right = int((start.labels == truth).sum())
        needed = math.ceil(self.target * len(truth) - ROUNDING) - right

        def course(start: Start, terms: Terms) -> Course:
            return play(start, terms, answers, turn, self.pace[0])

        shuffled = replace(start, score=rng.random(len(truth)))
        random = course(shuffled, replace(terms, by_gain=False)).votes_to(needed, truth)
        votes = course(start, terms).votes_to(needed, truth)
        other = course(start, self.other).votes_to(needed, truth)
        return (
            votes,
            random,
            # Where neither gets there neither saves anything.
            0.0 if votes == other else votes - other,
            right / len(truth),
            float((start.given != truth).mean()),
        )
