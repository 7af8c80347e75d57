"""The tasks that people are asked next, and why each of them; and those that votes left undecided.

For administrators: annotators see neither suggestion nor score.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from relabel.numerics.neighbours.graph import NEAR_DUPLICATE
from relabel.numerics.posteriors import cross_entropy, entropy, normalise
from relabel.service.audit.turns import turns_of
from relabel.service.queue.scores import scores_shown
from relabel.service.rounds.neighbours import Nearest
from relabel.service.votes.result import RoundResult
from relabel.service.votes.settled import By, settled_by
from relabel.service.votes.settled import explained as words_of
from relabel.service.votes.state import QueueState
from relabel.types import FloatArray, IntArray, State, match_rows

TOP = 3
"""Classes of the posterior that are shown."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A similar task. similarity: cosine in [-1, 1], 1 = the same image."""

    task_id: int
    label: str
    similarity: float
    near_duplicate: bool
    agrees: bool


@dataclass(frozen=True, slots=True)
class Explained:
    """One task with what is known about its label; "" = none, None = not judged by the round.

    given, label: the initial one and the consensus; given_probability: the posterior's of `given`;
    settled_by: how it was settled, in words; audit: whether its turn has come to be audited; votes:
    class names with their votes, the given label's included; top: likeliest classes with
    their probabilities; ce, h, phi: in nats (Bernhardt et al. 2022, Eq. 2-4); score: what Label
    Studio shows, low = relabel first.
    """

    task_id: int
    given: str
    label: str
    given_probability: float | None
    suggested: str
    state: str
    settled_by: str
    audit: bool
    votes: tuple[tuple[str, int], ...]
    abstained: int
    top: tuple[tuple[str, float], ...]
    ce: float | None
    h: float | None
    phi: float | None
    score: float | None
    neighbours: tuple[Neighbour, ...]

    @property
    def disagreeing(self) -> int:
        """Neighbours with another label."""
        return sum(not n.agrees for n in self.neighbours)

    @property
    def conflicting(self) -> tuple[Neighbour, ...]:
        """Near-duplicates with another label: one of the two must be wrong."""
        return tuple(n for n in self.neighbours if n.near_duplicate and not n.agrees)


def reason(task: Explained) -> str:
    """Say in words why this task is asked about."""
    parts = []
    if task.audit:
        parts.append("Drawn at random for the audit, whatever its score.")
    if len(task.votes) > 1 and task.state in ("open", "tied"):
        parts.append("The votes so far disagree.")
    if task.given_probability is not None and task.suggested not in ("", task.given):
        parts.append(
            f"The model finds {task.suggested} likelier ({task.top[0][1]:.0%}) than the given "
            f"label {task.given} ({task.given_probability:.0%})."
        )
    if task.disagreeing:
        parts.append(
            f"{task.disagreeing} of the {len(task.neighbours)} most similar images are labelled "
            f"otherwise."
        )
    if task.conflicting:
        ids = ", ".join(str(n.task_id) for n in task.conflicting)
        parts.append(f"Nearly the same image has another label: task {ids}.")
    return " ".join(parts) or "Nothing speaks against its label; it is simply next."


def next_rows(state: QueueState, limit: int) -> IntArray:
    """Return the rows of the open tasks in the order in which Label Studio serves them."""
    rows = np.flatnonzero(~state.places.is_labeled)
    return rows[np.argsort(scores_shown(state)[rows], kind="stable")][:limit]


def undecided_rows(state: QueueState, limit: int) -> IntArray:
    """Return the rows of tasks that people left ambiguous or tied, ambiguous first."""
    states = state.consensus.states
    wanted = ((states == State.AMBIGUOUS) | (states == State.TIED)) & state.touched()
    wanted |= state.unanswered()
    rows = np.flatnonzero(wanted)
    return rows[np.argsort(-states[rows], kind="stable")][:limit]


def rows_settled(state: QueueState, kept: Collection[By]) -> IntArray:
    """Return the rows of tasks that were settled so, those voted on last first."""
    rows = np.array([row for row, by in enumerate(settled_by(state)) if by in kept], dtype=np.int64)
    return rows[np.argsort(-state.voted_at[rows], kind="stable")]


