"""The rest of a project at once: all its tasks to their end, then put in the order of the queue.

A task's votes depend on the task alone, so that all can be asked their next one together; which
comes when follows from the keys. A queue that always asks where the key is the greatest asks a
task's next vote once nothing else is above the least key that the task has had so far. So it plays
what `run_project` plays between two rounds, hundreds of times as fast.
"""

from dataclasses import dataclass

import numpy as np

from relabel.numerics.audit import PEOPLE, turns
from relabel.numerics.consensus.posterior import Rates, beliefs, prior_of, settle, vote_weight
from relabel.numerics.gain import disbelief, gain_score, majority_gain, posterior_gain
from relabel.simulation.campaign.judge import Terms, by_people
from relabel.simulation.campaign.loop import initial_counts
from relabel.types import BoolArray, FloatArray, IntArray, State

NO_CAP = 10**6
"""Without a cap a task ends long before so many votes."""


@dataclass(frozen=True, slots=True)
class Start:
    """A project some way into relabelling, N tasks, K classes.

    given: (N,) old labels. new: (N, K) votes so far. labels: (N,) as they would be exported.
    closed: (N,) tasks that the queue asks no more. probs: (N, K) out-of-fold posteriors, rates:
    what is believed beside them. score: (N,) higher = sooner; not used by gain.
    """

    given: IntArray
    new: IntArray
    labels: IntArray
    closed: BoolArray
    probs: FloatArray
    rates: Rates
    score: FloatArray

    def of(self, rows: IntArray) -> "Start":
        """Return the same of some tasks alone."""
        return Start(
            given=self.given[rows],
            new=self.new[rows],
            labels=self.labels[rows],
            closed=self.closed[rows],
            probs=self.probs[rows],
            rates=self.rates,
            score=self.score[rows],
        )


@dataclass(frozen=True, slots=True)
class Course:
    """The votes to come, V of them, in their order.

    at: (V,) how many have been given with each, those of the audit included. tasks: (V,). before,
    after: (V,) the label that the task shows before and after.
    """

    at: FloatArray
    tasks: IntArray
    before: IntArray
    after: IntArray

    def votes_to(self, needed: int, truth: IntArray) -> float:
        """Return the votes after which `needed` more labels are right, inf = never."""
        right = truth[self.tasks]
        gained = ((self.after == right).astype(np.int64) - (self.before == right)).cumsum()
        reached = np.flatnonzero(gained >= needed)
        return 0.0 if needed <= 0 else float(self.at[reached[0]]) if len(reached) else float("inf")

    def changed(self, votes: float, given: IntArray) -> int:
        """Return how many labels more differ from the old ones after so many votes."""
        old, seen = given[self.tasks], self.at <= votes
        return int(((self.after != old).astype(np.int64) - (self.before != old))[seen].sum())


def play(
    start: Start, terms: Terms, answers: IntArray, turn: FloatArray, pace: FloatArray
) -> Course:
    """Play a project until the queue has nothing left to ask.

    Args:
        start: the project now.
        terms: of the project; its budget and its rounds are not looked at.
        answers: (N, A) what people say of each task; who comes after them says nothing.
        turn: (N,) votes after which the audit asks each task, inf = it does not.
        pace: (V,) votes in all when the queue has had 1, 2, ... of them, of `paces`.
    """
    asked = _ask(start, terms, answers)
    votes, shown = asked.votes, asked.shown
    rows = np.repeat(np.arange(len(votes)), votes)
    nth = np.arange(len(rows)) - np.repeat(np.cumsum(votes) - votes, votes)
    least = np.minimum.accumulate(asked.keys, axis=1)[rows, nth]
    order = np.lexsort((nth, rows, -least))
    rows, nth = rows[order], nth[order]
    at = _paced(np.arange(1, len(rows) + 1), pace)
    first = np.full(len(votes), np.inf)
    np.minimum.at(first, rows, at)
    # What the audit asks first leaves the queue.
    early = (turn < first)[rows]
    at[~early] = _paced(np.arange(1, int((~early).sum()) + 1), pace)
    at[early] = turn[rows[early]]
    after = shown[rows, nth]
    before = np.where(nth > 0, shown[rows, np.maximum(nth - 1, 0)], start.labels[rows])
    order = np.lexsort((nth, at))
    return Course(at[order], rows[order], before[order], after[order])


