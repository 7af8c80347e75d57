"""What the other consensus would have made of the votes so far: votes saved, labels that differ."""

from dataclasses import dataclass

import numpy as np

from relabel.numerics.consensus.majority import majority
from relabel.numerics.consensus.posterior import beliefs, prior_of, vote_weight
from relabel.service.audit.turns import turns_of
from relabel.service.votes.evidence import POSTERIOR
from relabel.service.votes.result import RoundResult
from relabel.service.votes.state import QueueState
from relabel.storage.answers import Answer
from relabel.types import BoolArray, FloatArray, IntArray, State, match_rows


@dataclass(frozen=True, slots=True)
class Replay:
    """The votes of settled tasks, replayed in their order with the other consensus.

    other: its name; tasks: settled ones that were replayed, none of the audit; spent: votes on
    them; fewer: votes that came after the other consensus had settled their task; differing: labels
    that it would show instead; left: tasks that it would not have settled with these votes.
    """

    other: str
    tasks: int
    spent: int
    fewer: int
    differing: int
    left: int

    def sentence(self) -> str:
        """Say what it comes to."""
        saved = (
            f'With consensus = "{self.other}" the {self.tasks:,} tasks settled so far would have '
            f"taken {self.fewer:,} of {self.spent:,} votes less"
        )
        parts = [
            saved,
            f"{self.differing:,} label{'' if self.differing == 1 else 's'} would differ",
        ]
        if self.left:
            parts.append(f"{self.left:,} of them would still wait for more votes")
        return "; ".join(parts) + "."


def replay(state: QueueState, votes: list[Answer], result: RoundResult | None) -> Replay | None:
    """Return what the other consensus would have made of the votes, None = nothing can be said.

    The model is that of the round in force, which has seen none of a task's own votes.

    Args:
        state: the project now.
        votes: new ones, as they came.
        result: of the round in force.

    """
    if result is None or result.rates is None:
        return None
    places = match_rows(state.counts.task_ids, result.posteriors.task_ids)
    settled = (state.consensus.states == State.SETTLED) & state.touched() & (places >= 0)
    # The audit asks as many people, whatever the consensus.
    settled[turns_of(state).rows] = False
    ids = np.array([vote.task_id for vote in votes], dtype=np.int64)
    of_votes = match_rows(ids, state.counts.task_ids)
    kept = [i for i, v in enumerate(votes) if v.label is not None and settled[of_votes[i]]]
    if not kept:
        return None
    # By task and then by time.
    order = [kept[i] for i in np.argsort(of_votes[kept], kind="stable").tolist()]
    rows, classes = of_votes[order], len(state.schema.classes)
    cast = np.eye(classes)[[votes[i].label for i in order]]
    running = _within(rows, cast)
    old = (state.counts.votes - state.new_counts)[rows]
    if state.policy.consensus == POSTERIOR:
        other, found = "majority", majority(old + running.astype(np.int64))
        return _compared(state, other, rows, found.labels, found.states == State.SETTLED)
    believed = result.rates.believed
    weights = vote_weight(result.rates.errors([votes[i].source for i in order]), classes)
    prior = prior_of(result.posteriors.probs[places[rows]].astype(np.float64), believed)
    q = beliefs(prior, old, _within(rows, cast * weights[:, None]), believed)
    labels = q.argmax(1)
    agreed = running[np.arange(len(labels)), labels] > 0
    ends: BoolArray = agreed & (q.max(1) >= state.policy.confidence)
    return _compared(state, POSTERIOR, rows, labels, ends)


def _compared(
    state: QueueState, other: str, rows: IntArray, labels: IntArray, ends: BoolArray
) -> Replay:
    tasks, start, spent = np.unique(rows, return_index=True, return_counts=True)
    ended = np.flatnonzero(ends)
    # The first vote of each task that settles it.
    settled, first = np.unique(rows[ended], return_index=True)
    last = ended[first]
    place = np.searchsorted(tasks, settled)
    fewer = start[place] + spent[place] - 1 - last
    return Replay(
        other=other,
        tasks=len(tasks),
        spent=int(spent.sum()),
        fewer=int(fewer.sum()),
        differing=int((labels[last] != state.consensus.labels[settled]).sum()),
        left=len(tasks) - len(settled),
    )


def _within(rows: IntArray, values: FloatArray) -> FloatArray:
    """(V, K) running sums that begin anew with each task; rows are in order."""
    totals = values.cumsum(0)
    first = np.searchsorted(rows, rows, side="left")
    return np.asarray(totals - (totals[first] - values[first]))
