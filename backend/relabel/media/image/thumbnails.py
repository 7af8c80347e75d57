"""Small pictures for pages, each made once from the cached image and kept on disk."""

import io
import os
import threading
import time
from pathlib import Path

from PIL import Image

from relabel.errors import BadImageError
from relabel.media.image.cache import ImageCache, key_of
from relabel.media.image.decode import as_rgb, open_picture

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

    def close(self) -> None:
        """Close the image cache."""
        self._images.close()

    def digest(self, project_id: int, reference: str) -> str:
        """Return the digest of a task's image, "" = it is not here (yet)."""
        key = key_of(reference)
        with self._guard:
            read_at, known = self._digests.get(project_id, (0.0, {}))
            if key not in known and time.monotonic() - read_at > LOOK_AGAIN_SECONDS:
                known = self._images.known(project_id)
                self._digests[project_id] = (time.monotonic(), known)
        return known.get(key, "")

    def read(self, digest: str) -> bytes | None:
        """Return the thumbnail (JPEG) of the image with this digest; None if it cannot be made."""
        path = self._folder / digest[:2] / f"{digest}.jpg"
        try:
            return path.read_bytes()
        except FileNotFoundError:
            pass
        try:
            content = make_thumbnail(
                open_picture(self._images.read(digest), max_pixels=self._max_pixels)
            )
        except (OSError, BadImageError):
            return None
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
        unfinished.write_bytes(content)
        unfinished.replace(path)
        return content


def make_thumbnail(picture: Image.Image) -> bytes:
    """Return a picture as people see it, shrunk to `SIDE` pixels, as JPEG.

    Raises:
        BadImageError: the picture's file is damaged.

    """
    small = as_rgb(picture, enough=SIDE)
    small.thumbnail((SIDE, SIDE))
    file = io.BytesIO()
    small.save(file, format="JPEG", quality=QUALITY)
    return file.getvalue()
