"""Bringing all images of a project into the cache, several at a time."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from relabel.errors import BadImageError, PassingImageError
from relabel.imaging.cache import ImageCache, key_of
from relabel.imaging.fetch import ImageFetcher
from relabel.types import Progress, silent

CONCURRENT = 8
"""Images fetched at the same time; more only makes Label Studio slower for people."""
TRIES = 2
"""Of images that may be there the second time."""


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
    kept = cache.known(project_id)
    found = {r: kept[key] for r in references if (key := key_of(r)) in kept}
    missing: dict[str, int] = {}
    for task_id, reference in zip(task_ids, references, strict=True):
        if reference not in found:
            # Tasks may share an image: it is fetched once, in the name of the first of them.
            missing.setdefault(reference, task_id)
    reasons: dict[str, str] = {}

    def one(reference: str) -> str:
        reason = ""
        for _ in range(TRIES):
            try:
                content = fetcher.fetch(missing[reference], reference)
                return cache.add(project_id, reference, content)
            except BadImageError as error:
                reason = str(error)
                if not isinstance(error, PassingImageError):
                    break
        reasons[reference] = reason
        return ""

    total = len(found) + len(missing)
    progress("images", len(found), total)
    with ThreadPoolExecutor(CONCURRENT, thread_name_prefix="images") as pool:
        fetched = zip(missing, pool.map(one, missing), strict=True)
        for done, (reference, digest) in enumerate(fetched, start=len(found) + 1):
            found[reference] = digest
            progress("images", done, total)
    if missing:
        cache.trim()
    failures = {
        task_id: reasons[reference]
        for task_id, reference in zip(task_ids, references, strict=True)
        if reference in reasons
    }
    return [found[reference] for reference in references], failures
