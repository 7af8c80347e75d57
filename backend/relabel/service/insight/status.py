"""Where a project stands: one set of figures for the command line, /metrics and the dashboard."""

import math
from typing import Any

import numpy as np

from relabel.accounts import Accounts
from relabel.numerics.audit import EARLY
from relabel.service.audit.kept_turns import statement
from relabel.service.audit.turns import LEAST_AUDIT, said_anew, turns_of
from relabel.service.books.accounts import newest_read, project_accounts
from relabel.service.connected import open_connected
from relabel.service.queue.parts import in_force, parts_of
from relabel.service.queue.stop_rule import end_of
from relabel.service.rounds.attempts import last_error
from relabel.service.rounds.due import next_round, round_due
from relabel.service.votes.state import AnsweredState
from relabel.service.votes.task_states import read_answered_state
from relabel.settings import Settings
from relabel.storage.database import reading
from relabel.storage.journal.events import count_events
from relabel.storage.projects import get_project
from relabel.storage.rounds import Round, RoundState, list_rounds
from relabel.types import State


def project_status(engine: Any, settings: Settings, number: int) -> dict[str, Any]:
    """Return every figure about one project, ready for JSON.

    Raises:
        NotReadyError: the project is not connected.

    """
    with reading(engine) as connection:
        project = get_project(connection, number)
        connected = open_connected(settings, project)
        state = in_force(read_answered_state(connection, connected))
        rounds = list_rounds(connection, number)
        journalled = count_events(connection, number)
        due = round_due(connection, connected)
        following = next_round(connection, connected)
    accounts = project_accounts(state, newest_read(rounds))
    return status_of(state, rounds, accounts, journalled=journalled, due=due, following=following)


def status_of(
    state: AnsweredState,
    rounds: list[Round],
    accounts: Accounts,
    *,
    journalled: tuple[int, int],
    due: str,
    following: str,
) -> dict[str, Any]:
    """Return the figures of a project that was read already.

    Args:
        state: its votes and tasks.
        rounds: all of them, oldest first.
        accounts: its books.
        journalled: events in the journal, and those of them not yet carried out.
        due: why the next round should start now, "" = it should not.
        following: when the next round starts, as a sentence.

    """
    project, policy = state.project, state.policy
    published = [r for r in rounds if r.state is RoundState.PUBLISHED]
    last = published[-1] if published else None
    return {
        "project": project.id,
        "title": project.title,
        "paused": project.paused,
        "selector": policy.selector,
        "score": policy.score,
        "budget": policy.budget,
        "part": str(state.part),
        "parts": [_part(part) for part in parts_of(state)],
        "round": last.number if last else 0,
        "rounds": len(published),
        "model_version": last.model_version if last else "",
        "round_running": _running(rounds),
        "round_due": due,
        "next_round": following,
        "last_end": str(rounds[-1].state) if rounds else "",
        "last_error": last_error(rounds),
        **_labels(state),
        "events": journalled[0],
        "pending_jobs": journalled[1],
        "left_out": len(state.unusable),
        "unknown_choices": list(state.unknown_choices),
        "accounts": accounts.to_json(),
    }


def _labels(state: AnsweredState) -> dict[str, Any]:
    new, audit = state.touched(), turns_of(state)
    finished = int((said_anew(state, audit.done) >= 0).sum())
    said = statement(state) if finished >= LEAST_AUDIT else None
    settled = (state.consensus.states == State.SETTLED) & new
    certainty = state.believed.certainty(len(new))
    corrected = settled & (state.consensus.labels != state.given) & (state.given >= 0)
    return {
        "tasks": len(state.places.task_ids),
        "unlabelled": int((~state.counts.votes.any(1)).sum()),
        "votes": int(state.new.sum()),
        "abstained": int(state.abstains.sum()),
        "overwritten": int(state.overwritten.sum()),
        "tasks_relabelled": int(new.sum()),
        "settled": int(settled.sum()),
        "settled_with_model": int((settled & ~np.isnan(certainty)).sum()),
        "corrected": int(corrected.sum()),
        "confirmed": int((settled & ~corrected).sum()),
        "in_progress": int(state.begun().sum()),
        "ambiguous": int(((state.consensus.states == State.AMBIGUOUS) & new).sum()),
        "audited": finished,
        "audit_waiting": len(audit.awaited),
        "audit_asked_for": len(audit.asked_for),
        "found_at_least": None if said is None else math.floor(1000 * said.share) / 1000,
        "audit_needed": None if said is None else said.needed,
        "open_tasks": int((~state.places.is_labeled).sum()),
    }


def _part(state: AnsweredState) -> dict[str, Any]:
    """Return the figures of one part; changed: share of the audited labels, None = none is."""
    audit = turns_of(state).done
    said = said_anew(state, audit)
    audited = audit[said >= 0]
    changed = said[said >= 0] != state.given[audited]
    settled = (state.consensus.states == State.SETTLED) & state.touched() & state.mine()
    return {
        "part": str(state.part),
        "tasks": int(state.mine().sum()),
        "settled": int(settled.sum()),
        "votes": state.spent,
        "budget": state.budget,
        "audited": len(audited),
        "changed": float(changed.mean()) if len(changed) >= EARLY else None,
        "done": end_of(state),
    }


def _running(rounds: list[Round]) -> dict[str, Any] | None:
    running = [r for r in rounds if r.works()]
    if not running:
        return None
    current = running[-1]
    return {
        "number": current.number,
        "stage": current.stage,
        "done": current.done,
        "total": current.total,
        "seconds_left": current.seconds_left(),
        "started_at": current.started_at,
    }
