"""Images to vectors, each computed once."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor

from relabel.learning.encoders.registry import load_encoder
from relabel.learning.encoders.seeing import Seeing
from relabel.learning.encoders.store import VectorStore, VectorWriter
from relabel.learning.gpu import is_gpu
from relabel.types import Float32Array, Progress, silent

STAGE = "embed"
AT_ONCE = 64  # images per forward pass
AT_ONCE_ON_A_GPU = 256


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
    batch_size: int | None = None,
    progress: Progress = silent,
) -> EmbeddingResult:
    """Embed images, taking from the cache what is there.

    Images are decoded while the network works on those before, and vectors are written while it
    works on those after; see `prepared` (`prepare.py`). What is computed is kept batch by batch: a
    run that was killed continues where it was.

    Args:
        load: row number to image; may raise `BadImageError`, which is recorded and not fatal. On a
            large project it is called by other processes, copies of this one.
        digests: (N,) digest of each image's bytes; images of equal digest are embedded once.
        encoder: one of `ENCODERS`.
        weights: local file of weights, instead of the encoder's own.
        cache: folder of the cache; vectors are kept by encoder, weights, preprocessing and digest,
            those of a GPU apart where it decodes by itself or computes in bfloat16.
        device: where the network runs.
        batch_size: images per forward pass; None = as suits the device.
        progress: told how many of the missing images are done.

    Raises:
        ConfigurationError: unknown encoder, or its weights cannot be had.
    """
    seeing = Seeing.on(device, load_encoder(encoder, weights), load)
    store = VectorStore.of(cache, seeing.identity)
    known = store.read(list(dict.fromkeys(digests)))
    first_row = {digest: row for row, digest in reversed(list(enumerate(digests)))}
    todo = sorted(row for digest, row in first_row.items() if digest not in known)
    failed: dict[str, str] = {}
    done = 0
    size = batch_size or (AT_ONCE_ON_A_GPU if is_gpu(device) else AT_ONCE)
    with VectorWriter(store) as writer:
        for seen in seeing.every(todo, size):
            failed.update({digests[row]: why for row, why in seen.failed.items()})
            names = [digests[row] for row in seen.rows]
            new = dict(zip(names, _rounded(seen.vectors), strict=True))
            writer.write(new)
            known.update(new)
            done += len(seen.rows) + len(seen.failed)
            progress(STAGE, done, len(todo))
    return EmbeddingResult(
        _assembled(digests, known),
        {row: failed[digest] for row, digest in enumerate(digests) if digest in failed},
        len(todo) - len(failed),
        _identical(digests, known),
    )


def _rounded(vectors: Tensor) -> Float32Array:
    """Return vectors (n, D) as the cache keeps them."""
    kept: Float32Array = vectors.cpu().numpy().astype(np.float16)
    return kept.astype(np.float32)


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


def _assembled(digests: Sequence[str], known: Mapping[str, Float32Array]) -> Float32Array:
    dimensions = len(next(iter(known.values()))) if known else 0
    vectors = np.zeros((len(digests), dimensions), dtype=np.float32)
    for row, digest in enumerate(digests):
        if digest in known:
            vectors[row] = known[digest]
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    np.divide(vectors, lengths, out=vectors, where=lengths > 0)
    return vectors
