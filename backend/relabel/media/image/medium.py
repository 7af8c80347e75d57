"""Images as a medium: what the service may ask of this room."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from relabel.errors import BadImageError
from relabel.labelstudio.client import LabelStudio
from relabel.labelstudio.labels import IMAGE_TAG
from relabel.media.image.cache import ImageCache, drop_files
from relabel.media.image.collect import collect_images
from relabel.media.image.decode import as_rgb, decode, open_picture
from relabel.media.image.fetch import ImageFetcher
from relabel.media.image.reasons import kind_of
from relabel.media.image.references import brief
from relabel.media.image.thumbnails import MIMETYPE, Thumbnails
from relabel.media.medium import Load, Medium, Store, Try
from relabel.settings import Settings
from relabel.types import Progress


def open_images(settings: Settings, label_studio: LabelStudio) -> Store:
    """Open the cache of a data folder; what is missing is fetched through Label Studio's client."""
    cache = _cache(settings.data_dir)
    fetcher = ImageFetcher(settings, label_studio)

    def collect(
        project_id: int, tasks: Mapping[int, str], progress: Progress
    ) -> tuple[list[str], dict[int, str]]:
        ids, references = [*tasks], [*tasks.values()]
        return collect_images(
            project_id, ids, references, fetcher=fetcher, cache=cache, progress=progress
        )

    def load(digest: str) -> Image.Image:
        return open_picture(cache.read(digest), max_pixels=settings.max_image_pixels)

    return Store(collect, load, cache.close)


def examine_images(settings: Settings, label_studio: LabelStudio) -> Try:
    """Return what fetches and decodes the image of one task, and says why it cannot be used."""
    fetcher = ImageFetcher(settings, label_studio)

    def one(task_id: int, reference: str) -> str:
        try:
            content = fetcher.fetch(task_id, reference)
            decode(content, max_pixels=settings.max_image_pixels)
        except BadImageError as error:
            return str(error)
        return ""

    return one


def squares(load: Load, digests: Sequence[str], side: int) -> npt.NDArray[np.uint8]:
    """Return images squeezed to (N, side, side, 3) uint8."""
    images = np.empty((len(digests), side, side, 3), dtype=np.uint8)
    for row, digest in enumerate(digests):
        images[row] = np.asarray(as_rgb(load(digest), enough=side).resize((side, side)))
    return images


def open_thumbnails(settings: Settings) -> Thumbnails:
    """Return the thumbnails of a data folder."""
    return Thumbnails(
        settings.data_dir / "thumbnails",
        _cache(settings.data_dir),
        max_pixels=settings.max_image_pixels,
    )


def keep_images(folder: Path, wanted: Mapping[int, Collection[str]], before: float) -> None:
    """Drop images and thumbnails that no task shows, but for those used after a time.

    Args:
        folder: the data folder.
        wanted: references by project.
        before: Unix seconds.
    """
    cache = _cache(folder)
    try:
        kept = cache.keep(wanted, before=before)
    finally:
        cache.close()
    drop_files(folder / "thumbnails", kept, before=before)


def _cache(folder: Path) -> ImageCache:
    return ImageCache(folder / "images")


IMAGE = Medium(
    tag=IMAGE_TAG,
    mimetype=MIMETYPE,
    open=open_images,
    examine=examine_images,
    arrays=squares,
    previews=open_thumbnails,
    keep=keep_images,
    brief=brief,
    kind_of=kind_of,
)
