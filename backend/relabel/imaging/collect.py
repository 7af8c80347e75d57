"""Bringing all images of a project into the cache, several at a time."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from relabel.errors import BadImageError
from relabel.imaging.cache import ImageCache
from relabel.imaging.fetch import ImageFetcher
from relabel.types import Progress, silent

CONCURRENT = 8
"""Images fetched at the same time; more only makes Label Studio slower for people."""
TRIES = 2


def collect_images(
    project_id: int,
    task_ids: Sequence[int],
    references: Sequence[str],
    *,
    fetcher: ImageFetcher,
    cache: ImageCache,
    progress: Progress = silent,
) -> tuple[list[str], dict[int, str]]:
    """Fetch what is missing.

    Returns:
        (N,) digests, "" where the image failed, and the reason of each failure by task id.

    """
    failures: dict[int, str] = {}

    def one(row: int) -> str:
        task_id, reference = task_ids[row], references[row]
        reason = ""
        for _ in range(TRIES):
            try:
                return cache.digest(
                    project_id, reference, lambda: fetcher.fetch(task_id, reference)
                )
            except BadImageError as error:
                reason = str(error)
        failures[task_id] = reason
        return ""

    digests: list[str] = []
    with ThreadPoolExecutor(CONCURRENT, thread_name_prefix="images") as pool:
        for done, digest in enumerate(pool.map(one, range(len(task_ids))), start=1):
            digests.append(digest)
            progress("images", done, len(task_ids))
    cache.trim()
    return digests, failures
