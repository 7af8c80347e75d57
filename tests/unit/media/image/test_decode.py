import contextlib
import io
import re
import tracemalloc
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import relabel
from PIL import Image
from relabel.errors import BadImageError
from relabel.labelstudio.client import LabelStudio
from relabel.learning.encoders.encoder import squeezed
from relabel.media.image.cache import ImageCache
from relabel.media.image.decode import as_rgb, decode, open_picture, pixels
from relabel.media.image.thumbnails import make_thumbnail
from relabel.media.registry import MEDIUM
from relabel.settings import Settings
from relabel.simulation.data.dataset import Dataset

LIMIT = 10_000


def encoded(size=(4, 3), kind="PNG", mode="RGB", **options):
    buffer = io.BytesIO()
    Image.new(mode, size, 1 if mode in ("P", "L") else 0).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_the_usual_formats_are_read_whatever_the_name_of_the_file(kind):
    assert decode(encoded(kind=kind), max_pixels=LIMIT).size == (4, 3)


MODES = ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "I", "F"]
MODES += ["I;16", "I;16B", "I;16L"]


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_every_mode_becomes_rgb_upright(mode, turned):
    picture = Image.new(mode, (4, 3))
    if turned:
        picture.getexif()[0x0112] = 6
    shown = as_rgb(picture)
    assert (shown.mode, shown.size) == ("RGB", (3, 4) if turned else (4, 3))


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("PNG", m) for m in ("1", "L", "LA", "P", "RGBA", "I;16")]
    + [("TIFF", m) for m in ("1", "L", "LA", "P", "RGBA", "CMYK", "I", "F", "I;16", "I;16B")]
    + [("JPEG", m) for m in ("L", "CMYK")]
    + [("GIF", "P"), ("BMP", "1"), ("BMP", "P"), ("PPM", "I"), ("PPM", "1"), ("WEBP", "RGBA")],
)
def test_files_of_every_mode_are_read(kind, mode):
    assert decode(encoded(kind=kind, mode=mode), max_pixels=LIMIT).size == (4, 3)


def test_eight_bit_pictures_keep_their_levels():
    """Dark ones stay dark: only what a screen cannot show is spread."""
    levels = np.random.default_rng(0).integers(10, 60, (30, 40, 3), dtype=np.uint8)
    np.testing.assert_array_equal(pixels(Image.fromarray(levels)), levels)
    np.testing.assert_array_equal(pixels(Image.fromarray(levels[..., 0]))[..., 2], levels[..., 0])


@pytest.mark.parametrize("dtype", ["uint16", "int32", "float32"])
def test_pictures_of_other_depths_keep_their_contrast(dtype):
    """Pillow alone would clip every level above 255 to white."""
    values = np.linspace(1000, 5000, 64 * 64).reshape(64, 64).astype(dtype)
    found = pixels(Image.fromarray(values))
    assert (found.min(), found.max()) == (0, 255)
    assert len(np.unique(found)) > 200


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "L", "RGB", "1", "I;16"])
def test_transparent_parts_are_white(mode):
    picture = Image.new(mode, (2, 2))
    options = {} if "A" in mode else {"transparency": (0, 0, 0) if mode == "RGB" else 0}
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", **options)
    assert decode(buffer.getvalue(), max_pixels=LIMIT).getpixel((0, 0)) == (255, 255, 255)


