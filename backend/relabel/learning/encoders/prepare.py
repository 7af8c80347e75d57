"""Images read, decoded and brought to an encoder's size, ahead of the network.

By two threads at first: that is enough where the network takes longer than they do. Pillow holds
the interpreter's lock much of the time, so more threads hardly help; where the network would wait
and there is enough left to do, processes take over.
"""

import logging
import multiprocessing
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from relabel.errors import BadImageError
from relabel.learning.encoders.encoder import Encoder
from relabel.learning.encoders.jpeg import MOST_PIXELS
from relabel.machine import processors
from relabel.media.image.decode import plain_jpeg

log = logging.getLogger("relabel.round")

THREADS = 2
AHEAD = 2  # batches of each thread or process before they are needed; bounds memory
TRIED = 4  # batches by which both speeds are measured
LEAST_SECONDS = 5.0  # of preparing that is left, for which processes are worth their start
SPARE = 1.25  # more processes than it takes on average, so that the network does not wait
SILENCE = 300.0  # seconds after which a process counts as hung
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  where torch hands tensors over  # nosec B108


@dataclass(frozen=True, slots=True)
class Source:
    """Where images come from, and how they are prepared.

    load: row to image; may raise `BadImageError`. jpegs_apart: whether the files of plain JPEGs are
    handed on as they are, for a device that decodes them.
    """

    load: Callable[[int], Image.Image]
    encoder: Encoder
    jpegs_apart: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """A batch.

    pixels: (n, 3, H, W) of the n `shown` rows. files: JPEGs by row. failed: why, by row. seconds:
    that it took.
    """

    shown: list[int]
    pixels: Tensor
    files: dict[int, bytes] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0

    def __len__(self) -> int:
        """How many rows it is about."""
        return len(self.shown) + len(self.files) + len(self.failed)


def prepare(source: Source, rows: Sequence[int]) -> Prepared:
    """Read and prepare a batch."""
    start = time.perf_counter()
    ready, files, failed = {}, {}, {}
    for row in rows:
        try:
            with source.load(row) as image:  # decoded by the encoder: a damaged file fails there
                file = plain_jpeg(image, MOST_PIXELS) if source.jpegs_apart else None
                if file is None:
                    ready[row] = source.encoder.prepare(image)
                else:
                    files[row] = file
        except BadImageError as error:
            failed[row] = str(error)
    pixels = torch.from_numpy(np.stack([*ready.values()])) if ready else torch.empty(0)
    return Prepared([*ready], pixels, files, failed, time.perf_counter() - start)


def prepared(source: Source, rows: Sequence[int], batch_size: int) -> Iterator[Prepared]:
    """Yield batches of these rows in order, prepared while the caller is at the one before.

    What the caller does between two batches is taken for the network's time.
    """
    chunks = [rows[start : start + batch_size] for start in range(0, len(rows), batch_size)]
    own, other, largest = [], [], 0
    for batch in in_threads(source, chunks[:TRIED]):
        own.append(batch.seconds / len(batch))
        largest = max(largest, batch.pixels.nbytes)
        start = time.perf_counter()
        yield batch
        other.append((time.perf_counter() - start) / len(batch))
    rest = chunks[TRIED:]
    if rest:
        # The first batch of each warms up.
        wanted = processes_for(min(own[1:]), min(other[1:]), sum(map(len, rest)), largest)
        yield from in_processes(source, rest, wanted) if wanted else in_threads(source, rest)


def processes_for(preparing: float, network: float, images: int, batch_bytes: int) -> int:
    """Return how many processes keep the network busy, 0 = threads do.

    Args:
        preparing: seconds an image.
        network: seconds an image.
        images: how many are left.
        batch_bytes: of the pixels of a batch, handed over in shared memory.
    """
    forks = sys.platform == "linux" and "fork" in multiprocessing.get_all_start_methods()
    wanted = ceil(SPARE * preparing / max(network, 1e-9))
    if not forks or wanted < 2 or images * preparing < LEAST_SECONDS:
        return 0
    # A container has 64 MiB of it unless it is told otherwise, and what overflows it is killed.
    room = shutil.disk_usage(SHARED_MEMORY).free if SHARED_MEMORY.exists() else 0
    most = room // ((AHEAD + 1) * batch_bytes) if batch_bytes else wanted
    found = min(wanted, processors(), most)
    return found if found > 1 else 0


def in_threads(source: Source, chunks: Sequence[Sequence[int]]) -> Iterator[Prepared]:
    """Yield a batch of each chunk, in order."""
    pool = ThreadPoolExecutor(THREADS)
    try:
        waiting: deque[Future[Prepared]] = deque()
        for chunk in chunks:
            waiting.append(pool.submit(prepare, source, chunk))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        # Of a round that was cancelled nobody wants the images that were to come.
        pool.shutdown(cancel_futures=True)


def in_processes(
    source: Source, chunks: Sequence[Sequence[int]], processes: int
) -> Iterator[Prepared]:
    """Yield a batch of each chunk, in order; threads go on where a process was ended or hangs."""
    loader = DataLoader(
        _Batches(source, chunks),
        batch_size=None,
        num_workers=processes,
        prefetch_factor=AHEAD,
        timeout=SILENCE,
        multiprocessing_context="fork",
        generator=torch.Generator().manual_seed(0),  # the global one is left alone; nobody draws
    )
    done = 0
    try:
        for batch in loader:
            done += 1
            yield batch
    except RuntimeError as error:
        log.warning("images are decoded by threads from here on: %s", error)
        yield from in_threads(source, chunks[done:])


class _Batches(Dataset[Prepared]):
    """The batches of chunks, by number, as torch's processes ask for them."""

    def __init__(self, source: Source, chunks: Sequence[Sequence[int]]) -> None:
        self.source = source
        self.chunks = chunks

    def __len__(self) -> int:
        return len(self.chunks)

    def __getitem__(self, number: int) -> Prepared:
        return prepare(self.source, self.chunks[number])
