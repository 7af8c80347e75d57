"""A project played vote by vote in memory, as far as its audit needs it.

The audited tasks that wait come first, then the task whose label is the most suspicious, until it
has a strict majority. Class 0 is everybody's truth; a wrong label says 1, whoever errs 2.
"""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from relabel.numerics.audit import turns
from relabel.policy import Policy
from relabel.service.audit.turns import audit_rows
from relabel.service.votes.state import nothing_believed
from relabel.storage.answers import Outcome, Saying, Sayings
from relabel.storage.task_states import AuditTurn
from relabel.types import BoolArray, FloatArray, IntArray, LabelCounts

CLASSES = 3


@dataclass
class Played:
    """A project on its way.

    wrong: (N,) whether the old label is; skill: how much the model's doubt knows, 0 = nothing;
    error: how often people err, error_on_wrong: on tasks with a wrong label, None = as often; there
    they say what the old label says.
    """

    rng: np.random.Generator
    wrong: BoolArray
    skill: float = 0.5
    error: float = 0.0
    error_on_wrong: float | None = None
    share: float = 0.05
    votes: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        n = len(self.wrong)
        self.given: IntArray = self.wrong.astype(np.int64)
        self.new: IntArray = np.zeros((n, CLASSES), dtype=np.int64)
        noise = self.rng.normal(0, 0.1, n)
        self.doubts: FloatArray = np.clip(0.3 + self.skill * (self.wrong - 0.5) + noise, 0, 1)
        self.order = np.argsort(-self.doubts)
        self.kept_turns: dict[int, AuditTurn] = {}
        self.project = SimpleNamespace(
            id=int(self.rng.integers(1_000_000)), connected_at="2026", audit_until={}
        )

    def state(self) -> Any:
        """Return what the votes say now, in place of an `AnsweredState`."""
        n = len(self.wrong)
        counts = np.eye(CLASSES, dtype=np.int64)[self.given] + self.new
        none = np.zeros(n, dtype=np.bool_)
        said = [[] for _ in range(n)]  # type: list[list[Saying]]
        for row, label in self.votes:
            said[row].append(Saying("1", "", Outcome.VOTE, label, False, False))
        return SimpleNamespace(
            project=self.project,
            policy=Policy(audit_share=self.share),
            schema=SimpleNamespace(classes=("a", "b", "c")),
            counts=LabelCounts(np.arange(1, n + 1), counts),
            new_counts=self.new,
            new=self.new.sum(1),
            spent=len(self.votes),
            part="",
            mine=lambda: ~none,
            voters=counts.sum(1),
            silent=np.zeros(n, dtype=np.int64),
            abstains=np.zeros(n, dtype=np.int64),
            given=self.given,
            believed=nothing_believed(CLASSES),
            serving=SimpleNamespace(ended=none, refused=none, at_work=()),
            places=SimpleNamespace(usable=~none),
            kept_turns=self.kept_turns,
            said=Sayings([tuple(some) for some in said], np.arange(n)),
        )

    def turns(self) -> dict[int, AuditTurn]:
        """Return what is kept of each turn, by a model that learns nothing."""
        order = audit_rows(self.state())
        doubts = self.doubts[order]
        rest = np.cumsum(doubts[::-1])[::-1] / np.arange(len(order), 0, -1)
        rows = zip((order + 1).tolist(), doubts.tolist(), rest.tolist(), strict=True)
        return {i: AuditTurn(i, "", doubt, mean, 0, 0) for i, doubt, mean in rows}

    def play(self, votes: int) -> Any:
        """Cast votes until so many are spent or nothing is left; return the state."""
        order = audit_rows(self.state()).tolist()
        new: list[list[int]] = [[0] * CLASSES for _ in order]
        place = 0
        while len(self.votes) < votes:
            due = (row for row in order[: turns(len(self.votes), self.share)] if _waits(new[row]))
            row = next(due, -1)
            if row < 0:
                while place < len(order) and self._settled(self.order[place], new):
                    place += 1
                if place == len(order):
                    break
                row = int(self.order[place])
            label = self._answer(row)
            self.votes.append((row, label))
            new[row][label] += 1
        self.new = np.array(new, dtype=np.int64)
        self.kept_turns = self.turns()
        return self.state()

    def _settled(self, row: int, new: list[list[int]]) -> bool:
        counts = sorted(n + (c == self.given[row]) for c, n in enumerate(new[row]))
        return sum(counts) > 1 and counts[-1] > counts[-2]

    def _answer(self, row: int) -> int:
        error, label = self.error, 2
        if self.wrong[row] and self.error_on_wrong is not None:
            error, label = self.error_on_wrong, 1
        return label if self.rng.random() < error else 0


def _waits(new: list[int]) -> bool:
    """Whether no two people agree, or as many say something else."""
    return max(new) < 2 or new.count(max(new)) > 1


def played(
    seed: int, *, tasks: int = 400, rate: float = 0.2, votes: int = 300, **options: Any
) -> tuple[Played, Any]:
    """Return a project after so many votes, and its state."""
    rng = np.random.default_rng([3, seed])
    wrong = np.zeros(tasks, dtype=np.bool_)
    wrong[rng.choice(tasks, round(rate * tasks), replace=False)] = True
    project = Played(rng, wrong, **options)
    return project, project.play(votes)
