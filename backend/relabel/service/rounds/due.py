"""When the next round is due, computed from state alone: a lost job is found again."""

import zlib
from datetime import UTC, datetime

from sqlalchemy import Connection

from relabel.policy import Policy
from relabel.service.connected import Connected, open_connected
from relabel.service.context import Context
from relabel.service.queue.parts import NAMES, fits_window, in_force
from relabel.service.queue.stop_rule import end_of
from relabel.service.rounds.attempts import how_ended, retry_at, waits
from relabel.service.votes.task_states import read_queue_state
from relabel.storage.annotations import count_new_votes
from relabel.storage.database import reading
from relabel.storage.projects import Project, find_project
from relabel.storage.rounds import PART, Round, RoundState, list_rounds
from relabel.storage.tasks import extent

SEEN = "seen"
"""Key of a round's record: what there was to learn from, in short."""


def what_is_there(connection: Connection, project: Project) -> str:
    """Return a few letters that are others as soon as tasks, labels or the config are others."""
    known = f"{extent(connection, project.id)} {project.label_config}"
    return f"{zlib.crc32(known.encode()):08x}"


def round_due(connection: Connection, connected: Connected) -> str:
    """Return why a new round should start now, "" if none should."""
    project, policy = connected.project, connected.policy
    rounds = list_rounds(connection, project.id)
    if project.cut_off or project.paused or (rounds and rounds[-1].works()):
        return ""
    if not rounds or project.train_requested:
        return "asked for" if rounds else "no round yet"
    if not retry_at(rounds):
        return _due_by_news(connection, connected, rounds[-1])
    if _may_try_again(connection, project, policy, rounds):
        return how_ended(rounds[-1])
    return ""


def _due_by_news(connection: Connection, connected: Connected, last: Round) -> str:
    policy = connected.policy
    turn = _turn(connection, connected)
    if turn:
        return turn
    votes = count_new_votes(connection, connected.project.id)
    spent = policy.budget is not None and votes >= policy.budget
    new = votes - last.votes
    classes = list(connected.schema.classes)
    reasons = {
        "the classes have changed": last.record.get("classes", classes) != classes,
        f"{new} new votes": new >= policy.retrain_after and not spent,
    }
    return next((reason for reason, applies in reasons.items() if applies), "")


def _turn(connection: Connection, connected: Connected) -> str:
    """Return that a part has its turn of which no round has been, "" = none has.

    What fits the window needs no new order: so one vote that is changed, and gives a part back its
    turn, costs no training.
    """
    if not connected.policy.split:
        return ""
    state = in_force(read_queue_state(connection, connected))
    rounds = list_rounds(connection, connected.project.id)
    before = [one.record.get(PART, "") for one in rounds]
    if end_of(state) or before[-1] == state.part or (state.part in before and fits_window(state)):
        return ""
    return f"{NAMES[state.part]} has its turn"


def _may_try_again(
    connection: Connection, project: Project, policy: Policy, rounds: list[Round]
) -> bool:
    if not waits(rounds):
        return True
    last = rounds[-1]
    if last.state is not RoundState.NOT_READY:
        return False
    changed = last.record.get(SEEN) != what_is_there(connection, project)
    return changed or last.policy != policy.model_dump(mode="json")


def next_round(connection: Connection, connected: Connected) -> str:
    """Return when the next round starts, as a sentence for people."""
    project, policy = connected.project, connected.policy
    if project.paused:
        return "Paused: no round starts, and no task is opened."
    due = round_due(connection, connected)
    if due:
        return f"A round is due ({due}) and starts when a worker is free."
    rounds = list_rounds(connection, project.id)
    if not rounds:
        return "Connecting was cut off: no round starts before it is repeated."
    last = rounds[-1]
    if last.works():
        return f"Round {last.number} is running."
    return _told_again(last, retry_at(rounds)) or _by_votes(connection, last, policy)


def _told_again(last: Round, again: float) -> str:
    """Return when a round that came to nothing is tried again, "" = it is not one."""
    if not again:
        return ""
    at = f"{datetime.fromtimestamp(again, UTC):%Y-%m-%d %H:%M} UTC"
    if last.state is RoundState.NOT_READY:
        return (
            f"There was too little for round {last.number}. The next starts when tasks, labels or "
            f"the policy change; at {at} it is tried again anyway."
        )
    told = how_ended(last)
    return f"{told[:1].upper()}{told[1:]} and is tried again at {at}."


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


def round_due_now(context: Context, number: int, connected: Connected | None = None) -> str:
    """Return why a new round of this project should start now, "" if none should.

    Args:
        context: settings, store and Label Studio.
        number: id of the project.
        connected: the project as an event has just opened it, None = it is opened here. Whatever
            changes it afterwards is an event of its own.

    """
    with reading(context.engine) as connection:
        if connected is None:
            project = find_project(connection, number)
            if project is None:
                return ""
            connected = open_connected(context.settings, project)
        return round_due(connection, connected)
