"""Figures about annotators: shown only where the settings allow it, with the counts behind them.

Labels from before relabelling began are nobody's peer: they are what is being judged. Whoever gave
them has a row of its own for them, compared with what people have said since.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from relabel.numerics.consensus.agreement import AnnotatorStats, annotator_stats
from relabel.numerics.consensus.table import VoteTable
from relabel.service.votes.state import AnsweredState
from relabel.storage.answers import UNKNOWN_AUTHOR, Saying
from relabel.types import IntArray

LEAST_VOTES = 20
"""Judged votes below which a share says little about a person."""


@dataclass(frozen=True, slots=True)
class Person:
    """One source of labels: a person's id in Label Studio, or a named initial source.

    initial: whether these are the labels from before relabelling began; votes: given, "cannot tell"
    left out; judged: votes on settled tasks; agreement: share of them equal to the consensus, None
    without any; compared: new votes of others on the same tasks; peer_agreement: share of them that
    say the same, None without any; few: whether `judged` is too small to say much; confused:
    (consensus, given, how often), the most frequent first.
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
    initial: bool = False


def people(state: AnsweredState, *, confusions: int = 3) -> list[Person]:
    """Return the figures of everyone who gave labels, most votes first."""
    new, old = (_Rows(state, _votes(state, initial=initial)) for initial in (False, True))
    classes = state.schema.classes
    found = [
        *new.people(annotator_stats(new.table, state.consensus), classes, confusions),
        *old.people(
            annotator_stats(old.table, state.consensus, new.table.counts()),
            classes,
            confusions,
            initial=True,
        ),
    ]
    return sorted(found, key=lambda person: -person.votes)


def _votes(state: AnsweredState, *, initial: bool) -> list[tuple[int, Saying]]:
    """Return the votes before relabelling began, or those since, each with the row of its task."""
    said = enumerate(state.said.by_task())
    return [
        (row, one) for row, some in said for one in some if one.counts and one.initial is initial
    ]


class _Rows:
    """The votes of one time, and whose they are."""

    def __init__(self, state: AnsweredState, found: Sequence[tuple[int, Saying]]) -> None:
        votes = [vote for _, vote in found]
        sources = sorted({v.source for v in votes})
        number = {source: i for i, source in enumerate(sources)}
        self.table = VoteTable(
            tasks=np.array([row for row, _ in found], dtype=np.int64),
            annotators=np.array([number[v.source] for v in votes], dtype=np.int64),
            labels=np.array([-1 if v.label is None else v.label for v in votes], dtype=np.int64),
            n_tasks=len(state.places.task_ids),
            n_annotators=len(sources),
            n_classes=len(state.schema.classes),
        )
        # Nobody can tell those apart whose authors are unknown: they have one row together.
        self.columns: dict[str, list[int]] = defaultdict(list)
        unknown = {v.source for v in votes if v.authorless}
        for source, i in number.items():
            self.columns[UNKNOWN_AUTHOR if source in unknown else source].append(i)

    def people(
        self,
        stats: AnnotatorStats,
        classes: tuple[str, ...],
        confusions: int,
        *,
        initial: bool = False,
    ) -> list[Person]:
        found = []
        for source, i in self.columns.items():
            confusion, judged = stats.confusion[i].sum(0), int(stats.judged[i].sum())
            compared = int(stats.compared[i].sum())
            same = float(np.nansum(stats.peer_agreement[i] * stats.compared[i]))
            found.append(
                Person(
                    source=source,
                    votes=int(stats.votes[i].sum()),
                    abstained=int(stats.abstained[i].sum()),
                    judged=judged,
                    agreement=float(np.trace(confusion)) / judged if judged else None,
                    compared=compared,
                    peer_agreement=same / compared if compared else None,
                    few=judged < LEAST_VOTES,
                    confused=_confused(confusion, classes, confusions),
                    initial=initial,
                )
            )
        return found


def _confused(
    confusion: IntArray, classes: tuple[str, ...], most: int
) -> tuple[tuple[str, str, int], ...]:
    off = confusion - np.diag(np.diagonal(confusion))
    order = np.argsort(-off, axis=None, kind="stable")[:most]
    cells = zip(*np.unravel_index(order, off.shape), strict=True)
    return tuple((classes[c], classes[g], int(off[c, g])) for c, g in cells if off[c, g])
