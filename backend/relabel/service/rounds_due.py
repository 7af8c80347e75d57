"""When the next round is due, computed from state alone: a lost job is found again."""

import time
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
