"""Annotators who are programs: they take a task, look up the truth, and sometimes err.

They call Label Studio as its label stream does and take turns, so that each of them always holds
one task, as people do; every task that is served is compared with the one that should have been.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from typing import Any, Self

import numpy as np

from relabel.demo import api
from relabel.demo.accounts import Account
from relabel.demo.digits import CLASSES
from relabel.demo.queue_state import QueueState, read_queue
from relabel.demo.upload import choice, image_name
from relabel.errors import LabelStudioError, NotFoundError
from relabel.types import Progress, silent

ERROR_RATE = 0.05
"""How often a simulated annotator chooses a wrong class."""


@dataclass(frozen=True, slots=True)
class ServedTask:
    """One answered task. problem: why it was not the best one to serve; empty = it was."""

    task: int
    annotator: int
    score: float | None
    label: str
    truth: str
    problem: str


@dataclass(slots=True)
class ServedLog:
    """Every served task so far, on disk as lines of JSON so that a later run carries on."""

    path: Path
    served: list[ServedTask]

    @classmethod
    def open(cls, path: Path) -> Self:
        """Read what earlier runs wrote; an absent file is an empty log."""
        lines = path.read_text().splitlines() if path.exists() else []
        return cls(path, [ServedTask(**json.loads(line)) for line in lines])

    def append(self, served: ServedTask) -> None:
        """Add one line."""
        self.served.append(served)
        with self.path.open("a") as file:
            file.write(json.dumps(asdict(served)) + "\n")


@dataclass(frozen=True, slots=True)
class Campaign:
    """What simulated annotators need to know.

    truth: right class by image name; database: Label Studio's, to check the order against;
    wait_until_carried: called as wait(votes so far) before each request for a task, returns once
    the backend has carried those votes to Label Studio; seed: decides who errs where.
    """

    url: str
    project: int
    people: Sequence[Account]
    truth: dict[str, str]
    database: Path
    wait_until_carried: Callable[[int], None]
    seed: int = 0

    def run(self, votes: int, log: ServedLog, progress: Progress = silent) -> None:
        """Let the annotators take turns until the log holds so many votes or no task is left."""
        annotators = [_Annotator(self, person) for person in self.people]
        idle = 0  # turns in a row in which somebody found no task
        try:
            for annotator in cycle(annotators):
                if annotator.holds:
                    log.append(annotator.submit())
                    progress("votes", len(log.served), votes)
                held = sum(a.holds for a in annotators)
                if len(log.served) + held < votes:
                    self.wait_until_carried(len(log.served))
                    idle = 0 if annotator.take() else idle + 1
                elif not held:
                    return
                if idle >= len(annotators) and not held:
                    return
        finally:
            for annotator in annotators:
                annotator.client.close()

    def read_queue(self) -> QueueState:
        """Return the state of Label Studio's queue now."""
        return read_queue(self.database, self.project)


class _Annotator:
    def __init__(self, campaign: Campaign, account: Account) -> None:
        self.campaign = campaign
        self.account = account
        self.client = api.connect(campaign.url, account.token)
        self._task: dict[str, Any] | None = None
        self._score: float | None = None
        self._problem = ""

    @property
    def holds(self) -> bool:
        return self._task is not None

    def take(self) -> bool:
        """Ask for the next task and judge whether it is the right one; False = there is none."""
        before = self.campaign.read_queue()
        self._task = self._next_task()
        served = None if self._task is None else int(self._task["id"])
        self._problem = before.problem(self.account.id, served)
        state = before
        if self._problem:  # a new round may have been published between reading and asking
            after = self._without_own_lock(self.campaign.read_queue(), before)
            if not after.problem(self.account.id, served):
                self._problem, state = "", after
        if self._task is None and self._problem:
            raise LabelStudioError(f"{self.account.email}: {self._problem}.")
        self._score = None if served is None else state.tasks[served].score
        return self.holds

    def _without_own_lock(self, after: QueueState, before: QueueState) -> QueueState:
        """Drop the lock that this user got by asking: it was not there when the task was chosen."""
        for number, task in after.tasks.items():
            if number in before.tasks and self.account.id not in before.tasks[number].locked_by:
                task.locked_by.discard(self.account.id)
        return after

    def _next_task(self) -> dict[str, Any] | None:
        project = str(self.campaign.project)
        try:
            task: dict[str, Any] = api.post(
                self.client,
                "/api/dm/actions",
                {"project": project},
                id="next_task",
                project=project,
            )
        except NotFoundError:
            return None  # how Label Studio says that the queue is empty
        return task

    def submit(self) -> ServedTask:
        """Answer the task in hand."""
        task = self._task
        if task is None:
            raise LabelStudioError(f"{self.account.email} holds no task to submit.")
        truth = self.campaign.truth[image_name(task["data"]["image"])]
        label = self._judge(int(task["id"]), truth)
        shown = task.get("predictions") or [{"id": None}]
        body = {
            "result": [{**part, "origin": "manual"} for part in choice(label)],
            "lead_time": 1.0,
            "draft_id": 0,
            "parent_prediction": shown[0]["id"],
            "parent_annotation": None,
            "started_at": datetime.now(UTC).isoformat(),
            "project": str(self.campaign.project),
        }
        api.post(self.client, f"/api/tasks/{task['id']}/annotations/", body)
        self._task = None
        return ServedTask(
            int(task["id"]), self.account.id, self._score, label, truth, self._problem
        )

    def _judge(self, task: int, truth: str) -> str:
        """Return the truth or, rarely, another class; the same each time for person and task."""
        rng = np.random.default_rng([self.campaign.seed, self.account.id, task])
        if rng.random() >= ERROR_RATE:
            return truth
        return str(rng.choice([name for name in CLASSES if name != truth]))


def poll(done: Callable[[], bool], *, seconds: float, every: float = 0.05) -> bool:
    """Call `done` until it is true; False = it was not within so many seconds.

    The pauses grow from `every` to at most a second: asking costs the asked one time, too.
    """
    deadline = time.monotonic() + seconds
    pause = every
    while not done():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(1.4 * pause, 1.0)
    return True
