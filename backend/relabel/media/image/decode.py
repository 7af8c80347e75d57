"""The one way from a file to pixels: rounds, pages, reports and simulations see the same picture.

A file is opened within limits, decoded, turned upright by its EXIF data, laid on white where it is
transparent, and brought to 8-bit RGB. Ordinary 8-bit pictures keep their levels; those of other
depths are spread over the 256 of a screen (see `levels`).
"""

import io
import re
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import ExifTags, Image, ImageOps

from relabel.errors import BadImageError
from relabel.first_bytes import looks_like
from relabel.media.image.levels import Pixels, eight_bit

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
"""Formats that are tried; the file's content decides, never its name."""
EDITION = 2
"""Changes whenever other pixels are made of the same file: vectors of earlier ones are not used."""

END_OF_JPEG = b"\xff\xd9"

READ = "PNG, JPEG, GIF, BMP, TIFF, WebP and PNM are read"

_MEMORY = re.compile(r"\s*<[^<>]* object at 0x[0-9a-f]+>")
_ALONE = threading.Lock()


def decode(content: bytes, *, max_pixels: int) -> Image.Image:
    """Return the picture in a file as people see it: upright, 8-bit RGB, decoded.

    Raises:
        BadImageError: no picture, damaged, or with more pixels than allowed; says which, how large
            the file is and what it looks like.

    """
    return as_rgb(open_picture(content, max_pixels=max_pixels))


def open_picture(content: bytes, *, max_pixels: int) -> Image.Image:
    """Open the picture in a file, within limits; no pixel is decoded yet: see `as_rgb`.

    Raises:
        BadImageError: no picture, or with more pixels than allowed.

    """
    try:
        with _quietly():
            _raise_limit_of_pillow(max_pixels)
            picture = Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError as error:
        found = re.search(r"\d+", str(error))  # Pillow's words begin with the number of pixels
        raise BadImageError(_too_large(found[0] if found else "its", max_pixels)) from error
    except Exception as error:
        # Decoders raise anything on damaged files: OSError, SyntaxError, struct.error, ...
        raise BadImageError(_no_picture(content, error)) from error
    # The header tells the size before any pixel is decoded: a bomb stops here.
    if picture.width * picture.height > max_pixels:
        raise BadImageError(_too_large(f"{picture.width} x {picture.height}", max_pixels))
    return picture


def as_rgb(picture: Image.Image, enough: int = 0) -> Image.Image:
    """Return any picture as people see it: upright, 8-bit RGB; the picture given is used up.

    Args:
        picture: of any kind; of a file that was opened, it is decoded now.
        enough: pixels of the short side that will do, 0 = all. A large JPEG is then decoded at a
            half, a quarter or an eighth of its size, in a fraction of the time.

    Raises:
        BadImageError: the file is damaged.

    """
    try:
        if enough:
            picture.draft("RGB", (enough, enough))
        picture.load()
        with _quietly():
            ImageOps.exif_transpose(picture, in_place=True)
        return _flat(picture)
    except Exception as error:
        what = f"a {picture.format or 'picture'}"
        file = getattr(picture, "fp", None)
        if isinstance(file, io.BytesIO):
            what += f", {file.getbuffer().nbytes:,} bytes,"
        raise BadImageError(_damaged(what, error)) from error


def plain_jpeg(picture: Image.Image, most: int) -> bytes | None:
    """Return the file of a JPEG, not decoded yet, that any decoder shows alike; else None.

    That is one of at most `most` pixels, of three channels as cameras write them, in one pass over
    the image, which no EXIF data turns, and with an end: not every decoder misses it.
    """
    file = getattr(picture, "fp", None)
    plain = picture.format == "JPEG" and picture.mode == "RGB"
    if not plain or picture.width * picture.height > most or not isinstance(file, io.BytesIO):
        return None
    if "progressive" in picture.info or picture.info.get("adobe_transform", 1) != 1:
        return None
    try:
        with _quietly():
            turned = picture.getexif().get(ExifTags.Base.Orientation, 1) != 1
    except Exception:  # noqa: BLE001  damaged metadata: `as_rgb` says of it what there is to say
        return None
    content = file.getvalue()
    return None if turned or not content.rstrip(b"\0").endswith(END_OF_JPEG) else content


def pixels(picture: Image.Image) -> Pixels:
    """Return (H, W, 3) uint8 of any picture, as people see it."""
    return np.asarray(as_rgb(picture), dtype=np.uint8)


def _flat(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith(("I", "F")):
        values = np.asarray(picture)
        levels = eight_bit(values)
        hidden = picture.info.get("transparency")
        if isinstance(hidden, int):
            levels[values == hidden] = 255
        return Image.fromarray(levels).convert("RGB")
    if "A" in picture.getbands() or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        white = Image.new("RGBA", layer.size, "white")
        return Image.alpha_composite(white, layer).convert("RGB")
    return picture.convert("RGB")


@contextmanager
def _quietly() -> Iterator[None]:
    """Ignore warnings of damaged metadata and of sizes, neither of which matters here.

    What is ignored belongs to the whole process: one thread at a time changes it and puts it back.
    """
    with _ALONE, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _raise_limit_of_pillow(max_pixels: int) -> None:
    """Keep Pillow from refusing what the settings allow; its limit belongs to the whole process.

    It is raised and never lowered again, so that no thread sees another's limit in between.
    """
    if Image.MAX_IMAGE_PIXELS is not None:
        Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, max_pixels)


def _too_large(size: str, max_pixels: int) -> str:
    return f"{size} pixels are more than {max_pixels} (RELABEL_MAX_IMAGE_PIXELS)"


def _no_picture(content: bytes, error: Exception) -> str:
    """Say what the file is instead, or what is wrong with the picture that it begins as."""
    looks = looks_like(content)
    what = f"{looks}, {len(content):,} bytes"
    if looks.rsplit(" ", 1)[-1].upper().replace("PNM", "PPM") in FORMATS:
        return _damaged(f"{what},", error)
    return f"cannot be decoded: {what}; {READ}"


def _damaged(what: str, error: Exception) -> str:
    said = _MEMORY.sub("", str(error)).removesuffix("cannot identify image file").strip()
    text = f"cannot be decoded: {what} is damaged, cut off or of a rare kind"
    return text + (f" ({said[:200]})" if said else "")
