"""The votes of a campaign in the order they came: all other state follows from them."""

import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from relabel.files import write_file
from relabel.types import IntArray


@dataclass(slots=True)
class VoteLog:
    """Append-only events. One entry per vote in tasks, labels, annotators and audit.

    rounds: how many votes had been cast each time the tasks were ranked anew. shown, settled: the
    task's label and whether it was settled, just after the vote; empty where votes alone say so.
    believed: what was believed of that label then, in [0, 1], 0 where people alone settle.
    """

    tasks: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    annotators: list[int] = field(default_factory=list)
    audit: list[bool] = field(default_factory=list)
    rounds: list[int] = field(default_factory=list)
    shown: list[int] = field(default_factory=list)
    settled: list[bool] = field(default_factory=list)
    believed: list[float] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.tasks)

    def head(self, votes: int) -> "VoteLog":
        """Return the first `votes` votes, and the rounds that came before the last of them."""
        return VoteLog(
            self.tasks[:votes],
            self.labels[:votes],
            self.annotators[:votes],
            self.audit[:votes],
            [r for r in self.rounds if r < votes],
            self.shown[:votes],
            self.settled[:votes],
            self.believed[:votes],
        )

    def save(self, path: Path) -> None:
        """Write the log as npz; a reader never sees half a file."""
        content = io.BytesIO()
        np.savez_compressed(
            content,
            tasks=np.asarray(self.tasks, dtype=np.int64),
            labels=np.asarray(self.labels, dtype=np.int64),
            annotators=np.asarray(self.annotators, dtype=np.int64),
            audit=np.asarray(self.audit, dtype=bool),
            rounds=np.asarray(self.rounds, dtype=np.int64),
            shown=np.asarray(self.shown, dtype=np.int64),
            settled=np.asarray(self.settled, dtype=bool),
            believed=np.asarray(self.believed, dtype=np.float64),
        )
        write_file(path, content.getvalue())

    @classmethod
    def load(cls, path: Path) -> "VoteLog":
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as saved:
            return cls(**{name: saved[name].tolist() for name in saved.files})


def replay(log: VoteLog, counts: IntArray) -> IntArray:
    """Return the (N, K) counts after all votes of the log, from the (N, K) counts before."""
    after = counts.copy()
    np.add.at(after, (log.tasks, log.labels), 1)
    return after


def running_counts(log: VoteLog, counts: IntArray) -> IntArray:
    """Return (V, K): the counts of the task that was voted on, just after each of the V votes."""
    tasks = np.asarray(log.tasks, dtype=np.int64)
    votes = np.zeros((len(tasks), counts.shape[1]), dtype=np.int64)
    votes[np.arange(len(tasks)), log.labels] = 1
    order = np.argsort(tasks, kind="stable")
    totals = votes[order].cumsum(0)
    first = np.searchsorted(tasks[order], tasks[order], side="left")
    before = totals[first] - votes[order][first]
    running = np.empty_like(votes)
    running[order] = totals - before
    return running + counts[tasks]
