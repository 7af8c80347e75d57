"""Simulations read images as rounds do."""

import csv
import re

import numpy as np
import pytest
from PIL import Image, ImageDraw
from relabel.errors import ConfigurationError
from relabel.simulation.data.encoding import with_features
from relabel.simulation.data.sources import load_dataset

SHAPES = ("ball", "box", "tent")


def shape(kind, seed):
    """Draw a bright shape on a dark ground, in grey levels 0 to 1."""
    rng = np.random.default_rng(seed)
    picture = Image.new("L", (32, 32), int(rng.integers(0, 40)))
    a, b = (int(n) for n in rng.integers(3, 9, 2))
    corners = {"ball": None, "box": None, "tent": [(16, a), (31 - b, 31 - b), (a, 31 - b)]}[kind]
    draw = ImageDraw.Draw(picture)
    if kind == "ball":
        draw.ellipse([a, a, 31 - b, 31 - b], fill=200)
    elif kind == "box":
        draw.rectangle([a, a, 31 - b, 31 - b], fill=200)
    else:
        draw.polygon(corners, fill=200)
    return np.asarray(picture, np.float32) / 255


@pytest.fixture
def table(tmp_path):
    """Write 24 pictures and the table that names them; returns a function that does so."""

    def write(save):
        rows = [(f"{kind}{n}", kind) for kind in SHAPES for n in range(8)]
        for number, (name, kind) in enumerate(rows):
            save(shape(kind, number), tmp_path / f"{name}.tiff")
        with (tmp_path / "labels.csv").open("w", newline="") as file:
            names = [("image", "truth"), *((f"{name}.tiff", kind) for name, kind in rows)]
            csv.writer(file).writerows(names)
        return load_dataset("csv", tmp_path)

    return write


def plain(levels, path):
    Image.fromarray((levels * 255).astype(np.uint8)).save(path)


def floats(levels, path):
    Image.fromarray(levels).save(path)


def sixteen_bits(levels, path):
    Image.fromarray((levels * 255).astype(np.uint16) * 20).save(path)


def floats_with_a_hole(levels, path):
    levels = levels.copy()
    levels[0, 0] = np.nan
    floats(levels, path)


def sixteen_bits_with_a_hot_pixel(levels, path):
    levels = levels.copy()
    levels[31, 0] = 12.0  # 15 times as bright as anything else
    Image.fromarray((levels * 255).astype(np.uint16) * 20).save(path)


def turned(levels, path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray((levels * 255).astype(np.uint8)).rotate(90).save(path, "PNG", exif=exif)


@pytest.mark.parametrize(
    ("save", "same"),
    [
        (floats_with_a_hole, floats),
        (sixteen_bits_with_a_hot_pixel, sixteen_bits),
        (turned, plain),
    ],
)
def test_what_people_do_not_see_in_a_picture_does_not_change_its_vector(
    table, tmp_path, save, same
):
    def vectors(how):
        data = table(how)
        cache = tmp_path / how.__name__
        return with_features(data, "tiny", cache, max_pixels=10_000).features

    expected, found = vectors(same), vectors(save)
    assert len(np.unique(found, axis=0)) > 20
    assert (found * expected).sum(1).min() > 0.98, "cosine"


def test_an_image_that_is_none_is_named_with_its_file(table, tmp_path):
    def save(levels, path):
        if path.stem == "box3":
            path.write_bytes(b"<html><title>Log in</title>")
        else:
            plain(levels, path)

    found = table(save)
    data = with_features(found, "tiny", tmp_path / "cache", max_pixels=10_000)
    assert len(data) == len(found) - 1
    (part,) = data.accounts.book("images").left_out
    assert re.search(r"box3\.tiff: .*a web page \(Log in\), 27 bytes", str(part))


def test_an_image_over_the_limit_of_the_settings_is_refused(table, tmp_path):
    with pytest.raises(ConfigurationError, match=r"32 x 32 pixels are more than 1000"):
        with_features(table(plain), "tiny", tmp_path / "cache", max_pixels=1_000)
