"""Tasks that show nearly the same image, and those of them whose labels disagree."""

from dataclasses import dataclass

import numpy as np

from relabel.numerics.neighbours.graph import Neighbours, near_duplicates
from relabel.service.rounds.neighbours import Nearest
from relabel.service.votes.state import QueueState
from relabel.types import match_rows


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Near-duplicates among the tasks of the last round.

    tasks: how many have one; groups: how many groups they form; disagreeing: task ids of each group
    with several labels, which cannot all be right.
    """

    tasks: int
    groups: int
    disagreeing: tuple[tuple[int, ...], ...]


def find_duplicates(state: QueueState, nearest: Nearest) -> Duplicates:
    """Group the tasks by what the round found nearest, and compare their labels as they are now."""
    ids = nearest.task_ids
    rows = match_rows(nearest.neighbours.ravel(), ids).reshape(nearest.neighbours.shape)
    number = near_duplicates(Neighbours(rows, nearest.squared_distances, 1.0, "exact"))
    sizes = np.bincount(number)
    places = match_rows(ids, state.counts.task_ids)
    # Tasks deleted since the round have no label any more.
    labels = np.where(places >= 0, state.consensus.labels[places], -1)
    several = np.flatnonzero((sizes[number] > 1) & (labels >= 0))
    found: dict[int, list[int]] = {}
    for row in several.tolist():
        found.setdefault(int(number[row]), []).append(row)
    return Duplicates(
        tasks=int(sizes[sizes > 1].sum()),
        groups=int((sizes > 1).sum()),
        disagreeing=tuple(
            tuple(ids[group].tolist()) for group in found.values() if len(set(labels[group])) > 1
        ),
    )
