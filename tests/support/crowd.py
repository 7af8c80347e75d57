"""Many simulated annotators at once, each in a thread, as a team works that nobody coordinates.

They survive a Label Studio that restarts, as people do: they press the button again. What failed,
and when, is written down.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
from relabel.demo import api
from relabel.demo.accounts import Account
from relabel.demo.annotators import ERROR_RATE
from relabel.demo.digits import CLASSES
from relabel.demo.queue_state import majority
from relabel.demo.upload import choice
from relabel.errors import LabelStudioError, NotFoundError

EMPTY_PAUSE_SECONDS = 1.0
"""Pause before somebody who found the queue empty looks again."""
RETRY_SECONDS = 0.5
"""Pause before somebody presses a button again that failed."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One stored annotation.

    seconds: wait for the answer to its submission, tries that failed aside; answered_at: Unix time
    of that answer; annotation: its id.
    """

    annotator: int
    task: int
    label: str
    seconds: float
    answered_at: float
    annotation: int


@dataclass(frozen=True, slots=True)
class Failure:
    """A call of an annotator that failed, at which Unix time, and what it was for."""

    at: float
    doing: str
    text: str


@dataclass(frozen=True, slots=True)
class Served:
    """One task that Label Studio handed out; asked_at: Unix time at which somebody asked for it."""

    annotator: int
    task: int
    asked_at: float


@dataclass(slots=True)
class Crowd:
    """A team of annotators on one project.

    truth: right class of a served task; pause_seconds: what each person rests between two tasks,
    on average;
    idle_seconds: how long an empty queue is watched before somebody goes home; on_submission:
    called in the annotator's thread after each stored annotation.
    """

    url: str
    project: int
    people: Sequence[Account]
    truth: Callable[[Mapping[str, Any]], str]
    seed: int = 0
    pause_seconds: float = 0.0
    idle_seconds: float = 20.0
    on_submission: Callable[[Submission], None] = lambda _: None
    submissions: list[Submission] = field(default_factory=list)
    served: list[Served] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    _left: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def run(self, votes: int) -> list[Submission]:
        """Annotate until so many votes are stored or no task is left; return the new ones."""
        before = len(self.submissions)
        self._left = votes
        threads = [threading.Thread(target=self._work, args=(person,)) for person in self.people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.submissions[before:]

    def served_again(self) -> list[tuple[int, int]]:
        """Return (annotator, task) pairs that were served after that person had answered them."""
        pairs = Counter((one.annotator, one.task) for one in self.served)
        return sorted(pair for pair, times in pairs.items() if times > 1)

    def served_settled(self, votes_before: Mapping[int, Mapping[int, str]]) -> list[int]:
        """Return the tasks that somebody was given although the votes had settled them.

        Two people who ask at the same instant may be given the same task: Label Studio looks for a
        free task first and locks it a moment later. That is no fault of the queue.

        Args:
            votes_before: Label by user, for each task, before this crowd began.
        """
        votes = {task: dict(given) for task, given in votes_before.items()}
        settled_at: dict[int, float] = {}
        for one in sorted(self.submissions, key=lambda one: one.answered_at):
            given = votes.setdefault(one.task, {})
            given[one.annotator] = one.label
            if majority(given.values()) is not None:
                settled_at.setdefault(one.task, one.answered_at)
        never = float("inf")
        return sorted(
            {one.task for one in self.served if one.asked_at > settled_at.get(one.task, never)}
        )

    def _work(self, person: Account) -> None:
        rng = np.random.default_rng([self.seed, person.id])
        with api.connect(self.url, person.token) as client:
            while self._claim():
                if not self._annotate(client, person):
                    with self._guard:
                        self._left += 1
                    return
                time.sleep(self.pause_seconds * rng.uniform(0.5, 1.5))

    def _claim(self) -> bool:
        with self._guard:
            self._left -= 1
            return self._left >= 0

    def _annotate(self, client: httpx.Client, person: Account) -> bool:
        task = self._next_task(client, person)
        if task is None:
            return False
        label = self._judge(person, task)
        annotation, seconds = self._submit(client, person, int(task["id"]), label)
        submission = Submission(person.id, int(task["id"]), label, seconds, time.time(), annotation)
        self.submissions.append(submission)
        self.on_submission(submission)
        return True

    def _next_task(self, client: httpx.Client, person: Account) -> dict[str, Any] | None:
        deadline = time.monotonic() + self.idle_seconds
        body = {"project": str(self.project)}
        while time.monotonic() < deadline:
            asked_at = time.time()
            try:
                task: dict[str, Any] = api.post(
                    client, "/api/dm/actions", body, id="next_task", project=str(self.project)
                )
            except NotFoundError:
                time.sleep(EMPTY_PAUSE_SECONDS)
            except (LabelStudioError, httpx.TransportError) as error:
                self._note("next task", error)
                time.sleep(RETRY_SECONDS)
                deadline = time.monotonic() + self.idle_seconds
            else:
                self.served.append(Served(person.id, int(task["id"]), asked_at))
                return task
        return None

    def _submit(
        self, client: httpx.Client, person: Account, task: int, label: str
    ) -> tuple[int, float]:
        """Submit until it is stored; return the annotation's id and the seconds of the last try."""
        body = {"result": choice(label), "lead_time": 1.0}
        while True:
            began = time.monotonic()
            try:
                answer = api.post(client, f"/api/tasks/{task}/annotations/", body)
                return int(answer["id"]), time.monotonic() - began
            except (LabelStudioError, httpx.TransportError) as error:
                self._note(f"submit of task {task}", error)
            time.sleep(RETRY_SECONDS)
            # A try whose answer was lost may have been stored all the same.
            stored = self._stored(client, person, task)
            if stored is not None:
                return stored, time.monotonic() - began

    def _stored(self, client: httpx.Client, person: Account, task: int) -> int | None:
        while True:
            try:
                annotations = api.get(client, f"/api/tasks/{task}/annotations/")
            except (LabelStudioError, httpx.TransportError):
                time.sleep(RETRY_SECONDS)
                continue
            mine = [int(a["id"]) for a in annotations if a["completed_by"] == person.id]
            return mine[0] if mine else None

    def _judge(self, person: Account, task: Mapping[str, Any]) -> str:
        truth = self.truth(task)
        rng = np.random.default_rng([self.seed, person.id, int(task["id"])])
        if rng.random() >= ERROR_RATE:
            return truth
        return str(rng.choice([name for name in CLASSES if name != truth]))

    def _note(self, doing: str, error: Exception) -> None:
        self.failures.append(Failure(time.time(), doing, f"{type(error).__name__}: {error}"[:300]))
