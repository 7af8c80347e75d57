"""What cancelling, undoing, or more of the audit would do, told before anybody confirms it."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine

from relabel.service.audit.offers import Offer, offer_of
from relabel.service.audit.turns import turns_of
from relabel.service.connected import open_connected, policy_of
from relabel.service.queue.parts import NAMES, in_force
from relabel.service.queue.settle import standing_settling
from relabel.service.rounds.due import votes_missing
from relabel.service.votes.state import QueueState
from relabel.service.votes.task_states import read_queue_state
from relabel.settings import Settings
from relabel.storage.annotations import count_new_votes
from relabel.storage.database import reading
from relabel.storage.projects import get_project
from relabel.storage.rounds import Round, RoundState, list_rounds, published_round, running_round
from relabel.storage.writes import SETTLE, WRITE_BACK, count_writes, written_back


@dataclass(frozen=True, slots=True)
class Consequence:
    """What is done to one run. effects: sentences; button: what to press for it.

    takes_back: whether that is something that was there before.
    """

    run: str
    effects: tuple[str, ...]
    button: str
    takes_back: bool = True


def of_cancelling(engine: Engine, settings: Settings, number: int) -> list[Consequence]:
    """Return what cancelling the running round would do; empty = none runs.

    Raises:
        NotReadyError: the project is not connected.

    """
    with reading(engine) as connection:
        project = get_project(connection, number)
        running = running_round(connection, number)
        last = published_round(connection, number)
        if running is None:
            return []
        effects = (
            f"It is at: {running.stage}, {running.done:,} of {running.total:,}.",
            "Its work is thrown away; images and embeddings stay in the cache.",
            f"The queue keeps the order of round {last.number}."
            if last
            else "There is no order yet: the queue stays closed until a round has ended.",
            _votes_stay(connection, number),
            _next_round(policy_of(settings, project.extra_params).retrain_after),
        )
    return [Consequence(running.run, effects, f"Cancel round {running.number}")]


def of_undoing(engine: Engine, settings: Settings, number: int) -> list[Consequence]:
    """Return what undoing the last round, and the labels written back, would do.

    Raises:
        NotReadyError: the project is not connected.

    """
    found = []
    with reading(engine) as connection:
        project = get_project(connection, number)
        rounds = list_rounds(connection, number)
        published = [r for r in rounds if r.state is RoundState.PUBLISHED]
        if published and running_round(connection, number) is None:
            policy = policy_of(settings, project.extra_params)
            effects = (
                *_of_round(connection, published),
                _votes_stay(connection, number),
                _next_round(votes_missing(connection, rounds[-1], policy)),
            )
            undone = published[-1]
            found.append(Consequence(undone.run, effects, f"Undo round {undone.number}"))
        data = written_back(connection, number)
        settled = standing_settling(connection, number)
    if data:
        effect = f"The data of {len(data):,} tasks become what they were before the export."
        found.append(Consequence(WRITE_BACK, (effect,), "Undo the labels written back"))
    if settled:
        effect = f"{len(settled):,} tasks are decided as before, but for those with a vote since."
        found.append(Consequence(SETTLE, (effect,), "Undo the settling on request"))
    return found


def of_auditing(
    engine: Engine, settings: Settings, number: int, tasks: int | None = None
) -> list[Consequence]:
    """Return what it would do to ask about more audited tasks, and to let go of those asked for.

    Args:
        engine: the store.
        settings: where the policy file is.
        number: id of the project.
        tasks: how many more; 0 = let go; None = as many as are needed.

    Raises:
        NotReadyError: the project is not connected.

    """
    with reading(engine) as connection:
        project = get_project(connection, number)
        state = in_force(read_queue_state(connection, open_connected(settings, project)))
    found = []
    offer = offer_of(state, tasks)
    if offer.is_new and offer.tasks:
        button = f"Ask {offer.tasks:,} more audited task{'' if offer.tasks == 1 else 's'}"
        found.append(Consequence(offer.name, _of_offer(state, offer), button, takes_back=False))
    waiting = len(turns_of(state).asked_for)
    if waiting and not tasks:
        effects = (
            f"{waiting:,} audited tasks that were asked for and wait for people are let go.",
            "Those with a verdict stay audited, and no vote is lost.",
        )
        found.append(Consequence(offer_of(state, 0).name, effects, "Ask no more of them"))
    return found


def _of_offer(state: QueueState, offer: Offer) -> tuple[str, ...]:
    """Say what more of the audit costs and brings."""
    who = "one person has voted" if state.policy.solo else "two new people agree"
    asked = f"{offer.tasks:,} tasks of the audit of {NAMES[state.part]} are asked about"
    effects = [f"{asked} before all others until {who} on each: about {offer.votes:,} votes."]
    if offer.mute:
        effects.append(
            f"{offer.mute:,} of them say nothing of the wrong labels that are left, as those that "
            "are settled already. They are asked about all the same: the order leaves none out."
        )
    left = None if state.budget is None else max(state.budget - state.spent, 0)
    if left is not None and left < offer.votes:
        effects.append(f"The budget has {left:,} votes left: raise it, or they end there.")
    return (*effects, "It can be taken back: those with a verdict by then stay audited.")


def _of_round(connection: Connection, published: list[Round]) -> tuple[str, ...]:
    undone = published[-1]
    counted = count_writes(connection, undone.project_id).get(undone.run, {})
    moved = counted.get("open task", 0) + counted.get("close task", 0)
    when = datetime.fromtimestamp(undone.finished_at or undone.started_at, UTC)
    queue = (
        f"The queue follows round {published[-2].number} again, with the votes given since."
        if len(published) > 1
        else "Every task is closed, as before the first round, until another round has ended."
    )
    return (
        f"It was published on {when:%Y-%m-%d %H:%M} UTC and had opened or closed {moved:,} tasks.",
        f"The scores of {undone.model_version} are removed from Label Studio, little by little.",
        queue,
    )


def _votes_stay(connection: Connection, number: int) -> str:
    votes = count_new_votes(connection, number)
    return f"No vote is lost: all {votes:,} count as before."


def _next_round(missing: int) -> str:
    if not missing:
        return "The next round starts at once: enough new votes are there."
    more = f"{missing} more vote{'' if missing == 1 else 's'}"
    return f"The next round starts after {more}, or when you ask for it."