def test_a_large_jpeg_is_decoded_as_small_as_will_do_and_then_turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    shapes = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    large = Image.fromarray(shapes).resize((800, 600), Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    large.save(buffer, "JPEG", quality=95, exif=exif)

    def opened():
        return open_picture(buffer.getvalue(), max_pixels=10**6)

    whole, small = as_rgb(opened()), as_rgb(opened(), enough=140)
    assert (whole.size, small.size) == ((600, 800), (150, 200))
    difference = np.asarray(whole.resize(small.size), np.float64) - np.asarray(small, np.float64)
    assert np.abs(difference).mean() < 3


def test_the_same_picture_reaches_rounds_pages_and_simulations(tmp_path):
    """A turned 16-bit scan with a hot pixel, by each way to pixels that there is."""
    levels = np.full((40, 20), 200, np.uint16)
    levels[20:] = 400
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.fromarray(levels)
    picture.putpixel((0, 0), 65_535)
    path = tmp_path / "a.png"
    picture.save(path, exif=exif)
    content = path.read_bytes()
    shown = np.asarray(decode(content, max_pixels=LIMIT))
    assert shown.shape == (20, 40, 3)
    assert (shown[5, 5, 0], shown[5, 35, 0]) == (255, 0)

    classes, truth = ("a", "b"), np.array([[1.0, 0.0]])
    data = Dataset("one", classes, truth, paths=(str(path),))
    np.testing.assert_array_equal(pixels(data.picture(0, max_pixels=LIMIT)), shown)

    small = make_thumbnail(open_picture(content, max_pixels=LIMIT))
    page = np.asarray(Image.open(io.BytesIO(small)), np.int64)
    assert np.abs(page - shown).max() < 30

    cache = ImageCache(tmp_path / "images")
    digest = cache.add(1, "/a.png", content)
    settings = Settings(data_dir=tmp_path, max_image_pixels=LIMIT)
    store = MEDIUM.open(settings, LabelStudio("http://labelstudio.test", "t" * 40))
    np.testing.assert_array_equal(squeezed(store.load(digest), 20)[0], shrunk(shown))
    squares = MEDIUM.arrays(store.load, [digest], 20)
    np.testing.assert_array_equal(squares[0][:, 0], shown[:, 0][:, :])
    store.close()
    cache.close()


def shrunk(shown):
    """Return 40 columns as 20."""
    picture = Image.fromarray(shown).resize((20, 20), Image.Resampling.BOX)
    return np.asarray(picture)[..., 0]


def test_nothing_else_in_the_package_makes_pixels_of_files():
    doors = {"decode.py"}
    patterns = re.compile(r"Image\.open\b|\.convert\(|exif_transpose|ImageFile|imread|decode_image")
    found = {
        path.name
        for path in Path(relabel.__file__).parent.rglob("*.py")
        if patterns.search(path.read_text())
    }
    assert found == doors


@pytest.mark.parametrize(
    ("orientation", "size"), [(1, (4, 3)), (3, (4, 3)), (6, (3, 4)), (8, (3, 4))]
)
def test_pictures_are_turned_upright(orientation, size):
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert decode(encoded(kind="JPEG", exif=exif), max_pixels=LIMIT).size == size


def test_a_turned_pixel_lands_where_people_see_it():
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = Image.new("L", (2, 1))
    picture.putpixel((0, 0), 255)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", exif=exif)
    upright = decode(buffer.getvalue(), max_pixels=LIMIT)
    assert [upright.getpixel((0, 0)), upright.getpixel((0, 1))] == [(255,) * 3, (0,) * 3]


def test_a_picture_as_large_as_the_limit_is_read():
    assert decode(encoded((100, 100)), max_pixels=LIMIT).size == (100, 100)


def test_a_picture_over_the_limit_names_size_limit_and_setting():
    with pytest.raises(BadImageError, match=r"101 x 100 pixels .*10000 \(RELABEL_MAX_IMAGE_PIXELS"):
        decode(encoded((101, 100)), max_pixels=LIMIT)


def test_the_limit_of_the_settings_decides_even_above_that_of_pillow(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 2_000)
    content = encoded((100, 90))
    assert decode(content, max_pixels=LIMIT).size == (100, 90)
    with pytest.raises(BadImageError, match="RELABEL_MAX_IMAGE_PIXELS"):
        decode(content, max_pixels=8_000)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_many_threads_may_decode_at_once_and_leave_the_process_as_it_was(kind, monkeypatch):
    """Limits and ignored warnings belong to the process: none may stay as one thread had it."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    content, filters = encoded((100, 90), kind), list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(decode, content, max_pixels=LIMIT) for _ in range(64)]
        assert {future.result().size for future in futures} == {(100, 90)}
    assert warnings.filters == filters


def test_a_bomb_is_stopped_by_its_header():
    """A few bytes claim 30,000 x 30,000 pixels; nothing of that size is ever made."""
    header = bytearray(encoded((1, 1)))
    header[16:24] = (30_000).to_bytes(4) + (30_000).to_bytes(4)
    header[29:33] = zlib.crc32(header[12:29]).to_bytes(4)
    with pytest.raises(BadImageError, match="900000000 pixels are more than 10000 "):
        decode(bytes(header), max_pixels=LIMIT)


def with_size(kind, side):
    """A small file whose header claims a picture of side x side pixels."""
    content = bytearray(encoded((1, 1), kind))
    two = side.to_bytes(2, "little")
    if kind == "BMP":
        content[18:26] = side.to_bytes(4, "little") * 2
    elif kind == "GIF":
        content[6:10] = two + two  # of the screen
        frame = content.index(b",")
        content[frame + 5 : frame + 9] = two + two
    elif kind == "JPEG":
        start = content.index(b"\xff\xc0")
        content[start + 5 : start + 9] = side.to_bytes(2) * 2
    elif kind == "PPM":
        return b"P6\n%d %d\n255\n" % (side, side)
    elif kind == "TIFF":
        return tiff(side)
    return bytes(content)


def tiff(side):
    """One strip that claims to be everything."""
    values = {
        256: side,
        257: side,
        258: 8,
        259: 1,
        262: 1,
        273: 8,
        277: 1,
        278: side,
        279: side * side,
    }
    rows = b"".join(
        tag.to_bytes(2, "little") + b"\4\0\1\0\0\0" + value.to_bytes(4, "little")
        for tag, value in values.items()
    )
    return (
        b"II*\0" + (8).to_bytes(4, "little") + len(values).to_bytes(2, "little") + rows + b"\0" * 4
    )


@pytest.mark.parametrize("kind", ["BMP", "GIF", "JPEG", "PPM", "TIFF"])
def test_a_bomb_of_any_format_is_stopped_by_its_header(kind):
    with pytest.raises(BadImageError, match="900000000 pixels are more than 10000 "):
        decode(with_size(kind, 30_000), max_pixels=LIMIT)


def chunk(kind, content):
    body = kind + content
    return len(content).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_metadata_that_unpacks_without_end_is_no_picture_or_no_harm(kind):
    packing = zlib.compressobj(9)
    packed = b"".join(packing.compress(b"x" * 1_000_000) for _ in range(200)) + packing.flush()
    heads = {b"zTXt": b"a\0\0", b"iTXt": b"a\0\1\0\0\0", b"iCCP": b"a\0\0"}
    picture = encoded()
    end = 8 + 25  # signature and IHDR
    content = picture[:end] + chunk(kind, heads[kind] + packed) + picture[end:]
    tracemalloc.start()
    try:
        with contextlib.suppress(BadImageError):
            assert decode(content, max_pixels=LIMIT).size == (4, 3)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000, "of 200 million bytes"


def test_of_very_many_frames_only_the_first_is_decoded():
    frames = [Image.new("L", (90, 90), n % 256) for n in range(300)]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    assert decode(buffer.getvalue(), max_pixels=LIMIT).size == (90, 90)


POLYGLOTS = {
    "script": b"<script>alert(1)</script>",
    "zip": b"PK\3\4" + b"\0" * 26 + b"PK\5\6" + b"\0" * 18,
    "pdf": b"%PDF-1.4\n1 0 obj<</OpenAction<</S/JavaScript>>>>endobj",
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n(/etc/passwd) (r) file",
    "php": b"<?php system($_GET[1]); ?>",
}


@pytest.mark.parametrize("name", POLYGLOTS)
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF"])
def test_of_a_polyglot_nothing_but_its_pixels_is_ever_shown(name, kind):
    """What is behind the picture is not looked at, and what pages show is drawn anew."""
    content = encoded(kind=kind) + POLYGLOTS[name]
    picture = decode(content, max_pixels=LIMIT)
    assert picture.size == (4, 3)
    assert POLYGLOTS[name] not in make_thumbnail(picture)


@pytest.mark.parametrize("name", POLYGLOTS)
def test_a_polyglot_that_begins_as_something_else_is_refused(name):
    with pytest.raises(BadImageError, match="cannot be decoded"):
        decode(POLYGLOTS[name] + encoded(), max_pixels=LIMIT)


CUT = encoded((90, 90), "JPEG")[:-40]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty file, 0 bytes; PNG, JPEG, GIF, BMP, TIFF, WebP and PNM are read"),
        (b"<html><title>Log in</title>", "a web page (Log in), 27 bytes; PNG"),
        (b"%PDF-1.4", "a PDF, 8 bytes; PNG"),
        (b'{"detail": "no"}', "JSON, 16 bytes; PNG"),
        (encoded()[:20], "a PNG, 20 bytes, is damaged, cut off or of a rare kind"),
        (
            CUT,
            f"a JPEG, {len(CUT)} bytes, is damaged, cut off or of a rare kind (image file is trunc",
        ),
    ],
)
def test_a_reason_says_what_the_file_is_instead_and_how_large(content, reason):
    with pytest.raises(BadImageError) as error:
        decode(content, max_pixels=LIMIT)
    assert f"cannot be decoded: {reason}" in str(error.value)
    assert " object at " not in str(error.value)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>Not found</html>",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%PDF-1.4",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        encoded()[:40],
        encoded(kind="JPEG")[:200],
        encoded()[:-20] + b"\0" * 20,
    ],
    ids=["empty", "html", "svg", "pdf", "postscript", "half png", "half jpeg", "damaged"],
)
def test_what_is_no_whole_image_is_a_bad_image(content):
    with pytest.raises(BadImageError, match="cannot be decoded"):
        decode(content, max_pixels=LIMIT)


def test_a_script_behind_an_image_is_never_looked_at():
    """A polyglot is decoded as the image that it begins with."""
    content = encoded(kind="GIF") + b"<script>alert(1)</script>%!PS"
    assert decode(content, max_pixels=LIMIT).size == (4, 3)


def test_metadata_that_is_damaged_does_no_harm():
    content = encoded(kind="JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert decode(content, max_pixels=LIMIT).size == (4, 3)
