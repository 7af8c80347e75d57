"""What Label Studio's queue should serve next, worked out from Label Studio's own tables.

The tables are read instead of the HTTP API, because only one read transaction shows all tasks,
scores, votes and locks as of the same moment; over HTTP that takes seconds during which the
queue moves on. This fits SQLite and the Label Studio version that the demo installs.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path


@dataclass(slots=True)
class QueuedTask:
    """One task. score: of the project's current model version, low = first; votes: by user id."""

    score: float | None
    is_open: bool
    votes: dict[int, str] = field(default_factory=dict)
    seen_by: set[int] = field(default_factory=set)
    locked_by: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class QueueState:
    """The project at one moment. tasks: by task id."""

    model_version: str
    tasks: dict[int, QueuedTask]

    def available_to(self, user: int) -> list[int]:
        """Return the ids of the tasks that Label Studio may serve to this user now."""
        mine = [t for t, task in self.tasks.items() if user in task.locked_by and task.is_open]
        if mine:  # somebody who already holds a task gets that one again
            return mine
        return [
            number
            for number, task in self.tasks.items()
            if task.is_open and user not in task.seen_by and not task.locked_by
        ]

    def problem(self, user: int, served: int | None) -> str:
        """Say why `served` was not the best task for this user; empty = it was.

        Args:
            user: Who asked.
            served: The task that was served; None = the queue was said to be empty.
        """
        available = self.available_to(user)
        if served is None:
            return f"nothing served though {len(available)} tasks are open" if available else ""
        if served not in available:
            return f"task {served} served, which is not open to this user"
        score = self.tasks[served].score
        if score is None:
            return f"task {served} served, which has no score of {self.model_version!r}"
        better = [t for t in available if _before(self.tasks[t].score, score)]
        if better:
            return f"task {served} ({score:.6f}) served before open tasks {better[:5]}"
        shut = [t for t in self._shut_out(user) if _before(self.tasks[t].score, score)]
        if shut and user not in self.tasks[served].locked_by:
            return f"task {served} ({score:.6f}) served while better tasks {shut[:5]} are closed"
        return ""

    def _shut_out(self, user: int) -> list[int]:
        """Return the unsettled tasks that this user could judge, were they open."""
        return [
            number
            for number, task in self.tasks.items()
            if not task.is_open
            and user not in task.seen_by
            and majority(task.votes.values()) is None
        ]


def majority(votes: Iterable[str]) -> str | None:
    """Return the label with strictly the most votes, at least two; None = none has."""
    ranked = Counter(votes).most_common(2)
    if not ranked or ranked[0][1] < 2 or (len(ranked) > 1 and ranked[1][1] == ranked[0][1]):
        return None
    return ranked[0][0]


def read_queue(database: Path, project: int) -> QueueState:
    """Read the project's state in one transaction.

    Args:
        database: Label Studio's SQLite file.
        project: Project id.
    """
    with closing(
        sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30, isolation_level=None)
    ) as connection:
        connection.execute("BEGIN")
        version = connection.execute(
            "SELECT model_version FROM project WHERE id = ?", (project,)
        ).fetchone()[0]
        tasks = {
            number: QueuedTask(score, not is_labeled)
            for number, is_labeled, score in connection.execute(
                "SELECT t.id, t.is_labeled, min(p.score) FROM task t LEFT JOIN prediction p"
                " ON p.task_id = t.id AND p.model_version = ? WHERE t.project_id = ? GROUP BY t.id",
                (version, project),
            )
        }
        for number, user, cancelled, result in connection.execute(
            "SELECT task_id, completed_by_id, was_cancelled, result FROM task_completion"
            " WHERE project_id = ? ORDER BY updated_at",
            (project,),
        ):
            tasks[number].seen_by.add(user)
            label = chosen(json.loads(result or "[]"))
            if label is not None and not cancelled:
                tasks[number].votes[user] = label
        for number, user in connection.execute(
            "SELECT l.task_id, l.user_id FROM tasks_tasklock l JOIN task t ON t.id = l.task_id"
            " WHERE t.project_id = ? AND l.expire_at > ?",
            (project, datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")),
        ):
            tasks[number].locked_by.add(user)
    return QueueState(version or "", tasks)


def chosen(result: list[dict[str, dict[str, list[str]]]]) -> str | None:
    """Return the choice in an annotation's `result`; None = there is none in it."""
    values = [entry["value"]["choices"] for entry in result if "choices" in entry["value"]]
    return values[0][0] if values else None


def _before(score: float | None, other: float) -> bool:
    return score is None or score < other
