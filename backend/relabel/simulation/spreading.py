"""What the diversity rules need beside the scores, for simulated campaigns."""

from collections.abc import Callable
from typing import Any

import numpy as np

from relabel.errors import ConfigurationError
from relabel.learning.selection import Selection
from relabel.numerics.spreading import diversity_inputs
from relabel.simulation.dataset import Dataset
from relabel.types import BoolArray, IntArray

Spread = Callable[[str, IntArray, BoolArray, Selection], dict[str, Any]]
"""spread(diversity, labels (N,), pool (N,), selection) -> options of `select_batch`."""


def spread_over(data: Dataset, seed: int) -> Spread:
    """Return what gives each diversity rule its inputs; the graph is built when first needed."""
    kept: dict[str, Any] = {}

    def options(
        diversity: str, labels: IntArray, pool: BoolArray, selection: Selection
    ) -> dict[str, Any]:
        if diversity == "none":
            return {}
        if data.features is None and diversity != "quotas":
            raise ConfigurationError(f"diversity={diversity!r} needs features of {data.name}.")
        vectors = np.zeros((len(labels), 1), np.float32) if data.features is None else data.features
        inputs = diversity_inputs(
            diversity,
            vectors=vectors,
            labels=labels,
            pool=pool,
            contribution=selection.contribution,
            rng=np.random.default_rng(seed),
            graph=kept.get("graph"),
        )
        kept.update({"graph": inputs["graph"]} if "graph" in inputs else {})
        return inputs

    return options