def within_reach(start: Start, terms: Terms, votes: int) -> IntArray:
    """Return the rows, increasing, that the queue can ask about with its next votes.

    Those with the greatest keys, as many as there are votes: a task's key changes by its own votes
    alone, and each vote goes where the key is the greatest.
    """
    live = np.flatnonzero(~start.closed)
    some, k = start.of(live), start.new.shape[1]
    q = np.zeros((len(live), 0))
    if terms.weighs:
        old, weight = initial_counts(some.given, k), vote_weight(some.rates.people, k)
        q = beliefs(prior_of(some.probs, some.rates), old, some.new * weight, some.rates)
    keys = _keys(some, terms, np.arange(len(live)), q, some.labels, some.new)
    return np.sort(live[np.argsort(-keys, kind="stable")[:votes]])


def paces(spent: int, share: float, votes: int) -> tuple[FloatArray, FloatArray]:
    """Return when the queue and when the audit get on, as numbers of votes from now on.

    Args:
        spent: votes so far.
        share: of the votes that the audit gets.
        votes: how far to look ahead.

    Returns:
        (V,) votes in all when the queue has had 1, 2, ..., and (T,) when the next audited tasks
        have their turn.
    """
    done = np.array([turns(spent + v, share) for v in range(votes + 1)])
    new = done - done[0]
    queue = np.arange(votes + 1) - PEOPLE * new
    pace = np.searchsorted(np.maximum.accumulate(queue), np.arange(1, max(int(queue.max()), 1) + 1))
    turn = np.searchsorted(new, np.arange(1, int(new[-1]) + 1))
    return pace.astype(np.float64), turn.astype(np.float64)


def _paced(nth: IntArray, pace: FloatArray) -> FloatArray:
    """(V,) votes in all; beyond what was looked at the queue goes on alone."""
    beyond = np.maximum(nth - len(pace), 0)
    return np.asarray(pace[np.minimum(nth, len(pace)) - 1] + beyond)


@dataclass(slots=True)
class _Asked:
    """(N, A) keys before and labels after each vote, and (N,) how many votes each task gets."""

    keys: FloatArray
    shown: IntArray
    votes: IntArray


def _ask(start: Start, terms: Terms, answers: IntArray) -> _Asked:
    (n, k), cap = start.new.shape, terms.max_votes or NO_CAP
    old, new, labels = initial_counts(start.given, k), start.new.copy(), start.labels.copy()
    prior, weight = prior_of(start.probs, start.rates), vote_weight(start.rates.people, k)
    asked = _Asked(
        np.full(answers.shape, -np.inf),
        np.repeat(labels[:, None], answers.shape[1], axis=1),
        np.zeros(n, dtype=np.int64),
    )

    def believed() -> FloatArray:
        """(n,) of what is still asked; people alone need none."""
        if not terms.weighs:
            return np.zeros((len(live), 0))
        return beliefs(prior[live], old[live], new[live] * weight, start.rates)

    live = np.flatnonzero(~start.closed)
    q = believed()
    for nth in range(answers.shape[1]):
        asked.keys[live, nth] = _keys(start, terms, live, q, labels[live], new[live])
        said = answers[live, nth]
        new[live, said] += 1
        counts, q = old[live] + new[live], believed()
        if terms.consensus == "majority":
            labels[live], settled = by_people(counts, said, labels[live], cap)
        else:
            sure, answered = terms.confidence, counts.sum(1)
            decided = settle(
                q, old[live], new[live], confidence=sure, answers=answered, max_votes=cap
            )
            labels[live], settled = decided.labels, decided.states == State.SETTLED
        asked.shown[live, nth:] = labels[live][:, None]
        asked.votes[live] += 1
        on = ~settled & (counts.sum(1) < cap)
        live, q = live[on], q[on]
    return asked


def _keys(
    start: Start, terms: Terms, live: IntArray, q: FloatArray, labels: IntArray, new: IntArray
) -> FloatArray:
    """(n,) keys of the next vote on these rows: what is begun is finished first, but by gain."""
    begun: BoolArray = new.max(1) > 0
    error = start.rates.people
    if not terms.by_gain:
        return np.where(begun, np.inf, start.score[live])
    if terms.consensus == "majority":
        counts = initial_counts(start.given[live], new.shape[1]) + new
        gain = majority_gain(q, counts, labels, error, max_votes=terms.max_votes or NO_CAP)
    else:
        prior = prior_of(start.probs[live], start.rates)
        gain = posterior_gain(q, labels, prior, error, unfinished=begun)
    return gain_score(gain, disbelief(q, labels))
