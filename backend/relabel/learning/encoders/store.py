"""Vectors on disk, by image digest."""

import hashlib
import re
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from relabel.types import Float32Array

READ_AT_ONCE = 500  # below SQLite's oldest limit on the variables of one statement


@dataclass(frozen=True, slots=True)
class VectorStore:
    """One SQLite file of float16 vectors for one encoder with its weights and preprocessing.

    Several processes may read and write it; a vector is there whole or not at all.
    """

    path: Path

    @classmethod
    def of(cls, folder: Path, identity: str) -> "VectorStore":
        """Return the store of the encoder `identity` in `folder`."""
        readable = re.sub(r"[^a-z0-9]+", "-", identity.split("/", maxsplit=1)[0].lower())
        digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
        return cls(folder / f"{readable}-{digest}.sqlite")

    def read(self, digests: Sequence[str]) -> dict[str, Float32Array]:
        """Return the vectors (D,) that are there, by digest."""
        if not self.path.exists():
            return {}
        found = {}
        with self._open() as database:
            for start in range(0, len(digests), READ_AT_ONCE):
                some = digests[start : start + READ_AT_ONCE]
                marks = ",".join("?" * len(some))
                query = f"SELECT digest, vector FROM vectors WHERE digest IN ({marks})"  # noqa: S608  question marks only  # nosec B608
                for digest, blob in database.execute(query, some):
                    found[digest] = np.frombuffer(blob, dtype="<f2").astype(np.float32)
        return found

    def write(self, vectors: Mapping[str, Float32Array]) -> None:
        """Add vectors (D,) by digest, all or none."""
        rows = [(digest, vector.astype("<f2").tobytes()) for digest, vector in vectors.items()]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as database:
            database.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=60)) as database, database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(
                "CREATE TABLE IF NOT EXISTS vectors"
                " (digest TEXT PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID"
            )
            yield database


class VectorWriter:
    """Writes to a store by a thread of its own; leaving it waits until all is there.

    What comes while it writes goes into the next transaction.
    """

    def __init__(self, store: VectorStore) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1)
        self._writing: Future[None] | None = None
        self._waiting: dict[str, Float32Array] = {}

    def __enter__(self) -> Self:
        return self

    def write(self, vectors: Mapping[str, Float32Array]) -> None:
        """Write vectors by digest, now or with the next ones."""
        self._waiting.update(vectors)
        if self._waiting and (self._writing is None or self._writing.done()):
            self._send()

    def __exit__(self, *_: object) -> None:
        try:
            if self._waiting:
                self._send()
            if self._writing:
                self._writing.result()
        finally:
            self._thread.shutdown()

    def _send(self) -> None:
        if self._writing:
            self._writing.result()  # what went wrong with the ones before
        self._writing = self._thread.submit(self._store.write, self._waiting)
        self._waiting = {}
