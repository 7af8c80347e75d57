import contextlib
import io
import tracemalloc
import zlib

import pytest
from PIL import Image
from relabel.errors import BadImageError
from relabel.imaging.decode import decode
from relabel.imaging.thumbnails import make_thumbnail

LIMIT = 10_000


def encoded(size=(4, 3), kind="PNG", mode="RGB", **options):
    buffer = io.BytesIO()
    Image.new(mode, size, 1 if mode in ("P", "L") else 0).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM"])
def test_the_usual_formats_are_read_whatever_the_name_of_the_file(kind):
    assert decode(encoded(kind=kind), max_pixels=LIMIT).size == (4, 3)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "I;16"])
def test_other_colour_modes_are_read(mode):
    assert decode(encoded(mode=mode), max_pixels=LIMIT).size == (4, 3)


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
    assert [upright.getpixel((0, 0)), upright.getpixel((0, 1))] == [255, 0]


def test_a_picture_as_large_as_the_limit_is_read():
    assert decode(encoded((100, 100)), max_pixels=LIMIT).size == (100, 100)


def test_a_picture_over_the_limit_names_size_limit_and_setting():
    with pytest.raises(BadImageError, match=r"101 x 100 pixels .*10000 \(RELABEL_MAX_IMAGE_PIXELS"):
        decode(encoded((101, 100)), max_pixels=LIMIT)


def test_a_bomb_is_stopped_by_its_header():
    """A few bytes claim 30,000 x 30,000 pixels; nothing of that size is ever made."""
    header = bytearray(encoded((1, 1)))
    header[16:24] = (30_000).to_bytes(4) + (30_000).to_bytes(4)
    header[29:33] = zlib.crc32(header[12:29]).to_bytes(4)
    with pytest.raises(BadImageError, match=r"30000 x 30000|DecompressionBomb"):
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
    with pytest.raises(BadImageError, match=r"30000 x 30000 pixels are more|DecompressionBomb"):
        decode(with_size(kind, 30_000), max_pixels=LIMIT)


def chunk(kind, content):
    body = kind + content
    return len(content).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)


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
