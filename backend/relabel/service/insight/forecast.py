"""A forecast for a real project: what its votes and its last round say of the votes to come."""

from dataclasses import dataclass, replace

import numpy as np

from relabel.errors import ConfigurationError, NotReadyError
from relabel.numerics.consensus.posterior import Rates
from relabel.numerics.estimates.error_rates import PEOPLE, PRIOR_AUDITED, PRIOR_WRONG
from relabel.numerics.estimates.noise_rate import Estimate
from relabel.numerics.gain import GAIN
from relabel.service.audit.turns import turns_of
from relabel.service.connected import open_connected
from relabel.service.context import Context
from relabel.service.insight.audit import not_known, read_audit
from relabel.service.insight.replay import Replay, replay
from relabel.service.insight.yield_curve import new_votes
from relabel.service.queue.parts import in_force
from relabel.service.queue.scores import scores_now
from relabel.service.votes.evidence import POSTERIOR
from relabel.service.votes.result import RoundResult
from relabel.service.votes.state import QueueState
from relabel.service.votes.task_states import read_answered_state
from relabel.simulation.campaign.judge import Terms
from relabel.simulation.forecast import (
    AHEAD,
    ANSWERS,
    LEVEL,
    Forecast,
    Pilot,
    Range,
    forecast,
    next_changes,
)
from relabel.simulation.rest import Start
from relabel.storage.database import reading
from relabel.storage.projects import get_project
from relabel.storage.rounds import published_round
from relabel.types import State, match_rows

LEAST_SETTLED = 20
"""Settled tasks below which a forecast would be a guess."""


@dataclass(frozen=True, slots=True)
class ProjectForecast:
    """What is told of a project.

    to_come: the forecast; unknown: why it is a guess and has no intervals, "" = it has; so_far:
    what the other consensus would have made of the votes, None = nothing can be said.
    """

    to_come: Forecast
    unknown: str
    so_far: Replay | None


def forecast_project(context: Context, number: int, *, target: float) -> ProjectForecast:
    """Forecast the votes until a share `target` of the labels is right.

    Raises:
        ConfigurationError: target out of range, or one person decides alone.
        NotReadyError: there is no round yet, or too few tasks are settled.

    """
    with reading(context.engine) as connection:
        project = get_project(connection, number)
        state = in_force(read_answered_state(connection, open_connected(context.settings, project)))
        last = published_round(connection, number)
        votes = new_votes(connection, state)
    if state.policy.solo:
        raise ConfigurationError(
            "There is no forecast for solo = true: what one person decides alone nobody checks, so "
            "nothing says how often it is right. With solo = false two people decide."
        )
    if last is None:
        raise NotReadyError(f"No round yet; start one: relabel round --project {number}")
    result = RoundResult.load(context.folder(number), last.artifact).arranged(state.schema.classes)
    if result is None:
        raise NotReadyError(
            f"The classes have changed since round {last.number}; start another: "
            f"relabel round --project {number}"
        )
    unknown = not_known(read_audit(state, result.rates), state.policy.audit_share)
    if result.rates is None and not unknown:
        unknown = "not known: the last round's model has seen the labels that it judges"
    found = forecast(pilot_of(state, result), target=target, ahead=votes_ahead(state) or AHEAD)
    so_far = replay(state, votes, result)
    return ProjectForecast(without_intervals(found) if unknown else found, unknown, so_far)


def votes_ahead(state: QueueState) -> int:
    """Return how many votes a forecast of the next ones is for: as many as the budget still has."""
    budget = state.budget
    return AHEAD if budget is None else max(min(AHEAD, budget - state.spent), 0)


def changed_next(state: QueueState, result: RoundResult) -> tuple[int, Estimate] | None:
    """Return how many votes are next, and how many labels they change, as `relabel forecast` does.

    None where a range would not hold, and where nothing is left to ask.
    """
    votes = votes_ahead(state)
    if result.rates is None or state.policy.solo or not votes or not state.waiting().any():
        return None
    try:
        pilot = pilot_of(state, result)
    except NotReadyError:
        return None
    found = next_changes(pilot, votes)
    # So many labels are always reached, unlike a target.
    value, low, high = (float(one or 0) for one in (found.value, found.low, found.high))
    return votes, Estimate(value, low, high, LEVEL)


def without_intervals(found: Forecast) -> Forecast:
    """Return medians alone, without what rests on the audit or on the other consensus."""

    def alone(one: Range) -> Range:
        return Range(one.value, None, None)

    nothing = Range(None, None, None)
    return replace(
        found,
        votes=alone(found.votes),
        random=alone(found.random),
        found=alone(found.found),
        fewer=nothing,
        correct_now=nothing,
        noise_rate=nothing,
    )


def pilot_of(state: QueueState, result: RoundResult) -> Pilot:
    """Return the project as a pilot; tasks without initial label or posterior are left out.

    Raises:
        NotReadyError: too few tasks are settled by people.

    """
    places = match_rows(state.counts.task_ids, result.posteriors.task_ids)
    rows = np.flatnonzero((places >= 0) & (state.given >= 0))
    settled = (state.touched() & (state.consensus.states == State.SETTLED))[rows]
    if settled.sum() < LEAST_SETTLED:
        raise NotReadyError(
            f"Only {int(settled.sum())} tasks are settled by people; a forecast needs "
            f"{LEAST_SETTLED}. Relabel a little more: about 100 votes make a good pilot."
        )
    shown = state.consensus.labels[rows]
    turns = turns_of(state)
    scores, _ = scores_now(state, result, turns)
    audited = np.zeros(len(state.given), dtype=bool)
    audited[turns.rows] = True
    start = Start(
        given=state.given[rows],
        new=state.new_counts[rows],
        labels=np.where(state.touched()[rows] & (shown >= 0), shown, state.given[rows]),
        closed=~state.waiting()[rows],
        probs=result.posteriors.probs[places[rows]].astype(np.float64),
        rates=_rates(state, result),
        score=-scores[rows],
    )
    at_work = len(state.serving.at_work)
    people = min(at_work, ANSWERS) if at_work else None
    return Pilot(start, _terms(state, result), state.spent, audited[rows], people)


def _terms(state: QueueState, result: RoundResult) -> Terms:
    """Return the rules of the project as a simulated one has them."""
    policy = state.policy
    weighs = policy.consensus == POSTERIOR and result.rates is not None and result.rates.trusted
    return Terms(
        budget=policy.budget or 1,
        consensus=POSTERIOR if weighs else "majority",
        confidence=policy.confidence,
        by_gain=(result.score or policy.score) == GAIN,
        audit_share=policy.audit_share,
        max_votes=policy.max_votes,
    )


def _rates(state: QueueState, result: RoundResult) -> Rates:
    """Return what the round believes, or what is believed before any audit."""
    if result.rates is not None:
        return result.rates.believed
    wrong = PRIOR_WRONG / PRIOR_AUDITED
    return Rates(np.full(len(state.schema.classes), wrong), wrong, PEOPLE)
