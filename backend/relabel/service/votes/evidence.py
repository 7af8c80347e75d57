"""The model's evidence beside people's votes: as it was at a task's last vote, and what it decides.

Evidence is taken down when a vote comes, from the round then in force, and stays until the next
vote on that task or until somebody asks for it anew: neither a new round nor a change of policy
settles or reopens anything by itself. Without evidence a strict majority of people decides.
"""

import logging
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from sqlalchemy import Connection

from relabel.errors import NotReadyError
from relabel.numerics.consensus.majority import ABSTAIN_LIMIT
from relabel.numerics.consensus.posterior import beliefs, prior_of, settle, vote_weight, weigh
from relabel.service.votes.rates import RoundRates, places
from relabel.service.votes.result import RoundResult
from relabel.service.votes.state import Believed, ProjectState
from relabel.storage.answers import Answer, Saying, read_sayings
from relabel.storage.database import CHUNK
from relabel.storage.rounds import Round, rounds_in_force
from relabel.storage.task_states import (
    Evidence,
    drop_evidence,
    list_evidence,
    list_rates,
    list_said,
    save_evidence,
    save_rates,
)
from relabel.types import Consensus, Float32Array, FloatArray, IntArray, State, match_rows

log = logging.getLogger("relabel.counting")

POSTERIOR = "posterior"
"""The consensus that counts the model's posterior as evidence."""
DIGITS = 12
"""Decimals of what is believed that count: what differs beyond them is rounding."""


def take_down(connection: Connection, state: ProjectState, folder: Path) -> None:
    """Keep what counts beside the votes of tasks whose votes are others than when last counted.

    Args:
        connection: the store.
        state: tasks as their annotations say, counted a moment ago.
        folder: of the project's rounds.

    """
    number, ids = state.project.id, list(state.tasks)
    known = {one.task_id for one in list_evidence(connection, number, ids)}
    if state.policy.consensus != POSTERIOR and not known:
        return
    voted = _voted(connection, state)
    found = evidence_now(connection, state, folder, voted)
    save_evidence(connection, number, found)
    drop_evidence(connection, number, known & voted - {one.task_id for one in found})


def evidence_now(
    connection: Connection, state: ProjectState, folder: Path, task_ids: Collection[int]
) -> list[Evidence]:
    """Return what would count beside the votes of these tasks by the policy and the round in force.

    The round's rates are kept with it. Tasks without a new vote, and those that the round did not
    judge, have none; nor has any where the audit found the model to settle wrong labels too often.
    """
    if state.policy.consensus != POSTERIOR or not task_ids:
        return []
    found: dict[int, Evidence] = {}
    # Where each part has rounds of its own, the newest that judged a task speaks of it.
    for one in reversed(rounds_in_force(connection, state.project.id)):
        found |= {e.task_id: e for e in _said_by(connection, one, state, folder, task_ids)}
    return list(found.values())


def _said_by(
    connection: Connection,
    last: Round,
    state: ProjectState,
    folder: Path,
    task_ids: Collection[int],
) -> list[Evidence]:
    try:
        result = RoundResult.load(folder, last.artifact)
    except NotReadyError as error:
        log.warning("project %s: votes are counted without the model: %s", state.project.id, error)
        return []
    if result.rates is None or not result.rates.trusted:
        return []
    save_rates(connection, state.project.id, last.id, result.rates.to_json())
    asked = state.counts.task_ids[_people(state) > 0]
    asked = asked[np.isin(asked, list(task_ids))]
    probs, judged = result.posteriors.probs, result.posteriors.task_ids
    return _of_round(last.id, state.policy.confidence, asked, (judged, probs), result.rates)


def believed_by(
    state: ProjectState, task_ids: IntArray, probs: Float32Array, rates: RoundRates
) -> Believed:
    """Return what would be believed of voted tasks if a round that is not published counted.

    Args:
        state: the project now.
        task_ids: (n,) increasing, of the round.
        probs: (n, K) its posteriors, out of fold.
        rates: of the round.

    """
    asked = state.counts.task_ids[_people(state) > 0]
    unnumbered = 0
    found = _of_round(unnumbered, state.policy.confidence, asked, (task_ids, probs), rates)
    return weighed(state, found, {unnumbered: rates}).believed


def weigh_in(connection: Connection, state: ProjectState) -> ProjectState:
    """Return the state with the evidence on its tasks counted."""
    number, ids = state.project.id, list(state.tasks)
    found = list_evidence(connection, number, ids if len(ids) <= CHUNK else None)
    if not found:
        return state
    rates = list_rates(connection, number, {one.round_id for one in found})
    return weighed(state, found, {i: RoundRates.from_json(known) for i, known in rates.items()})


