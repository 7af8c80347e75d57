"""Images to vectors, each computed once."""

import hashlib
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import normalize

from relabel.errors import BadImageError
from relabel.learning.encoders.encoder import Encoder
from relabel.learning.encoders.registry import load_encoder
from relabel.learning.encoders.store import VectorStore
from relabel.types import Float32Array, Progress, silent

STAGE = "embed"
BATCHES_AHEAD = 2  # decoded before they are needed; bounds memory


@dataclass(frozen=True, slots=True)
class EmbeddingResult:
    """The vectors of N images.

    vectors: (N, D) float32, L2-normalised; rows of zeros where the image failed.
    failed: why, by row number. computed: how many were not in the cache.
    identical: rows of unequal files with the very same vector, the largest group first; the encoder
    cannot tell them apart.
    """

    vectors: Float32Array
    failed: dict[int, str] = field(default_factory=dict)
    computed: int = 0
    identical: tuple[tuple[int, ...], ...] = ()


def embed(
    load: Callable[[int], Image.Image],
    digests: Sequence[str],
    *,
    encoder: str,
    weights: Path | None = None,
    cache: Path,
    device: str = "cpu",
    batch_size: int = 64,
    workers: int = 2,
    progress: Progress = silent,
) -> EmbeddingResult:
    """Embed images, taking from the cache what is there.

    Images are decoded by `workers` threads while the network works on the batch before. What is
    computed is kept batch by batch: a run that was killed continues where it was.

    Args:
        load: row number to image; may raise `BadImageError`, which is recorded and not fatal.
        digests: (N,) digest of each image's bytes; images of equal digest are embedded once.
        encoder: one of `ENCODERS`.
        weights: local file of weights, instead of the encoder's own.
        cache: folder of the cache; vectors are kept by encoder, weights, preprocessing and digest.
        device: where the network runs.
        batch_size: images per forward pass.
        workers: threads that load and prepare images.
        progress: told how many of the missing images are done.

    Raises:
        ConfigurationError: unknown encoder, or its weights cannot be had.
    """
    loaded = load_encoder(encoder, weights)
    loaded.network.to(device)
    store = VectorStore.of(cache, loaded.identity)
    known = store.read(list(dict.fromkeys(digests)))
    first_row = {digest: row for row, digest in reversed(list(enumerate(digests)))}
    todo = sorted(row for digest, row in first_row.items() if digest not in known)
    failed: dict[str, str] = {}
    done = 0
    for rows in _prepared(load, loaded, todo, batch_size, workers):
        failed.update({digests[row]: image for row, image in rows if isinstance(image, str)})
        good = [(digests[row], image) for row, image in rows if not isinstance(image, str)]
        if good:
            vectors = _forward(loaded, np.stack([image for _, image in good]), device)
            new = dict(zip((digest for digest, _ in good), vectors, strict=True))
            store.write(new)
            known.update(new)
        done += len(rows)
        progress(STAGE, done, len(todo))
    return EmbeddingResult(
        _assembled(digests, known),
        {row: failed[digest] for row, digest in enumerate(digests) if digest in failed},
        len(todo) - len(failed),
        _identical(digests, known),
    )


def _identical(
    digests: Sequence[str], known: Mapping[str, Float32Array]
) -> tuple[tuple[int, ...], ...]:
    """Return the rows of each vector that several files have."""
    same = {digest: hashlib.sha256(vector.tobytes()).digest() for digest, vector in known.items()}
    files = Counter(same.values())
    groups: dict[bytes, list[int]] = {}
    for row, digest in enumerate(digests):
        if digest in same and files[same[digest]] > 1:
            groups.setdefault(same[digest], []).append(row)
    return tuple(sorted(map(tuple, groups.values()), key=len, reverse=True))


def _prepared(
    load: Callable[[int], Image.Image],
    encoder: Encoder,
    rows: Sequence[int],
    batch_size: int,
    workers: int,
) -> Iterator[list[tuple[int, Float32Array | str]]]:
    """Yield batches of (row, prepared image, or why there is none), one batch ahead."""

    def prepare(row: int) -> tuple[int, Float32Array | str]:
        try:
            with load(row) as image:  # decoded by the encoder: a damaged file fails there
                return row, encoder.prepare(image)
        except BadImageError as error:
            return row, str(error)

    pool = ThreadPoolExecutor(workers)
    try:
        waiting: deque[list[Future[tuple[int, Float32Array | str]]]] = deque()
        for start in range(0, len(rows), batch_size):
            waiting.append([pool.submit(prepare, row) for row in rows[start : start + batch_size]])
            if len(waiting) > BATCHES_AHEAD:
                yield [future.result() for future in waiting.popleft()]
        while waiting:
            yield [future.result() for future in waiting.popleft()]
    finally:
        # Of a round that was cancelled nobody wants the images that were to come.
        pool.shutdown(cancel_futures=True)


def _forward(encoder: Encoder, images: Float32Array, device: str) -> Float32Array:
    """Return the vectors (B, D) of prepared images, rounded as the cache keeps them."""
    with torch.inference_mode():
        vectors = encoder.network(torch.from_numpy(images).to(device))
    kept: Float32Array = normalize(vectors.float()).cpu().numpy().astype(np.float16)
    return kept.astype(np.float32)


def _assembled(digests: Sequence[str], known: Mapping[str, Float32Array]) -> Float32Array:
    dimensions = len(next(iter(known.values()))) if known else 0
    vectors = np.zeros((len(digests), dimensions), dtype=np.float32)
    for row, digest in enumerate(digests):
        if digest in known:
            vectors[row] = known[digest]
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    np.divide(vectors, lengths, out=vectors, where=lengths > 0)
    return vectors
