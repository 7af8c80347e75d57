"""What the votes of a simulated project decide: by strict majority, or with the model's evidence.

A task's state is a function of its votes and of the round in force at its last vote: a new round
renews what is believed of tasks to come, and reopens nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from relabel.errors import ConfigurationError
from relabel.numerics.baselines import activelab, okg
from relabel.numerics.consensus.majority import majority
from relabel.numerics.consensus.posterior import (
    Rates,
    beliefs,
    prior_of,
    settle,
    vote_weight,
    weigh,
)
from relabel.numerics.gain import GAIN, disbelief, majority_gain, posterior_gain
from relabel.simulation.campaign.audit import Said
from relabel.simulation.campaign.loop import initial_counts
from relabel.types import BoolArray, FloatArray, IntArray, State

CONSENSUS = ("majority", "posterior")
"""What settles a task: people alone, or people and the model."""

ROUND = 50
"""Votes after which a project believes its audit anew, as a live project starts its next round."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How a project is run.

    budget: votes. consensus: what settles a task; confidence: of "posterior". by_gain: ask one vote
    at a time where it gains most, instead of task after task; key: what that goes by, of `KEYS`.
    audit_share: of the votes. max_votes: of one task, its old label included; None = no cap.
    update_every: votes after which the model learns anew; None = never. known: rates that are
    believed instead of learnt from the audit.
    """

    budget: int
    consensus: str = "majority"
    confidence: float = 0.95
    by_gain: bool = False
    key: str = GAIN
    audit_share: float = 0.0
    max_votes: int | None = 10
    update_every: int | None = None
    known: Rates | None = None

    def __post_init__(self) -> None:
        if self.budget < 1 or not 0 <= self.audit_share <= 0.5:
            raise ConfigurationError(
                f"budget={self.budget} must be at least 1 and audit_share={self.audit_share:g} "
                "lie in [0, 0.5]."
            )
        if not 0.5 < self.confidence < 1:
            raise ConfigurationError(f"confidence={self.confidence:g} must lie in (0.5, 1).")

    @property
    def weighs(self) -> bool:
        """Whether the model's posterior is needed for more than an order."""
        return self.by_gain or self.consensus == "posterior"


def by_people(
    counts: IntArray, said: IntArray, labels: IntArray, cap: int
) -> tuple[IntArray, BoolArray]:
    """Return (n,) labels after a vote, and (n,) whether a strict majority has settled them.

    Args:
        counts: (n, K) votes, old labels and the last vote included.
        said: (n,) the last vote.
        labels: (n,) shown before it.
        cap: on the votes of one task.
    """
    each = np.arange(len(counts))
    ahead = counts[each, said] > counts[each, labels]
    settled: BoolArray = majority(counts, max_votes=cap).states == State.SETTLED
    return np.where(ahead, said, labels), settled


