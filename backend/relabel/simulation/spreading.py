"""What the diversity rules need beside the scores: a graph, vectors or classes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp

from relabel.errors import ConfigurationError
from relabel.learning.selection import Selection
from relabel.numerics.knn import affinity, build_index, find_neighbours, kernel_width
from relabel.simulation.dataset import Dataset
from relabel.types import BoolArray, IntArray

NEIGHBOURS = 10
"""k of the graph (Kim 2022, 4.1)."""

Spread = Callable[[str, IntArray, BoolArray, Selection], dict[str, Any]]
"""spread(diversity, counts (N, K), pool (N,), selection) -> options of `select_batch`."""


def spread_over(data: Dataset, seed: int) -> Spread:
    """Return what gives each diversity rule its inputs; the graph is built when first needed."""
    graphs: list[sp.csr_array] = []

    def options(
        diversity: str, counts: IntArray, pool: BoolArray, selection: Selection
    ) -> dict[str, Any]:
        if diversity == "none":
            return {}
        if diversity == "quotas":
            return {"classes": counts.argmax(1)}
        if data.features is None:
            raise ConfigurationError(f"diversity={diversity!r} needs features of {data.name}.")
        if diversity == "k_centre":
            return {"vectors": data.features, "covered": ~pool}
        if not graphs:
            graphs.append(_graph(data, np.random.default_rng(seed)))
        found: dict[str, Any] = {"graph": graphs[0]}
        if selection.contribution is not None:
            found["contribution"] = selection.contribution
        return found

    return options


def _graph(data: Dataset, rng: np.random.Generator) -> sp.csr_array:
    features = data.features
    assert features is not None  # noqa: S101 - checked by the caller
    lengths = np.linalg.norm(features, axis=1, keepdims=True).clip(1e-12)
    vectors = np.ascontiguousarray(features / lengths, dtype=np.float32)
    neighbours = find_neighbours(build_index(vectors, rng), vectors, NEIGHBOURS, rng)
    return affinity(neighbours, kernel_width(vectors, rng))
