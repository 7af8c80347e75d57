"""Choosing the selector by what it would have found among tasks that people have settled.

Batch, task: those of the selector that is chosen.
Defaults: `linear`, `co_teaching` and `simifeat` are compared; `linear` where too little is settled.
Source: none; the precision of each candidate is measured on the project itself.
"""

from dataclasses import replace
from typing import Unpack

import numpy as np

from relabel.catalogue.signatures import Parts
from relabel.learning.data import (
    Record,
    Run,
    RunArguments,
    Selection,
    Selector,
    TrainingData,
)
from relabel.learning.selectors.single import with_options
from relabel.numerics.scoring import phi
from relabel.types import BoolArray, FloatArray, IntArray

LEAST_SETTLED = 50
LEAST_WRONG = 10
"""With fewer tasks than these the precision of two selectors differs by luck."""


def auto(
    data: TrainingData,
    *,
    candidates: tuple[str, ...] = ("linear", "co_teaching", "simifeat"),
    fallback: str = "linear",
    options: Parts | None = None,
    **arguments: Unpack[RunArguments],
) -> Selection:
    """Measure each candidate on settled tasks and use the one that finds most wrong labels.

    The votes of all settled tasks are replaced by the labels they came with; each candidate ranks
    them by phi, and its precision is the share of wrong ones among as many as are wrong. It is an
    honest measure only as far as the settled tasks are like the others.

    Args:
        data: needs `given`.
        candidates: selectors to measure.
        fallback: the selector where too few tasks are settled.
        options: of candidates and fallback, by name.
        **arguments: see `Run`.
    """
    run = Run(**arguments)
    reason = too_little(data)
    if reason:
        chosen = with_options(fallback, options)(data, **run.arguments())
        return _with(chosen, {"chosen": fallback, "why": reason})
    precision = {
        name: precision_on_settled(with_options(name, options), data, run.stage(f"auto-{name}"))
        for name in candidates
    }
    best = max(candidates, key=lambda name: precision[name])
    measured: Record = {f"precision_{name}": value for name, value in precision.items()}
    why = f"precision {precision[best]:.3f} on {int(data.settled.sum())} settled tasks"
    chosen = with_options(best, options)(data, **run.arguments())
    return _with(chosen, measured | {"chosen": best, "why": why})


def too_little(data: TrainingData) -> str:
    """Return why selectors cannot be compared on `data`; "" = they can."""
    if data.given is None:
        return "the labels that tasks came with are not known"
    settled = data.settled & (data.given >= 0)
    wrong = settled & (data.given != data.labels)
    if settled.sum() < LEAST_SETTLED or wrong.sum() < LEAST_WRONG:
        return (
            f"{int(settled.sum())} settled tasks with {int(wrong.sum())} wrong labels; comparing "
            f"needs {LEAST_SETTLED} with {LEAST_WRONG}"
        )
    return ""


def precision_on_settled(selector: Selector, data: TrainingData, run: Run) -> float:
    """Return the share of wrong labels, in [0, 1], among the settled tasks the selector puts first.

    It looks at as many as there are wrong ones.
    """
    given = data.given if data.given is not None else data.labels
    rows = np.flatnonzero(data.settled & (given >= 0))
    counts = data.counts.copy()
    counts[rows] = np.eye(counts.shape[1], dtype=np.int64)[given[rows]]
    probs = selector(data.with_counts(counts), **run.arguments()).posteriors.probs
    return precision_at_wrong(phi(counts[rows], probs[rows]), given[rows] != data.labels[rows])


def precision_at_wrong(priority: FloatArray, wrong: BoolArray) -> float:
    """Return the share of `wrong` (n,) among the wrong.sum() tasks of highest priority (n,)."""
    first: IntArray = np.argsort(-priority, kind="stable")[: int(wrong.sum())]
    return float(wrong[first].mean())


def _with(selection: Selection, record: Record) -> Selection:
    return replace(selection, record=selection.record | record)
