"""Grey levels of any depth to the 256 of a screen, so that no single pixel decides the picture."""

from typing import Any

import numpy as np
import numpy.typing as npt

SHARE = 0.02
"""Of the pixels, what each stretch leaves outside: on average half of it dark, half bright."""
STRETCHES = 64
"""Most stretches whose mean is taken; pictures below 3,200 pixels have fewer, at least 4."""

Pixels = npt.NDArray[np.uint8]


def eight_bit(values: npt.NDArray[Any]) -> Pixels:
    """Return grey levels of any depth, sign and range as (H, W) uint8; brighter stays brighter.

    Each of m = n / 50 (4 to 64) linear stretches shows all n pixels but 2 % (at least m + 1) and
    clips the rest: the first leaves out hardly any dark and many bright ones, the last the other
    way round. Their mean is the result. Whatever one pixel is changed to, every stretch stays
    between its neighbours, so no other pixel moves by more than 1 / m of the range, and where
    levels lie close, as in photographs and scans, by next to nothing.

    A picture of one level becomes black; so do pixels that are no number. Endless ones are white or
    black.
    """
    if values.dtype == np.uint16:  # of which there are fewer levels than pixels
        return _table(values)
    wide = values.astype(np.float64)
    shown = np.interp(wide, *_curve(wide[np.isfinite(wide)], wide.size))
    return _rounded(np.where(np.isnan(wide), 0.0, shown))


def _table(values: npt.NDArray[Any]) -> Pixels:
    every = np.arange(2**16, dtype=np.float64)
    table = _rounded(np.interp(every, *_curve(values.ravel(), values.size)))
    return np.asarray(table[values])


def _curve(
    values: npt.NDArray[Any], size: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return the levels at which the curve bends, increasing, and what they become, 0 to 255."""
    low, high = _stretches(values, size)
    bends = np.unique(np.concatenate([low, high]))
    # Where a stretch begins and ends at one level, what is brighter jumps to white.
    bends = np.unique(np.concatenate([bends, np.nextafter(bends, np.inf)]))
    width = (high - low)[:, None]
    above = bends - low[:, None]
    shares = np.where(width > 0, (above / np.where(width > 0, width, 1)).clip(0, 1), above > 0)
    return bends, shares.mean(0) * 255


def _stretches(
    values: npt.NDArray[Any], size: int
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return where each stretch begins and ends, both increasing."""
    n = len(values)
    count = min(max(size // 50, 4), STRETCHES, n // 4)
    if count < 1:  # three pixels at most: none is left out
        ends = values.astype(np.float64) if n else np.zeros(1)
        return ends.min(keepdims=True), ends.max(keepdims=True)
    # No fewer pixels are left out than there are stretches: each leaves out another number.
    reach = max(count, min(round(n * SHARE), n - 2))
    ranks = np.ceil(np.linspace(0, reach, count + 1)[1:]).astype(np.int64)
    parted = np.partition(values, (reach, n - 1 - reach))
    dark, bright = np.sort(parted[: reach + 1]), np.sort(parted[n - 1 - reach :])
    return dark[ranks].astype(np.float64), bright[reach - ranks[::-1]].astype(np.float64)


def _rounded(levels: npt.NDArray[np.float64]) -> Pixels:
    return (levels + 0.5).astype(np.uint8)
