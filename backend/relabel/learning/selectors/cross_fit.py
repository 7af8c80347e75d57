"""Cross-fitting: another selector, each task judged by the one that did not see its votes.

Batch, task: those of the other selector.
Defaults: `vanilla` in 5 folds.
Source: out-of-sample posteriors as Northcutt et al. 2021, Confident learning, ask for them.
"""

from dataclasses import replace
from typing import Unpack

import numpy as np

from relabel.catalogue.signatures import Parts
from relabel.errors import ConfigurationError
from relabel.learning.data import Run, RunArguments, Selection, TrainingData
from relabel.learning.folds import out_of_fold, stratified_folds
from relabel.learning.selectors.single import with_options
from relabel.types import Float32Array, IntArray, Posteriors


def cross_fit(
    data: TrainingData,
    *,
    of: str = "vanilla",
    folds: int = 5,
    options: Parts | None = None,
    **arguments: Unpack[RunArguments],
) -> Selection:
    """Run another selector once per fold, each time without the votes of that fold.

    Warm starts are left out: weights that have seen a task's votes would not be out of sample.

    Args:
        data: as the other selector needs.
        of: the other selector.
        folds: at least 2.
        options: of the other selector, under its name.
        **arguments: see `Run`.
    """
    if folds < 2:
        raise ConfigurationError(f"cross_fit: folds = {folds}; use at least 2.")
    run = replace(Run(**arguments), warm_start=None)
    selector = with_options(of, options)
    fold_of = stratified_folds(data.labels, folds, run.seed, data.groups)
    selections = []
    for fold in range(folds):
        counts = np.where(fold_of[:, None] == fold, 0, data.counts)
        part = run.stage(f"fold{fold}")  # one seed: what images alone teach is learnt once
        selections.append(selector(data.with_counts(counts), **part.arguments()))
    probs = out_of_fold(np.stack([each.posteriors.probs for each in selections]), fold_of)
    return Selection(
        Posteriors(data.task_ids, probs),
        out_of_sample=True,
        members=_members_out_of_fold(selections, fold_of),
        record={"of": of, "folds": folds},
    )


def _members_out_of_fold(selections: list[Selection], fold_of: IntArray) -> Float32Array | None:
    """Return (T, M, N, K): each pass of each network as `out_of_fold` takes it."""
    members = [each.members for each in selections if each.members is not None]
    if len(members) < len(selections):
        return None
    every = np.stack(members)  # (folds, T, M, N, K)
    passes = [
        [out_of_fold(one, fold_of) for one in row.swapaxes(0, 1)] for row in every.swapaxes(0, 1)
    ]
    return np.array(passes)
