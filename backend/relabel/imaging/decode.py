"""From an image's bytes to an upright picture within limits."""

import io
import warnings

from PIL import Image, ImageOps

from relabel.errors import BadImageError

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
"""Formats that are tried; the file's content decides, never its name."""


def decode(content: bytes, *, max_pixels: int) -> Image.Image:
    """Decode one image, turned upright by its EXIF orientation.

    Raises:
        BadImageError: not an image, damaged, or with more pixels than allowed.

    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damaged metadata, which does not matter here
            picture = Image.open(io.BytesIO(content), formats=FORMATS)
            # The header tells the size before any pixel is decoded: a bomb stops here.
            too_large = picture.width * picture.height > max_pixels
            upright = picture if too_large else ImageOps.exif_transpose(picture)
    except Exception as error:
        # Decoders raise anything on damaged files: OSError, SyntaxError, struct.error, ...
        raise BadImageError(f"cannot be decoded ({type(error).__name__}: {error})") from error
    if too_large:
        raise BadImageError(
            f"{picture.width} x {picture.height} pixels are more than "
            f"{max_pixels} (RELABEL_MAX_IMAGE_PIXELS)"
        )
    return upright
