"""People who label at the same time: several tasks are open, each with one vote out at most.

While somebody has a task nobody else gets it; a task that needs another vote goes to the next free
person who has not voted on it, before any new task is begun. That is how a live project hands out
its queue.
"""

from heapq import heappop, heappush

import numpy as np

from relabel.errors import ConfigurationError
from relabel.numerics.labels import leading
from relabel.simulation.campaign.loop import Prioritise, Queue, Rules, is_settled, takes_the_lead
from relabel.simulation.campaign.people import NOBODY, Panel
from relabel.simulation.campaign.votelog import VoteLog
from relabel.types import FloatArray, IntArray


def run_asynchronous(
    counts: IntArray,
    prioritise: Prioritise,
    panel: Panel,
    rules: Rules,
    *,
    seconds: FloatArray,
    seed: int,
) -> VoteLog:
    """Let a panel work at once until the budget is spent; votes are logged as they arrive.

    Args:
        counts: (N, K) before the campaign.
        prioritise: ranks the tasks that nobody has begun; asked once, or every
            `rules.update_every` votes.
        panel: the people.
        rules: budget, cap and updates; closing must be "majority".
        seconds: (A,) mean time each person takes for a task; times are exponential.
        seed: of the times.
    """
    if rules.closing != "majority" or rules.audit_share or rules.repeats:
        raise ConfigurationError(
            f"closing={rules.closing!r}, audit_share={rules.audit_share} and "
            f"repeats={rules.repeats}: people who work at once need 'majority', 0 and False."
        )
    desk = _Desk(counts, prioritise, panel, rules)
    rng = np.random.default_rng(seed)
    out: list[tuple[float, int, int]] = []
    free = dict.fromkeys(range(len(seconds)), 0.0)
    while True:
        for person, now in list(free.items()):
            task = desk.take(person, votes_out=len(out))
            if task is not None:
                del free[person]
                heappush(out, (now + float(rng.exponential(seconds[person])), person, task))
        if not out:
            return desk.log
        now, person, task = heappop(out)
        desk.give_back(person, task)
        # Who found nothing to do may find something now.
        free = dict.fromkeys((*free, person), now)


class _Desk:
    """Who may have which task."""

    def __init__(
        self, counts: IntArray, prioritise: Prioritise, panel: Panel, rules: Rules
    ) -> None:
        self.log = VoteLog()
        self._prioritise, self._panel, self._rules = prioritise, panel, rules
        self._counts: list[list[int]] = counts.tolist()
        self._labels: list[int] = leading(counts).tolist()
        self._voters: list[set[int]] = [set() for _ in counts]
        self._begun = np.zeros(len(counts), dtype=bool)
        self._unfinished: list[int] = []
        self._passed: list[int] = []
        self._queue = self._rank()

    def take(self, person: int, *, votes_out: int) -> int | None:
        """Return a task for the person, or None; unfinished tasks come first."""
        if len(self.log) + votes_out >= self._rules.budget:
            return None
        for tasks in (self._unfinished, self._passed):
            for place, task in enumerate(tasks):
                if self._can(person, task):
                    return tasks.pop(place)
        while (new := self._queue.next()) is not None:
            if self._begun[new]:
                continue
            self._begun[new] = True
            if self._can(person, new):
                return new
            self._passed.append(new)
        return None

    def give_back(self, person: int, task: int) -> None:
        """Count the person's vote; the task is closed or waits for somebody else."""
        label = self._panel.answer(task, person)
        self.log.tasks.append(task)
        self.log.labels.append(label)
        self.log.annotators.append(person)
        self.log.audit.append(False)
        votes = self._counts[task]
        votes[label] += 1
        if takes_the_lead(votes, label, self._labels[task]):
            self._labels[task] = label
        self._voters[task].add(person)
        cap = self._rules.max_votes
        if not is_settled(votes) and (cap is None or sum(votes) < cap):
            self._unfinished.append(task)
        every = self._rules.update_every
        if every is not None and len(self.log) - self.log.rounds[-1] >= every:
            self._queue = self._rank()

    def _can(self, person: int, task: int) -> bool:
        return person not in self._voters[task] and self._panel.answer(task, person) != NOBODY

    def _rank(self) -> Queue:
        self.log.rounds.append(len(self.log))
        counts = np.asarray(self._counts, dtype=np.int64)
        return self._prioritise(counts, np.asarray(self._labels, dtype=np.int64), ~self._begun)
