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
    known = cache.known(project_id)
    digests = [known.get(reference, "") for reference in references]
    missing = [row for row, digest in enumerate(digests) if not digest]

    def one(row: int) -> str:
        task_id, reference = task_ids[row], references[row]
        reason = ""
        for _ in range(TRIES):
            try:
                return cache.add(project_id, reference, fetcher.fetch(task_id, reference))
            except BadImageError as error:
                reason = str(error)
        failures[task_id] = reason
        return ""

    progress("images", len(task_ids) - len(missing), len(task_ids))
    with ThreadPoolExecutor(CONCURRENT, thread_name_prefix="images") as pool:
        for done, (row, digest) in enumerate(zip(missing, pool.map(one, missing), strict=True)):
            digests[row] = digest
            progress("images", len(task_ids) - len(missing) + done + 1, len(task_ids))
    if missing:
        cache.trim()
    return digests, failures
