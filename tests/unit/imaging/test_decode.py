import io
import zlib

import pytest
from PIL import Image
from relabel.errors import BadImageError
from relabel.imaging.decode import decode

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
