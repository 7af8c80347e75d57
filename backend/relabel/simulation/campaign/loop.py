"""The sequential relabelling loop (Bernhardt et al. 2022, Algorithm 1).

The task with the highest priority is annotated until its votes have a strict majority, then the
next one, until the budget of votes is spent. The budget is never overshot: a task that the budget
interrupts keeps its votes and its old label. What the loop leaves behind is a log of votes;
labels and curves are read from it with the production consensus.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from relabel.errors import ConfigurationError
from relabel.numerics.labels import leading
from relabel.simulation.campaign.people import NOBODY, Annotators
from relabel.simulation.campaign.votelog import VoteLog
from relabel.types import BoolArray, IntArray

Closing = Literal["majority", "vote", "expert"]
"""When a visit to a task ends: at a strict majority, after one vote, or after one expert's vote.

"vote" leaves the task in the pool and lets the majority decide; an expert's vote *is* the label
(Kim 2022, Khanal et al. 2024).
"""


@dataclass(frozen=True, slots=True)
class Rules:
    """How a campaign is run.

    budget: votes, at least 1. max_votes: cap on the votes of one task, initial label included,
    None = no cap. update_every: rank anew once that many votes have come since the last ranking,
    None = rank once. repeats: a closed task may be asked again. audit_share: probability that a
    visit goes to a random task of the pool, whatever the ranking says.
    """

    budget: int
    closing: Closing = "majority"
    max_votes: int | None = 10
    update_every: int | None = None
    repeats: bool = False
    audit_share: float = 0.0

    def __post_init__(self) -> None:
        if self.budget < 1 or not 0 <= self.audit_share <= 1:
            raise ConfigurationError(
                f"budget={self.budget} must be at least 1 and audit_share={self.audit_share} "
                "lie in [0, 1]."
            )
        if self.update_every is not None and self.update_every < 1:
            raise ConfigurationError(f"update_every={self.update_every} must be at least 1 vote.")


class Queue(Protocol):
    """Which task comes next."""

    def next(self) -> int | None:
        """Return the row of the task to annotate next; None = nothing is left."""

    def closed(self, task: int, label: int) -> None:
        """Learn that a visit to the task ended with this label."""


Prioritise = Callable[[IntArray, IntArray, BoolArray], Queue]
"""Called as prioritise(counts (N, K), labels (N,), pool (N,)) to rank the tasks anew."""


def initial_counts(labels: IntArray, classes: int) -> IntArray:
    """Return (N, K) counts with the initial label as one vote; a label of -1 gives none."""
    counts = np.zeros((len(labels), classes), dtype=np.int64)
    labelled = np.flatnonzero(labels >= 0)
    counts[labelled, labels[labelled]] = 1
    return counts


def is_settled(votes: list[int]) -> bool:
    """Return whether (K,) counts hold at least two votes and a strict maximum.

    The same rule as the production consensus, for one row of plain integers: it is asked after
    every single vote.
    """
    most = max(votes)
    return votes.count(most) == 1 and (most > 1 or sum(votes) > 1)


def takes_the_lead(votes: list[int], said: int, label: int) -> bool:
    """Return whether a task shows the class `said` now: (K,) votes, the label so far or -1.

    The same rule as `labels_so_far`, asked after every single vote.
    """
    return label < 0 or votes[said] > votes[label]


def run_campaign(
    counts: IntArray,
    prioritise: Prioritise,
    annotators: Annotators,
    rules: Rules,
    *,
    audit_seed: int = 0,
    log: VoteLog | None = None,
    on_round: Callable[[VoteLog], None] = lambda _: None,
) -> VoteLog:
    """Run a campaign to the end of its budget and return all its votes.

    counts: (N, K) before the campaign. log: an earlier, interrupted run of the same campaign, from
    which it goes on; with a `prioritise` that depends on its arguments alone the result equals that
    of a run without interruption. on_round: told the log so far before every new ranking.
    """
    campaign = _Campaign(counts, rules, audit_seed, on_round)
    if log is not None:
        campaign.restore(log)
    campaign.run(prioritise, annotators)
    return campaign.log


class _Campaign:
    """Everything that changes while votes come in; the log alone is enough to rebuild it."""

    def __init__(
        self, counts: IntArray, rules: Rules, audit_seed: int, on_round: Callable[[VoteLog], None]
    ) -> None:
        self.log = VoteLog()
        self.on_round = on_round
        self.rules = rules
        self.counts: list[list[int]] = counts.tolist()
        self.labels: list[int] = leading(counts).tolist()
        self.given: list[int] = counts.sum(1).tolist()
        self.answers = [0] * len(counts)
        self.done = np.zeros(len(counts), dtype=bool)
        self.open: int | None = None
        self.auditing = False
        self.visits = 0
        self.audit_draws = np.random.default_rng(audit_seed).random((rules.budget, 2)).tolist()
        self.ranked_from: tuple[IntArray, IntArray, BoolArray] | None = None

    def run(self, prioritise: Prioritise, annotators: Annotators) -> None:
        """Cast votes until the budget is spent or nothing is left to ask."""
        if len(self.log) >= self.rules.budget:
            return
        queue = prioritise(*(self.ranked_from or self.start_round()))
        while len(self.log) < self.rules.budget:
            if self.open is None:
                if self.is_due():
                    queue = self.rank(prioritise)
                self.open = self.pick(queue)
            if self.open is None:
                if self.rules.closing != "vote" or len(self.log) == self.log.rounds[-1]:
                    return
                queue = self.rank(prioritise)
                continue
            task = self.open
            label, annotator = annotators(task, self.answers[task])
            if label == NOBODY:
                self.abandon()
                continue
            self.cast(task, label, annotator)
            if self.open is None:
                queue.closed(task, self.labels[task])

    def rank(self, prioritise: Prioritise) -> Queue:
        """Rank the tasks anew."""
        self.on_round(self.log)
        return prioritise(*self.start_round())

    def restore(self, log: VoteLog) -> None:
        """Repeat the votes of an earlier run."""
        rounds = set(log.rounds)
        events = zip(log.tasks, log.labels, log.annotators, log.audit, strict=True)
        for number, (task, label, annotator, self.auditing) in enumerate(events):
            if self.open not in {None, task}:
                self.abandon()
            if number in rounds:
                self.start_round()
            self.cast(task, label, annotator)

    def is_due(self) -> bool:
        every = self.rules.update_every
        return every is not None and len(self.log) - self.log.rounds[-1] >= every

    def start_round(self) -> tuple[IntArray, IntArray, BoolArray]:
        """Note the start of a round and return counts, labels and the pool to rank from."""
        self.log.rounds.append(len(self.log))
        if self.rules.closing == "vote":
            self.done[:] = [self.is_capped(task) for task in range(len(self.counts))]
        counts = np.asarray(self.counts, dtype=np.int64)
        if self.rules.closing == "expert":
            counts[self.log.tasks] = 0
            counts[self.log.tasks, self.log.labels] = 2  # as many as make a label settled
        self.ranked_from = counts, np.asarray(self.labels, dtype=np.int64), ~self.done
        return self.ranked_from

    def pick(self, queue: Queue) -> int | None:
        """Return the next task, by the ranking or, for the audit share, at random."""
        chance, place = self.audit_draws[self.visits]
        self.auditing = chance < self.rules.audit_share
        if self.auditing:
            pool = np.flatnonzero(~self.done)
            return int(pool[int(place * len(pool))]) if len(pool) else None
        task = queue.next()
        while task is not None and self.done[task]:
            task = queue.next()
        return task

    def cast(self, task: int, label: int, annotator: int) -> None:
        """Count one vote, and end the visit if the rules say so."""
        log, votes = self.log, self.counts[task]
        log.tasks.append(task)
        log.labels.append(label)
        log.annotators.append(annotator)
        log.audit.append(self.auditing)
        votes[label] += 1
        if self.rules.closing == "expert" or takes_the_lead(votes, label, self.labels[task]):
            self.labels[task] = label
        self.answers[task] += 1
        self.open = task
        if self.rules.closing != "majority" or is_settled(votes) or self.is_capped(task):
            self.open = None
            self.visits += 1
            self.done[task] = not self.rules.repeats

    def abandon(self) -> None:
        """Give up the open task: nobody is left who could vote on it."""
        self.done[self.open] = True
        self.open = None

    def is_capped(self, task: int) -> bool:
        cap = self.rules.max_votes
        return cap is not None and self.answers[task] + self.given[task] >= cap