def corrected_rows(state: QueueState) -> IntArray:
    """Return the rows of settled tasks whose label changed."""
    settled = (state.consensus.states == State.SETTLED) & state.touched()
    changed = (state.consensus.labels != state.given) & (state.given >= 0)
    return np.flatnonzero(settled & changed)


def explain(
    state: QueueState, rows: IntArray, result: RoundResult | None, nearest: Nearest | None
) -> list[Explained]:
    """Return what is known about the tasks in these rows, in their order."""
    task_ids, scores = state.counts.task_ids[rows], state.places.score[rows]
    judged = _posteriors(task_ids, result)
    classes, states, unanswered = state.schema.classes, state.consensus.states, state.unanswered()
    audit = set(turns_of(state).rows.tolist())
    explained = []
    settled = words_of(state)
    columns = rows.tolist(), task_ids.tolist(), scores.tolist(), judged
    for row, task_id, score, p in zip(*columns, strict=True):
        counts = state.counts.votes[row]
        order = [] if p is None else _likeliest(p, int(state.given[row]), classes)[:TOP]
        label_loss, h = _figures(counts, p)
        explained.append(
            Explained(
                task_id=task_id,
                given=_name(classes, int(state.given[row])),
                label=_name(classes, int(state.consensus.labels[row])),
                given_probability=_given_probability(p, int(state.given[row])),
                suggested=_name(classes, order[0]) if order else "",
                state="no answer" if unanswered[row] else State(int(states[row])).name.lower(),
                settled_by=settled[row],
                audit=row in audit,
                votes=tuple((classes[c], int(counts[c])) for c in np.flatnonzero(counts)),
                abstained=int(state.abstains[row]),
                top=tuple((classes[c], float(p[c])) for c in order) if p is not None else (),
                ce=label_loss,
                h=h,
                phi=None if label_loss is None or h is None else label_loss - h,
                score=None if np.isnan(score) else score,
                neighbours=_neighbours(state, task_id, int(state.given[row]), nearest),
            )
        )
    return explained


def _posteriors(task_ids: IntArray, result: RoundResult | None) -> list[FloatArray | None]:
    if result is None:
        return [None] * len(task_ids)
    found = match_rows(task_ids, result.posteriors.task_ids)
    probs = result.posteriors.probs.astype(np.float64)
    return [probs[row] if row >= 0 else None for row in found.tolist()]


def _likeliest(p: FloatArray, given: int, classes: Sequence[str]) -> list[int]:
    """All classes, the likeliest first; of equally likely ones the given label, then by name."""
    return sorted(range(len(p)), key=lambda c: (-p[c], c != given, classes[c]))


def _given_probability(p: FloatArray | None, given: int) -> float | None:
    return None if p is None or given < 0 else float(p[given])


def _figures(counts: IntArray, p: FloatArray | None) -> tuple[float | None, float | None]:
    if p is None:
        return None, None
    h = float(entropy(p[None])[0])
    if not counts.any():
        return None, h
    return float(cross_entropy(normalise(counts[None]), p[None])[0]), h


def _neighbours(
    state: QueueState, task_id: int, given: int, nearest: Nearest | None
) -> tuple[Neighbour, ...]:
    if nearest is None:
        return ()
    row = int(match_rows(np.array([task_id]), nearest.task_ids)[0])
    if row < 0:
        return ()
    found = []
    ids, squared = nearest.neighbours[row], nearest.squared_distances[row]
    for other, where, distance in zip(
        ids.tolist(), match_rows(ids, state.counts.task_ids).tolist(), squared.tolist(), strict=True
    ):
        if where < 0:
            continue  # deleted since the round
        label = int(state.consensus.labels[where])
        found.append(
            Neighbour(
                task_id=other,
                label=_name(state.schema.classes, label),
                similarity=1 - distance / 2,
                near_duplicate=distance <= NEAR_DUPLICATE,
                agrees=label in (given, -1),
            )
        )
    return tuple(found)


def _name(classes: Sequence[str], label: int) -> str:
    return classes[label] if label >= 0 else ""
