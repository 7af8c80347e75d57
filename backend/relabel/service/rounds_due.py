"""When the next round is due, computed from state alone: a lost job is found again."""

import time
from datetime import UTC, datetime
from itertools import takewhile

from sqlalchemy import Connection

from relabel.policy import Policy
from relabel.service.context import Context, policy_of, schema_of
from relabel.storage.annotations import count_new_votes
from relabel.storage.database import reading
from relabel.storage.projects import Project, find_project
from relabel.storage.rounds import Round, RoundState, list_rounds

RETRY_SECONDS = 30.0
"""Pause before a failed round is tried again without new votes; it doubles with each failure."""
MAX_RETRY_SECONDS = 600.0


def round_due(connection: Connection, project: Project, policy: Policy) -> str:
    """Return why a new round should start now, "" if none should."""
    if project.cut_off:
        return ""
    rounds = list_rounds(connection, project.id)
    votes = count_new_votes(connection, project.id)
    if not rounds:
        return "" if project.paused else "no round yet"
    last = rounds[-1]
    busy = last.state is RoundState.RUNNING and last.alive()
    spent = policy.budget is not None and votes >= policy.budget
    waited = time.time() - (last.finished_at or 0) > _pause(rounds)
    new = votes - last.votes
    classes = list(schema_of(project, policy).classes)
    reasons = {
        "asked for": project.train_requested,
        f"round {last.number} was killed": last.state in (RoundState.RUNNING, RoundState.KILLED),
        f"round {last.number} failed": last.state is RoundState.FAILED and waited,
        "the classes have changed": last.record.get("classes", classes) != classes,
        f"{new} new votes": new >= policy.retrain_after and not spent,
    }
    if project.paused or busy:
        return ""
    return next((reason for reason, applies in reasons.items() if applies), "")


def next_round(connection: Connection, project: Project, policy: Policy) -> str:
    """Return when the next round starts, as a sentence for people."""
    if project.paused:
        return "Paused: no round starts, and no task is opened."
    due = round_due(connection, project, policy)
    if due:
        return f"A round is due ({due}) and starts when a worker is free."
    rounds = list_rounds(connection, project.id)
    if not rounds:
        return "Connecting was cut off: no round starts before it is repeated."
    last = rounds[-1]
    if last.state is RoundState.RUNNING:
        return f"Round {last.number} is running."
    if last.state is RoundState.FAILED:
        at = datetime.fromtimestamp((last.finished_at or 0) + _pause(rounds), UTC)
        return f"Round {last.number} failed and is tried again at {at:%Y-%m-%d %H:%M} UTC."
    return _by_votes(connection, last, policy)


def _by_votes(connection: Connection, last: Round, policy: Policy) -> str:
    missing = votes_missing(connection, last, policy)
    if policy.budget is not None:
        left = policy.budget - count_new_votes(connection, last.project_id)
        if left <= missing:
            return f"No round starts by itself any more: the budget ends with {_votes(left)}."
    there = policy.retrain_after - missing
    return (
        f"The next round starts after {_votes(missing)} ({there} of {policy.retrain_after} "
        f"are there)."
    )


def votes_missing(connection: Connection, last: Round, policy: Policy) -> int:
    """Return how many more votes start the round after `last`, at least 0."""
    new = count_new_votes(connection, last.project_id) - last.votes
    return max(policy.retrain_after - new, 0)


def _votes(count: int) -> str:
    return f"{max(count, 0):,} more vote{'' if count == 1 else 's'}"


def _pause(rounds: list[Round]) -> float:
    """Return the seconds to wait after the failures with which these rounds end."""
    failures = list(takewhile(lambda r: r.state is RoundState.FAILED, reversed(rounds)))
    return float(min(RETRY_SECONDS * 2 ** (len(failures) - 1), MAX_RETRY_SECONDS))


def round_due_now(context: Context, number: int) -> str:
    """Return why a new round of this project should start now, "" if none should."""
    with reading(context.engine) as connection:
        project = find_project(connection, number)
        if project is None:
            return ""
        policy = policy_of(context.settings, project.extra_params)
        return round_due(connection, project, policy)
