"""Selectors made of other selectors."""

from dataclasses import replace
from functools import partial
from typing import Unpack

import numpy as np

from relabel.catalogue import CROSS_FITTED, ENSEMBLE, Parts
from relabel.errors import ConfigurationError
from relabel.learning.folds import stratified_folds
from relabel.learning.recipes.linear import out_of_fold
from relabel.learning.recipes.single import SINGLE
from relabel.learning.selection import (
    Record,
    Run,
    RunArguments,
    Selection,
    Selector,
    TrainingData,
)
from relabel.types import Float32Array, IntArray, Posteriors


def cross_fit(
    data: TrainingData,
    *,
    of: str = CROSS_FITTED,
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
    recipe = with_options(of, options)
    fold_of = stratified_folds(data.labels, folds, run.seed, data.groups)
    selections = []
    for fold in range(folds):
        counts = np.where(fold_of[:, None] == fold, 0, data.counts)
        part = run.stage(f"fold{fold}")  # one seed: what images alone teach is learnt once
        selections.append(recipe(data.with_counts(counts), **part.arguments()))
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


def ensemble(
    data: TrainingData,
    *,
    of: tuple[str, ...] = ENSEMBLE,
    repeats: int = 1,
    options: Parts | None = None,
    **arguments: Unpack[RunArguments],
) -> Selection:
    """Average the posteriors of several selectors, each run once per repeat with its own seed.

    Args:
        data: as the selectors need.
        of: names of selectors.
        repeats: how often each is run, with different seeds.
        options: of those selectors, by name.
        **arguments: see `Run`.
    """
    if not of or repeats < 1:
        raise ConfigurationError("ensemble: `of` needs a selector's name, `repeats` at least 1.")
    run = Run(**arguments)
    selections: list[Selection] = []
    record: Record = {"of": ", ".join(of), "repeats": repeats}
    for repeat in range(repeats):
        for name in of:
            part = run.stage(f"{name}{repeat}", seed_offset=1000 * repeat)
            selections.append(with_options(name, options)(data, **part.arguments()))
    members = np.stack([each.posteriors.probs for each in selections])[None]
    return Selection(
        Posteriors(data.task_ids, mean_distribution(members)),
        out_of_sample=all(each.out_of_sample for each in selections),
        members=members,
        record=record,
    )


def single(name: str) -> Selector:
    """Return the selector `name`, which is not itself made of others."""
    if name not in SINGLE:
        raise ConfigurationError(f"Unknown selector '{name}'; known here: {', '.join(SINGLE)}.")
    return SINGLE[name]


def with_options(name: str, options: Parts | None) -> Selector:
    """Return the selector `name`, not itself made of others, with its options of `options`."""
    return partial(single(name), **(options or {}).get(name, {}))


def mean_distribution(members: Float32Array) -> Float32Array:
    """Return (N, K): the mean of (T, M, N, K) probabilities, rows summing to 1."""
    probs = members.mean((0, 1), dtype=np.float64)
    mean: Float32Array = (probs / probs.sum(1, keepdims=True)).astype(np.float32)
    return mean
