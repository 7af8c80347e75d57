"""A simulated project: one vote at a time, decided by a consensus, with an audit beside the queue.

Where `run_campaign` follows the papers (a strict majority, task after task), this follows what a
live project does when its posterior counts as evidence: rates are learnt from the audit, a round
renews them, and with `by_gain` a begun task comes back when its next vote gains most.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np

from relabel.numerics.consensus.posterior import Rates
from relabel.numerics.estimates.alarm import SLACK, is_exceeded
from relabel.numerics.estimates.error_rates import model_error, trained_error
from relabel.numerics.gain import GAIN
from relabel.numerics.labels import leading
from relabel.simulation.campaign.audit import Audit
from relabel.simulation.campaign.judge import ROUND, Judge, Terms
from relabel.simulation.campaign.loop import Prioritise, Queue
from relabel.simulation.campaign.orders import KeyedQueue
from relabel.simulation.campaign.people import NOBODY, Annotators, Panel
from relabel.simulation.campaign.votelog import VoteLog
from relabel.types import BoolArray, FloatArray, IntArray


class Model(Protocol):
    """What learns from votes."""

    def __call__(self, counts: IntArray, labels: IntArray) -> FloatArray:
        """Return (N, K) out-of-fold posteriors from (N, K) votes and (N,) labels."""


def run_project(
    old: IntArray,
    classes: int,
    model: Model,
    prioritise: Prioritise,
    annotators: Annotators,
    terms: Terms,
    *,
    seed: int,
    on_keys: Callable[[FloatArray], None] = lambda _: None,
) -> VoteLog:
    """Run a project to the end of its budget, or until no task is left, and return all its votes.

    Args:
        old: (N,) labels at the start, all of them given.
        classes: K.
        model: asked at the start, and every `terms.update_every` votes.
        prioritise: ranks the tasks whenever the model has learnt; not asked `by_gain`.
        annotators: who answer.
        terms: of the project.
        seed: of the audit and of ties.
        on_keys: told (N,) values, higher = sooner, of the first order by gain.
    """
    project = _Project(old, classes, terms, annotators, seed)
    project.run(model, prioritise, on_keys)
    return project.log


class _Project:
    def __init__(
        self, old: IntArray, classes: int, terms: Terms, annotators: Annotators, seed: int
    ) -> None:
        self.log = VoteLog()
        self.terms = terms
        self.annotators = annotators
        self.judge = Judge(old, classes, terms)
        self.audit = Audit(old, classes, terms.audit_share, seed, terms.max_votes)
        self.closed: BoolArray = np.zeros(len(old), dtype=bool)
        self.gone: BoolArray = np.zeros(len(old), dtype=bool)
        self.seed = seed
        self.queue: Queue | KeyedQueue
        self.probs: FloatArray
        self.taught = 0
        self.trained_on: IntArray = old
        self.news: tuple[float, ...] = ()
        self.auditing: int | None = None
        self.begun: list[int] = []

    def run(
        self, model: Model, prioritise: Prioritise, on_keys: Callable[[FloatArray], None]
    ) -> None:
        """Cast votes until the budget is spent or nothing is left to ask."""
        while len(self.log) < self.terms.budget:
            self.auditing = self.audit.next(len(self.log), self.judge.new, self.gone)
            idle = self.auditing is None and not self.begun
            if idle and (not self.log.rounds or len(self.log) - self.log.rounds[-1] >= ROUND):
                self.begin_round(model, prioritise, on_keys)
            task = self.pick()
            if task is None:
                return
            label, annotator = self.annotators(task, len(self.judge.said[task]))
            if label == NOBODY:
                self.closed[task] = self.gone[task] = True
            else:
                self.cast(task, label, annotator)
            self.move_on(task)

    def begin_round(
        self, model: Model, prioritise: Prioritise, on_keys: Callable[[FloatArray], None]
    ) -> None:
        """Let the model learn if it is its turn, and believe what the audit says by now."""
        judge, every = self.judge, self.terms.update_every
        self.log.rounds.append(len(self.log))
        counts = judge.old + judge.new
        if len(self.log.rounds) == 1 or (every and len(self.log) - self.taught >= every):
            self.taught = len(self.log)
            self.trained_on = np.where(leading(counts) >= 0, leading(counts), leading(judge.old))
            if self.terms.weighs:
                self.probs = model(counts, judge.labels)
            if not self.terms.by_gain:
                self.queue = prioritise(counts, judge.labels, ~(judge.settled | self.closed))
        if self.terms.weighs:
            self.renew(on_keys)

    def renew(self, on_keys: Callable[[FloatArray], None]) -> None:
        """Judge by what is known by now, if that is any news."""
        judge = self.judge
        rates, errors = self.believed()
        wrong = self.audit.wrong_alone(judge.new, judge.alone)
        judge.trusting = not is_exceeded(wrong, 1 - self.terms.confidence + SLACK)
        means = (rates.trained, rates.people, rates.model)
        news = (self.taught, *rates.old, *means, *errors, judge.trusting)
        if news == self.news and self.terms.key == GAIN:
            return
        self.news = news
        judge.renew(self.probs, rates, errors)
        if self.terms.by_gain:
            pool = ~(judge.settled | self.closed)
            keys = np.zeros((2, len(pool)))
            keys[:, pool] = judge.keys(np.flatnonzero(pool))
            if len(self.log.rounds) == 1:
                on_keys(np.argsort(np.lexsort(keys[::-1])).astype(np.float64))
            self.queue = KeyedQueue(keys[0], keys[1], pool, self.seed)

    def believed(self) -> tuple[Rates, FloatArray]:
        """Return how often labels and people err, and each person of a panel, if there is one."""
        judge, people = self.judge, self.annotators
        rates = self.terms.known or self.audit.rates(judge.new, judge.said)
        corrected = float((self.trained_on != leading(judge.old)).mean())
        rates = replace(rates, trained=trained_error(rates.old, corrected))
        if self.terms.known is None:
            rows, said = self.audit.judged(judge.new)
            rates = replace(rates, model=model_error(self.probs[rows], said, rates.trained))
        if not isinstance(people, Panel) or self.terms.known is not None:
            return rates, np.zeros(0)
        return rates, self.audit.annotator_errors(judge.said, people.size, rates.people)

    def pick(self) -> int | None:
        """Return the task to vote on: the audit's that waits, what is begun, or the queue's."""
        if self.auditing is not None:
            return self.auditing
        if self.begun:
            return self.begun[-1]
        task = self.queue.next()
        while task is not None and (self.judge.settled[task] or self.closed[task]):
            task = self.queue.next()
        return task

    def cast(self, task: int, label: int, annotator: int) -> None:
        """Count one vote and note what the task shows now."""
        log, judge = self.log, self.judge
        judge.cast(task, label, annotator)
        log.tasks.append(task)
        log.labels.append(label)
        log.annotators.append(annotator)
        log.audit.append(self.auditing == task)
        log.shown.append(int(judge.labels[task]))
        log.settled.append(bool(judge.settled[task]))
        log.believed.append(float(judge.believed[task]))
        cap, votes = self.terms.max_votes, judge.old[task].sum() + judge.new[task].sum()
        self.closed[task] = cap is not None and votes >= cap

    def move_on(self, task: int) -> None:
        """Give the task its new place in the queue; one that is begun is finished first."""
        judge = self.judge
        done = bool(judge.settled[task] or self.closed[task])
        if isinstance(self.queue, KeyedQueue):
            gain, doubt = judge.keys(np.array([task]))
            self.queue.put(task, None if done else (gain[0], doubt[0]))
        elif done and task in self.begun:
            self.begun.remove(task)
        elif not done and task not in self.begun:
            self.begun.append(task)