def weighed(
    state: ProjectState, found: Sequence[Evidence], rates: Mapping[int, RoundRates]
) -> ProjectState:
    """Return the state with this evidence counted; the same, whatever was counted before.

    Evidence on tasks without a new vote, of other classes or of an unknown round says nothing.
    """
    ids, asked = state.counts.task_ids, _people(state) > 0
    found_rows = match_rows(np.array([one.task_id for one in found], dtype=np.int64), ids)
    alike: dict[tuple[int, float], list[Evidence]] = defaultdict(list)
    for one, row in zip(found, found_rows.tolist(), strict=True):
        if row >= 0 and asked[row]:
            alike[one.round_id, one.confidence].append(one)
    labels, states = state.consensus.labels.copy(), state.consensus.states.copy()
    decided: list[tuple[IntArray, FloatArray]] = []
    for (round_id, confidence), some in alike.items():
        known = rates.get(round_id)
        arranged = None if known is None else known.arranged(state.schema.classes)
        if known is None or arranged is None:
            continue
        rows = match_rows(np.array([one.task_id for one in some]), ids)
        priors = np.stack([np.frombuffer(one.prior, dtype=np.float32) for one in some])
        order = places(known.classes, state.schema.classes)
        q = _beliefs(state, rows, priors[:, order].astype(np.float64), arranged)
        consensus = _settle(state, rows, q, confidence)
        labels[rows], states[rows] = consensus.labels, consensus.states
        decided.append((rows, q))
    if not decided:
        return state
    rows = np.concatenate([some for some, _ in decided])
    order = np.argsort(rows)
    believed = Believed(rows[order], np.concatenate([q for _, q in decided])[order])
    return replace(state, consensus=Consensus(labels, states), believed=believed)


def _voted(connection: Connection, state: ProjectState) -> set[int]:
    """Return the tasks whose new votes are others than when they were counted last."""
    before = list_said(connection, state.project.id, list(state.tasks))
    said = read_sayings(before.get(task_id, "") for task_id in state.tasks)
    pairs = zip(state.tasks, said.by_task(), state.said.by_task(), strict=True)
    return {task_id for task_id, then, now in pairs if _new_votes(then) != _new_votes(now)}


def _new_votes(said: Sequence[Saying]) -> set[tuple[str, str]]:
    return {(one.source, one.choice) for one in said if one.counts and not one.initial}


def _of_round(
    round_id: int,
    confidence: float,
    task_ids: IntArray,
    judged: tuple[IntArray, Float32Array],
    rates: RoundRates,
) -> list[Evidence]:
    """Return what a round says of these tasks; judged: its tasks, increasing, and posteriors."""
    rows = match_rows(task_ids, judged[0])
    known = rows >= 0
    probs = judged[1][rows[known]].astype(np.float64)
    priors = prior_of(probs, rates.believed).astype(np.float32)
    return [
        Evidence(task_id, round_id, confidence, prior.tobytes())
        for task_id, prior in zip(task_ids[known].tolist(), priors, strict=True)
    ]


def _beliefs(
    state: ProjectState, rows: IntArray, prior: FloatArray, rates: RoundRates
) -> FloatArray:
    """(m, K) what is believed of the tasks in these rows."""
    old, votes = np.zeros(prior.shape, dtype=np.int64), _counted(state, rows)
    new = [(place, answer) for place, answer in votes if not answer.initial]
    first = [(place, answer.label) for place, answer in votes if answer.initial]
    np.add.at(old, tuple(np.array(first, dtype=np.int64).reshape(-1, 2).T), 1)
    weights = vote_weight(rates.errors([answer.source for _, answer in new]), prior.shape[1])
    tasks = np.array([place for place, _ in new], dtype=np.int64)
    labels = np.array([answer.label for _, answer in new], dtype=np.int64)
    q = beliefs(prior, old, weigh(tasks, labels, weights, prior.shape), rates.believed)
    return np.asarray(q.round(DIGITS))


def _counted(state: ProjectState, rows: IntArray) -> list[tuple[int, Answer]]:
    """Return the votes on these rows, by their place among them, without abstentions.

    Of new votes whose authors nobody knows the newest alone: they may be one person's.
    """
    place = {int(state.counts.task_ids[row]): number for number, row in enumerate(rows.tolist())}
    votes = [v for v in state.votes if v.task_id in place and v.label is not None]
    unknown: dict[int, Answer] = {}
    for vote in votes:
        if vote.authorless and not vote.initial:
            other = unknown.setdefault(vote.task_id, vote)
            unknown[vote.task_id] = max(vote, other, key=lambda v: (v.at, v.annotation_id or 0))
    return [
        (place[v.task_id], v)
        for v in votes
        if v.initial or not v.authorless or v is unknown[v.task_id]
    ]


def _settle(state: ProjectState, rows: IntArray, q: FloatArray, confidence: float) -> Consensus:
    old = state.counts.votes[rows] - state.new_counts[rows]
    abstained = state.abstains[rows]
    found = settle(
        q,
        old,
        state.new_counts[rows],
        confidence=confidence,
        answers=state.counts.votes[rows].sum(1) + abstained + state.silent[rows],
        max_votes=state.policy.max_votes,
    )
    hopeless = (abstained >= ABSTAIN_LIMIT) & (found.states != State.SETTLED)
    return Consensus(found.labels, np.where(hopeless, int(State.AMBIGUOUS), found.states))


def _people(state: ProjectState) -> IntArray:
    """(N,) new votes, abstentions left out."""
    return np.asarray(state.new_counts.sum(1))
