"""No single pixel decides how a picture of any depth is shown."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from relabel.media.image.levels import eight_bit

ODD = [np.nan, np.inf, -np.inf, 0.0, -1.0, 1e30, -1e30, 65_535.0, 3.4e38]


def stretches(size):
    """Return how many stretches a picture of so many pixels has."""
    return min(max(size // 50, 4), 64)


@st.composite
def pictures(draw, dtype):
    """Draw noise, steps, and pictures whose information is in a few pixels."""
    side = draw(st.sampled_from([4, 8, 18, 32, 60]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    kind = draw(st.sampled_from(["noise", "levels", "few", "constant"]))
    if kind == "noise":
        values = rng.normal(30_000, 5_000, (side, side))
    elif kind == "levels":
        values = rng.choice([0.0, 10.0, 300.0, 60_000.0], (side, side))
    elif kind == "constant":
        values = np.full((side, side), 700.0)
    else:
        values = np.where(rng.random((side, side)) < 0.02, rng.choice([50.0, 6e4]), 0.0)
    return values.clip(0, 65_535).astype(dtype)


@pytest.mark.parametrize("dtype", ["uint16", "int32", "float32"])
@given(data=st.data())
@settings(max_examples=60)
def test_whatever_one_pixel_becomes_the_others_stay_nearly_as_they_are(dtype, data):
    before = data.draw(pictures(dtype))
    value = data.draw(st.sampled_from(ODD if dtype == "float32" else [0, 1, 300, 65_535]))
    where = data.draw(st.integers(0, before.size - 1))
    after = before.copy()
    after.flat[where] = value
    moved = np.abs(eight_bit(after).astype(int) - eight_bit(before).astype(int)).ravel()
    moved[where] = 0
    # A pixel that stops being a number is also one fewer: twice the bound, in large pictures.
    assert moved.max() <= 2 * 255 / stretches(before.size) + 1
    if np.isfinite(value):
        assert moved.max() <= 255 / stretches(before.size) + 1


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -1e30, 65_535.0])
@pytest.mark.parametrize(("side", "most"), [(32, 4), (256, 1)])
def test_one_odd_pixel_leaves_a_scan_as_it_was(value, side, most):
    rng = np.random.default_rng(0)
    scan = rng.normal(1000, 100, (side, side)).astype(np.float32)
    before, scan[3, 4] = eight_bit(scan).astype(int), value
    moved = np.abs(eight_bit(scan).astype(int) - before)
    moved[3, 4] = 0
    assert moved.max() <= most


@given(st.data())
@settings(max_examples=60)
def test_brighter_stays_brighter_and_everything_is_a_level(data):
    values = data.draw(pictures("float32")).ravel()
    shown = eight_bit(values.reshape(1, -1)).ravel()
    assert shown.dtype == np.uint8
    assert (np.diff(shown[np.argsort(values, kind="stable")].astype(int)) >= 0).all()


@given(
    values=st.lists(st.floats(width=32), min_size=1, max_size=40),
    width=st.integers(1, 4),
)
@example(values=[np.nan], width=1)
@example(values=[1.0, np.inf, -np.inf], width=1)
def test_any_numbers_give_a_picture(values, width):
    picture = np.resize(np.array(values, np.float32), (max(len(values) // width, 1), width))
    assert eight_bit(picture).shape == picture.shape


def test_no_number_is_black_and_endless_is_white_or_black():
    picture = np.linspace(0, 1, 100, dtype=np.float32).reshape(10, 10)
    picture[0, :3] = np.nan, np.inf, -np.inf
    assert eight_bit(picture)[0, :3].tolist() == [0, 255, 0]


def test_a_picture_of_one_level_is_black_whatever_one_pixel_is():
    for value in (0, 699, 701, 65_535):
        flat = np.full((20, 20), 700, np.uint16)
        flat[5, 5] = value
        shown = eight_bit(flat)
        assert np.delete(shown.ravel(), 105).max() == 0


def test_what_is_in_few_pixels_stays_visible():
    """Four bright pixels of 1,024 on a dark ground that is not quite even."""
    rng = np.random.default_rng(0)
    picture = rng.integers(100, 110, (32, 32)).astype(np.uint16)
    picture[10:12, 10:12] = 9_000
    shown = eight_bit(picture)
    assert shown[10:12, 10:12].min() == 255
    assert shown.ravel()[np.argsort(shown.ravel())[:-4]].max() < 255


def test_half_of_a_picture_without_numbers_does_not_darken_the_rest():
    picture = np.linspace(0, 1, 64 * 64, dtype=np.float32).reshape(64, 64)
    masked = picture.copy()
    masked[:, ::2] = np.nan
    difference = eight_bit(masked)[:, 1::2].astype(int) - eight_bit(picture)[:, 1::2]
    assert np.abs(difference).max() <= 2