class Judge:
    """The votes so far and what they decide.

    old: (N, K) the old labels. new: (N, K) new votes. said: the same in their order. labels: (N,)
    as they would be exported. settled: (N,) bool. believed: (N,) what was believed of that label
    at the task's last vote, in [0, 1], 0 where people alone settle. alone: labels that the first
    vote and the model settled, by task. trusting: whether the model still counts.
    """

    def __init__(self, old: IntArray, classes: int, terms: Terms) -> None:
        """old: (N,) labels, all of them given."""
        self.old = initial_counts(old, classes)
        self.new = np.zeros_like(self.old)
        self.said: Said = [[] for _ in old]
        self.labels = old.copy()
        self.settled = np.zeros(len(old), dtype=bool)
        self.believed = np.zeros(len(old))
        self.alone: dict[int, int] = {}
        self.trusting = True
        self._votes: list[tuple[int, int, int]] = []
        self._terms = terms
        # Without a cap a task ends long before so many votes.
        self._cap = terms.max_votes or 10**6
        self._prior = np.full(self.old.shape, 1 / classes)
        self._errors = np.zeros(0)
        self._rates = Rates(np.full(classes, 0.5), 0.5, 0.5)
        self._evidence = np.zeros(self.old.shape)
        self._probs = self._prior

    def renew(self, probs: FloatArray, rates: Rates, errors: FloatArray) -> None:
        """Begin a round.

        probs: (N, K) out-of-fold posteriors; errors: (A,) of each annotator, empty = every vote is
        somebody else's, and all err as `rates` has it.
        """
        self._prior, self._rates, self._errors = prior_of(probs, rates), rates, errors
        self._probs = probs
        if self._votes:
            tasks, labels, people = np.array(self._votes, dtype=np.int64).T
            self._evidence = weigh(tasks, labels, self._weights(people), self.old.shape)

    def cast(self, task: int, label: int, annotator: int) -> None:
        """Count a new vote and decide the task."""
        self.new[task, label] += 1
        self.said[task].append((label, annotator))
        self._votes.append((task, label, annotator))
        row = slice(task, task + 1)
        weighs = self._terms.consensus == "posterior" and self.trusting
        if not weighs:
            counts = self.old[row] + self.new[row]
            self.labels[row], self.settled[row] = by_people(
                counts, np.array([label]), self.labels[row], self._cap
            )
        if self._terms.weighs:
            labels, people = np.array(self.said[task], dtype=np.int64).T
            first = np.zeros_like(labels)
            shape = (1, self.old.shape[1])
            self._evidence[row] = weigh(first, labels, self._weights(people), shape)
        if weighs:
            q = self._beliefs(np.array([task]))
            decided = settle(
                q,
                self.old[row],
                self.new[row],
                confidence=self._terms.confidence,
                answers=(self.old[row] + self.new[row]).sum(1),
                max_votes=self._cap,
            )
            self.labels[task] = decided.labels[0]
            self.believed[task] = q[0, self.labels[task]]
            self.settled[task] = decided.states[0] == State.SETTLED
        if weighs and self.settled[task] and len(self.said[task]) == 1:
            self.alone[task] = int(self.labels[task])

    def keys(self, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return (n,) gains and, where they are equal, (n,) what decides; higher = ask sooner."""
        return KEYS[self._terms.key](self, rows)

    def by_gain(self, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """Right labels to be expected per vote; where they are equal, the doubt."""
        q, labels, error = self._beliefs(rows), self.labels[rows], self._rates.people
        if self._terms.consensus == "majority" or not self.trusting:
            counts = self.old[rows] + self.new[rows]
            gain = majority_gain(q, counts, labels, error, max_votes=self._cap)
        else:
            unfinished = self.new[rows].any(1) & ~self.settled[rows]
            gain = posterior_gain(q, labels, self._prior[rows], error, unfinished=unfinished)
        return gain, disbelief(q, labels)

    def by_okg(self, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """The optimistic knowledge gradient, which knows votes alone; equal ones are drawn."""
        return okg(self.old[rows] + self.new[rows]), np.zeros(len(rows))

    def by_activelab(self, rows: IntArray) -> tuple[FloatArray, FloatArray]:
        """ActiveLab, to which the source of the old labels is a voter; equal ones are drawn."""
        tasks, labels = self.old.nonzero()
        first = np.stack([tasks, labels, np.full(len(tasks), -1)])
        said = np.concatenate([first, np.array(self._votes, dtype=np.int64).reshape(-1, 3).T], 1)
        return activelab(self._probs, *said)[rows], np.zeros(len(rows))

    def _beliefs(self, rows: IntArray) -> FloatArray:
        prior, votes = self._prior[rows], self._evidence[rows]
        return beliefs(prior, self.old[rows], votes, self._rates)

    def _weights(self, people: IntArray) -> FloatArray:
        classes = self.old.shape[1]
        if not len(self._errors):
            return np.full(len(people), vote_weight(self._rates.people, classes))
        return vote_weight(self._errors[people], classes)


Key = Callable[[Judge, IntArray], tuple[FloatArray, FloatArray]]

KEYS: dict[str, Key] = {
    GAIN: Judge.by_gain,
    "okg": Judge.by_okg,
    "activelab_by_vote": Judge.by_activelab,
}
"""Scores that ask one vote at a time, by name; all but the first are for comparison."""
