"""A forecast for a real project: what its votes and its last round say of the votes to come."""

from dataclasses import replace

import numpy as np

from relabel.errors import ConfigurationError, NotReadyError
from relabel.service.connected import open_connected
from relabel.service.context import Context
from relabel.service.insight.audit import not_known
from relabel.service.insight.noise import audit_now
from relabel.service.queue.parts import in_force
from relabel.service.queue.scores import scores_now
from relabel.service.votes.evidence import POSTERIOR
from relabel.service.votes.result import RoundResult
from relabel.service.votes.state import QueueState
from relabel.service.votes.task_states import read_answered_state
from relabel.simulation.forecast import Forecast, Pilot, forecast
from relabel.storage.database import reading
from relabel.storage.projects import get_project
from relabel.storage.rounds import published_round
from relabel.types import State, match_rows

LEAST_SETTLED = 20
"""Settled tasks below which a forecast would be a guess."""


def forecast_project(context: Context, number: int, *, target: float) -> Forecast:
    """Forecast the votes until a share `target` of the labels is right.

    The share of wrong labels is told once the audit carries it.

    Raises:
        ConfigurationError: target out of range, or the model counts beside people.
        NotReadyError: there is no round yet, or too few tasks are settled.

    """
    with reading(context.engine) as connection:
        project = get_project(connection, number)
        state = in_force(read_answered_state(connection, open_connected(context.settings, project)))
        last = published_round(connection, number)
    if state.policy.consensus == POSTERIOR:
        raise ConfigurationError(
            'There is no forecast for consensus = "posterior": a forecast plays a strict majority. '
            "relabel simulate --consensus majority,posterior compares the two on known data."
        )
    if last is None:
        raise NotReadyError(f"No round yet; start one: relabel round --project {number}")
    result = RoundResult.load(context.folder(number), last.artifact).arranged(state.schema.classes)
    if result is None:
        raise NotReadyError(
            f"The classes have changed since round {last.number}; start another: "
            f"relabel round --project {number}"
        )
    pilot = pilot_of(state, result)
    audit = audit_now(state, result)
    unknown = not_known(audit, state.policy.audit_share)
    wrong = None if unknown else audit.initial()
    found = forecast(replace(pilot, wrong=wrong), target=target)
    return replace(found, unknown=unknown)


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
    given = state.given[rows]
    labels = np.where(settled, state.consensus.labels[rows], given)
    counts = state.counts.votes[rows][settled]
    new = counts.sum(1) - state.initial[rows][settled]
    chosen = labels[settled]
    initial_agrees = (given[settled] == chosen).astype(np.int64)
    agreeing = int((counts[np.arange(len(counts)), chosen] - initial_agrees).sum())
    scores, _ = scores_now(state, result)
    return Pilot(
        given=given,
        labels=labels,
        settled=settled,
        probs=result.posteriors.probs[places[rows]].astype(np.float64),
        score=-scores[rows],
        agreeing=agreeing,
        disagreeing=int(new.sum()) - agreeing,
        audit_share=state.policy.audit_share,
    )
