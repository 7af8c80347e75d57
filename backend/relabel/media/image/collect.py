"""Bringing all images of a project into the cache, several at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from itertools import islice

from relabel.errors import BadImageError, PassingImageError
from relabel.http.deadlines import check_wanted
from relabel.media.image.cache import ImageCache, key_of
from relabel.media.image.fetch import ImageFetcher
from relabel.types import Progress, silent

CONCURRENT = 8
"""Images fetched at the same time; more only makes Label Studio slower for people."""
LOOK_SECONDS = 0.5
"""How often it is looked whether the images are still wanted while none comes."""
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
    for done, (reference, digest) in enumerate(_several(one, missing), start=len(found) + 1):
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


def _several(one: Callable[[str], str], references: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each reference with what `one` makes of it, in the order in which they are done."""
    pool = ThreadPoolExecutor(CONCURRENT, thread_name_prefix="images")
    waiting: dict[Future[str], str] = {}
    rest = iter(references)
    try:
        # A few ahead, since all that wait are looked at whenever one is done.
        while True:
            for reference in islice(rest, 2 * CONCURRENT - len(waiting)):
                waiting[pool.submit(copy_context().run, one, reference)] = reference
            if not waiting:
                return
            done, _ = wait(waiting, timeout=LOOK_SECONDS, return_when=FIRST_COMPLETED)
            check_wanted()
            for future in done:
                yield waiting.pop(future), future.result()
    finally:
        # After an error nobody waits for those that are under way.
        pool.shutdown(wait=False, cancel_futures=True)
