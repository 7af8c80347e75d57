"""Figures about annotators: shown only where the settings allow it, with the counts behind them."""

from dataclasses import dataclass

import numpy as np

from relabel.numerics.consensus.agreement import annotator_stats
from relabel.numerics.consensus.table import VoteTable
from relabel.service.state import ProjectState
from relabel.types import IntArray

LEAST_VOTES = 20
"""Judged votes below which a share says little about a person."""


@dataclass(frozen=True, slots=True)
class Person:
    """One source of labels: a person's id in Label Studio, or a named initial source.

    votes: given, "cannot tell" left out; judged: votes on settled tasks; agreement: share of them
    equal to the consensus, None without any; compared: votes of others on the same tasks;
    peer_agreement: share of them that say the same, None without any; few: whether `judged` is too
    small to say much; confused: (consensus, given, how often), the most frequent first.
    """

    source: str
    votes: int
    abstained: int
    judged: int
    agreement: float | None
    compared: int
    peer_agreement: float | None
    few: bool
    confused: tuple[tuple[str, str, int], ...]


def people(state: ProjectState, *, confusions: int = 3) -> list[Person]:
    """Return the figures of everyone who gave labels, most votes first."""
    votes = state.votes
    sources = sorted({v.source for v in votes})
    number = {source: i for i, source in enumerate(sources)}
    table = VoteTable(
        tasks=np.searchsorted(state.counts.task_ids, [v.task_id for v in votes]).astype(np.int64),
        annotators=np.array([number[v.source] for v in votes], dtype=np.int64),
        labels=np.array([-1 if v.label is None else v.label for v in votes], dtype=np.int64),
        n_tasks=len(state.tasks),
        n_annotators=len(sources),
        n_classes=len(state.schema.classes),
    )
    stats = annotator_stats(table, state.consensus)
    found = [
        Person(
            source=source,
            votes=int(stats.votes[i]),
            abstained=int(stats.abstained[i]),
            judged=int(stats.judged[i]),
            agreement=_share(stats.agreement[i]),
            compared=int(stats.compared[i]),
            peer_agreement=_share(stats.peer_agreement[i]),
            few=int(stats.judged[i]) < LEAST_VOTES,
            confused=_confused(stats.confusion[i], state.schema.classes, confusions),
        )
        for i, source in enumerate(sources)
    ]
    return sorted(found, key=lambda person: -person.votes)


def _share(value: np.float64) -> float | None:
    return None if np.isnan(value) else float(value)


def _confused(
    confusion: IntArray, classes: tuple[str, ...], most: int
) -> tuple[tuple[str, str, int], ...]:
    off = confusion - np.diag(np.diagonal(confusion))
    order = np.argsort(-off, axis=None, kind="stable")[:most]
    cells = zip(*np.unravel_index(order, off.shape), strict=True)
    return tuple((classes[c], classes[g], int(off[c, g])) for c, g in cells if off[c, g])
