"""Spread a batch over the data: picking a task lowers the field of the tasks that resemble it.

The field is the score shifted to be non-negative. How it diffuses is the mode, a key of `MODES`.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import reverse_cuthill_mckee

from relabel.errors import ConfigurationError, InvalidValuesError
from relabel.numerics.diversity.diffusion import diffuse, euler_step, transition
from relabel.types import Float32Array, FloatArray, IntArray


def by_diffusion(
    score: FloatArray,
    order: IntArray,
    n: int,
    *,
    graph: sp.csr_array,
    mode: str = "delta",
    strength: float = 1.0,
    steps: int = 10,
    delta: float = 0.1,
    reach: int = 3,
    contribution: FloatArray | None = None,
    candidate_factor: int = 5,
) -> IntArray:
    """Pick n tasks one by one, each time the highest field, then diffuse.

    Args:
        score: (N,) higher = sooner; shifted so that its smallest value is at least 0.
        order: Rows that may be picked; the first wins a tie.
        n: How many, at most len(order).
        graph: (N, N) symmetric affinity, CSR.
        mode: A key of `MODES`.
        strength: Mode "delta": the share of the picked value that is removed around it, >= 0.
        steps: Euler steps per pick (mode "smooth_once": per batch).
        delta: Length of a step, in (0, 1].
        reach: Mode "delta": removed mass is followed so many hops from the pick; all of it when
            `reach` >= `steps`. By default the 1.3 % of a lazy walk that goes further is left out.
        contribution: (N,) alpha of robust training, low = probably mislabelled, NaN = never
            trained on. When given, only the `candidate_factor` * n rows of `order` with the lowest
            may be picked (Kim 2022, 3.2); of those without one as large a share, by their order.
        candidate_factor: See `contribution`.

    Returns:
        (n,) distinct rows in the order of picking.

    Raises:
        ConfigurationError: Unknown mode, or a number outside its range.
        InvalidValuesError: The graph is of another size.
    """
    if mode not in MODES:
        raise ConfigurationError(f"mode is {mode!r}; choose one of {', '.join(sorted(MODES))}.")
    if not 0 < delta <= 1 or steps < 1 or strength < 0 or reach < 1:
        raise ConfigurationError(
            f"delta is {delta}, steps {steps}, strength {strength}, reach {reach}; expected "
            "0 < delta <= 1, steps >= 1, strength >= 0, reach >= 1."
        )
    if graph.shape != (len(score), len(score)):
        raise InvalidValuesError(f"graph has shape {graph.shape} for {len(score)} scores.")
    if contribution is not None:
        order = order[_candidates(contribution[order], candidate_factor * n)]
    field = (score - min(0.0, float(score.min(initial=0)))).astype(np.float32)
    options = {"delta": delta, "steps": steps, "strength": strength, "reach": reach}
    return MODES[mode](field, order, n, transition(graph), **options)


def _candidates(contribution: FloatArray, n: int) -> IntArray:
    """Return n places, increasing: of contributions (m,) the lowest, of absent ones the first.

    Nothing is known of an absent one, so neither kind may crowd out the other: both keep the same
    share.
    """
    absent = np.flatnonzero(np.isnan(contribution))
    known = np.argsort(contribution, kind="stable")[: len(contribution) - len(absent)]
    share = min(1.0, n / max(len(contribution), 1))
    of_absent = round(share * len(absent))
    return np.sort(np.concatenate([known[: n - of_absent], absent[:of_absent]]))


def _literal(
    field: Float32Array, order: IntArray, n: int, walk: sp.csr_array, **options: Any
) -> IntArray:
    """Algorithm 1 of Kim 2022: the whole field diffuses after each pick, which is held at zero."""
    return _whole_field(field, order, n, walk, clamp_all=False, **options)


def _clamp_all(
    field: Float32Array, order: IntArray, n: int, walk: sp.csr_array, **options: Any
) -> IntArray:
    """As "literal", with every task picked so far held at zero."""
    return _whole_field(field, order, n, walk, clamp_all=True, **options)


def _whole_field(
    field: Float32Array,
    order: IntArray,
    n: int,
    walk: sp.csr_array,
    *,
    clamp_all: bool,
    delta: float,
    steps: int,
    **_: object,
) -> IntArray:
    layout = _fast_layout(walk)
    place = np.empty(len(layout), dtype=np.int64)
    place[layout] = np.arange(len(layout))
    step = sp.csr_array(walk[layout][:, layout] * np.float32(delta))
    step.sort_indices()
    current, candidates = field[layout], place[order]
    picks = np.empty(n, dtype=np.int64)
    for i in range(n):
        values = current[candidates]
        values[picks[:i]] = -1
        picks[i] = values.argmax()
        clamped = candidates[picks[: i + 1] if clamp_all else picks[i : i + 1]]
        for _step in range(steps):
            euler_step(current, step, delta, clamped)
        current[clamped] = 0
    return order[picks]


def _fast_layout(walk: sp.csr_array) -> IntArray:
    """An order of the tasks in which products with the graph run faster.

    Rows of equal length follow each other, so that the processor predicts where each ends; among
    them neighbours are close, so that the field's values are still in the cache.
    """
    close = reverse_cuthill_mckee(sp.csr_matrix(walk), symmetric_mode=True)
    lengths = np.diff(walk.indptr)
    return np.asarray(close[np.argsort(lengths[close], kind="stable")], dtype=np.int64)


def _delta(
    field: Float32Array,
    order: IntArray,
    n: int,
    walk: sp.csr_array,
    *,
    delta: float,
    steps: int,
    strength: float,
    reach: int,
) -> IntArray:
    """Diffuse only the mass that a pick removes, so that the rest of the field stays sharp."""
    current, initial = field.copy(), field[order]
    place = np.full(len(field), -1, dtype=np.int64)
    picks = np.empty(n, dtype=np.int64)
    window = min(len(order), 4 * n)
    order = order[np.argsort(-initial, kind="stable")]
    for i in range(n):
        best = order[current[order[:window]].argmax()]
        # Values only fall, so the rest cannot win while it started below the best of the window.
        while window < len(order) and field[order[window]] >= current[best]:
            window = min(len(order), 2 * window)
            best = order[current[order[:window]].argmax()]
        picks[i] = best
        if current[best] > 0 and strength > 0:
            ball = _ball(walk, int(best), min(reach, steps), place)
            removed = _removed(walk, ball, place, delta, steps) * (strength * current[best])
            place[ball] = -1
            before = current[ball]
            current[ball] = np.where(before < 0, before, np.maximum(before - removed, 0))
        current[best] = -1
    return picks


def _ball(walk: sp.csr_array, centre: int, reach: int, place: IntArray) -> IntArray:
    """Rows within `reach` hops of `centre`, the centre first; sets their `place` in the ball."""
    ball = frontier = np.array([centre])
    place[ball] = 0
    for _ in range(reach):
        if not len(frontier):
            break
        around = walk.indices[_entries(walk, frontier)]
        around = around[place[around] < 0]
        # Of several writers to one place the last stays: a set difference without sorting.
        place[around] = numbers = np.arange(len(around))
        frontier = around[place[around] == numbers]
        place[frontier] = np.arange(len(ball), len(ball) + len(frontier))
        ball = np.concatenate([ball, frontier])
    return ball


def _entries(walk: sp.csr_array, rows: IntArray) -> IntArray:
    """Positions of the stored entries of `rows`, row after row."""
    starts = walk.indptr[rows]
    lengths = walk.indptr[rows + 1] - starts
    offsets = np.cumsum(lengths)
    return np.repeat(starts - offsets + lengths, lengths) + np.arange(offsets[-1])


def _removed(
    walk: sp.csr_array, ball: IntArray, place: IntArray, delta: float, steps: int
) -> Float32Array:
    """(len(ball),) in [0, 1]: what diffuses from a source held at 1 at ball[0]."""
    entries = _entries(walk, ball)
    inside = place[walk.indices[entries]]
    weights = walk.data[entries] * np.float32(delta)
    # Mass that would leave the ball is dropped; its entries stay, with weight zero.
    weights[inside < 0] = 0
    pointers = np.concatenate([[0], np.cumsum(walk.indptr[ball + 1] - walk.indptr[ball])])
    size = len(ball)
    step = sp.csr_array((weights, np.maximum(inside, 0), pointers), shape=(size, size))
    mass = np.zeros(size, dtype=np.float32)
    for _ in range(steps):
        mass[0] = 1
        gained = step @ mass
        mass *= np.float32(1 - delta)
        mass += gained
    mass[0] = 1
    return mass


def _smooth_once(
    field: Float32Array,
    order: IntArray,
    n: int,
    walk: sp.csr_array,
    *,
    delta: float,
    steps: int,
    **_: object,
) -> IntArray:
    """Average the field over similar tasks once, then pick the n highest."""
    smooth = diffuse(field, walk, delta=delta, steps=steps)
    return order[np.argsort(-smooth[order], kind="stable")[:n]]


MODES: dict[str, Callable[..., IntArray]] = {
    "delta": _delta,
    "literal": _literal,
    "clamp_all": _clamp_all,
    "smooth_once": _smooth_once,
}
