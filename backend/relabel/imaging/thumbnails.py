"""Small pictures for pages, each made once from the cached image and kept on disk."""

import io
import os
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image

from relabel.errors import BadImageError
from relabel.imaging.cache import ImageCache
from relabel.imaging.decode import decode

SIDE = 96
"""Longest side, pixels."""

MIMETYPE = "image/jpeg"
QUALITY = 85

LOOK_AGAIN_SECONDS = 5.0
"""How long a missing image stays missing before the cache's index is read again."""


class Thumbnails:
    """Thumbnails of what the image cache holds; never fetches anything. Safe in several threads."""

    def __init__(self, folder: Path, images: ImageCache, *, max_pixels: int) -> None:
        self._folder = folder
        self._images = images
        self._max_pixels = max_pixels
        self._guard = threading.Lock()
        self._digests: dict[int, tuple[float, dict[str, str]]] = {}

    def digest(self, project_id: int, reference: str) -> str:
        """Return the digest of a task's image, "" = it is not here (yet)."""
        with self._guard:
            read_at, known = self._digests.get(project_id, (0.0, {}))
            if reference not in known and time.monotonic() - read_at > LOOK_AGAIN_SECONDS:
                known = self._images.known(project_id)
                self._digests[project_id] = (time.monotonic(), known)
        return known.get(reference, "")

    def read(self, digest: str) -> bytes | None:
        """Return the thumbnail (JPEG) of the image with this digest; None if it cannot be made."""
        path = self._folder / digest[:2] / f"{digest}.jpg"
        try:
            return path.read_bytes()
        except FileNotFoundError:
            pass
        try:
            content = make_thumbnail(decode(self._images.read(digest), max_pixels=self._max_pixels))
        except (OSError, BadImageError):
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
        unfinished.write_bytes(content)
        unfinished.replace(path)
        return content


def make_thumbnail(picture: Image.Image) -> bytes:
    """Return a picture shrunk to `SIDE` pixels as JPEG, transparent parts white."""
    picture = _eight_bit(picture)
    picture.thumbnail((SIDE, SIDE))
    if "A" in picture.mode or "transparency" in picture.info:
        solid = picture.convert("RGBA")
        ground = Image.new("RGBA", solid.size, "white")
        picture = Image.alpha_composite(ground, solid)
    file = io.BytesIO()
    picture.convert("RGB").save(file, format="JPEG", quality=QUALITY)
    return file.getvalue()


def _eight_bit(picture: Image.Image) -> Image.Image:
    """Spread grey levels of other depths (16-bit scans, floats) over what a screen can show."""
    if not picture.mode.startswith(("I", "F")):
        return picture
    levels = np.asarray(picture, dtype=np.float64)
    low, high = float(np.nanmin(levels)), float(np.nanmax(levels))
    scaled = (levels - low) / (high - low if high > low else 1.0) * 255
    return Image.fromarray(np.nan_to_num(scaled).astype(np.uint8))
