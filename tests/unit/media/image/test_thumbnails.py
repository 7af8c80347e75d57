"""Small pictures, made once."""

import io

import numpy as np
import pytest
from PIL import Image
from relabel.media.image.cache import ImageCache
from relabel.media.image.thumbnails import SIDE, Thumbnails, make_thumbnail


def encoded(picture, form="PNG"):
    file = io.BytesIO()
    picture.save(file, form)
    return file.getvalue()


def opened(content):
    return Image.open(io.BytesIO(content))


@pytest.fixture
def cache(tmp_path):
    cache = ImageCache(tmp_path / "images")
    yield cache
    cache.close()


@pytest.fixture
def thumbnails(tmp_path, cache):
    return Thumbnails(tmp_path / "thumbnails", cache, max_pixels=1_000_000)


def test_the_longest_side_is_limited_and_the_shape_kept():
    small = opened(make_thumbnail(Image.new("RGB", (400, 200))))
    assert small.size == (SIDE, SIDE // 2)
    assert opened(make_thumbnail(Image.new("L", (8, 8)))).size == (8, 8)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_every_kind_of_picture_becomes_a_jpeg(mode):
    assert opened(make_thumbnail(Image.new(mode, (20, 10)))).format == "JPEG"


def test_grey_levels_beyond_eight_bits_are_spread_over_the_screen():
    levels = np.uint16([[1000, 1000, 3000, 3000]] * 4).repeat(8, 0).repeat(8, 1)
    seen = np.asarray(opened(make_thumbnail(Image.fromarray(levels))).convert("L"))
    assert seen.min() < 20
    assert seen.max() > 235


def test_transparent_parts_are_white():
    seen = opened(make_thumbnail(Image.new("RGBA", (10, 10), (0, 0, 0, 0)))).convert("L")
    assert np.asarray(seen).min() > 250


def test_a_thumbnail_is_read_from_disk_the_second_time(thumbnails, cache):
    digest = cache.add(1, "/a.png", encoded(Image.new("RGB", (300, 300), "red")))
    first = thumbnails.read(thumbnails.digest(1, "/a.png"))
    cache.read(digest)
    (cache._path(digest)).unlink()
    assert thumbnails.read(digest) == first


def test_what_is_missing_or_no_picture_has_no_thumbnail(thumbnails, cache):
    assert thumbnails.digest(1, "/unknown.png") == ""
    assert thumbnails.read("0" * 64) is None
    assert thumbnails.read(cache.add(1, "/text", b"no picture")) is None
