"""When relabelling should end, and the words in which the tab's title says so."""

import numpy as np

from relabel.service.state import ProjectState
from relabel.types import State

RECENT = 50
"""Finished tasks over which the yield is measured."""


def stop_reason(state: ProjectState) -> str:
    """Return why no task should be open now, "" = go on."""
    policy = state.policy
    if state.project.paused:
        return "paused"
    if policy.budget is not None and state.spent >= policy.budget:
        return f"budget of {policy.budget} votes spent"
    found = recent_yield(state)
    if policy.stop_yield and found is not None and found < policy.stop_yield:
        return f"only {found:.0%} of the last {RECENT} tasks were wrong"
    if state.tasks and not state.waiting().any():
        ended = int(state.skipped().sum())
        return "all tasks are settled" + (f" but {ended:,} that were skipped" if ended else "")
    return ""


def recent_yield(state: ProjectState) -> float | None:
    """Return the share of wrong labels among the tasks finished last, None below 50 of them.

    Tasks of the random audit are left out: they say what is left, not what the ranking finds.
    """
    last_vote: dict[int, float] = {}
    for vote in state.votes:
        at = vote.at.timestamp()
        last_vote[vote.task_id] = max(at, last_vote.get(vote.task_id, 0.0))
    audited = np.array([task.audit for task in state.tasks.values()], dtype=np.bool_)
    done = state.touched() & (state.consensus.states == State.SETTLED) & ~audited
    rows = np.flatnonzero(done)
    if len(rows) < RECENT:
        return None
    when = np.array([last_vote[task_id] for task_id in state.counts.task_ids[rows].tolist()])
    recent = rows[np.argsort(when, kind="stable")[-RECENT:]]
    return float((state.consensus.labels[recent] != state.given[recent]).mean())
