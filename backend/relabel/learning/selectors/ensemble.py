"""An ensemble: the mean of several selectors' posteriors.

Batch, task: those of its parts.
Defaults: `linear` and `co_teaching`, each once.
Source: measured here, benchmarks/results/selectors.md.
"""

from typing import Unpack

import numpy as np

from relabel.catalogue.signatures import Parts
from relabel.errors import ConfigurationError
from relabel.learning.data import Record, Run, RunArguments, Selection, TrainingData
from relabel.learning.selectors.single import with_options
from relabel.types import Float32Array, Posteriors


def ensemble(
    data: TrainingData,
    *,
    of: tuple[str, ...] = ("linear", "co_teaching"),
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


def mean_distribution(members: Float32Array) -> Float32Array:
    """Return (N, K): the mean of (T, M, N, K) probabilities, rows summing to 1."""
    probs = members.mean((0, 1), dtype=np.float64)
    mean: Float32Array = (probs / probs.sum(1, keepdims=True)).astype(np.float32)
    return mean
