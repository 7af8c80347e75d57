"""Images on disk by the digest of their bytes, with an index from reference to digest."""

import hashlib
import sqlite3
import threading
from collections.abc import Collection, Mapping
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS images (
    project_id INTEGER NOT NULL, reference TEXT NOT NULL, digest TEXT NOT NULL,
    size INTEGER NOT NULL, PRIMARY KEY (project_id, reference)
)
"""


def drop_files(folder: Path, kept: Collection[str], *, before: float) -> None:
    """Delete the files of other digests, but for those that were used after `before`."""
    for path in folder.glob("??/*"):
        if path.stem not in kept and path.stat().st_mtime < before:
            path.unlink(missing_ok=True)


LONGEST_KEY = 300
"""Characters of a reference that the index keeps as it is; a data: address has thousands."""


def key_of(reference: str) -> str:
    """Return what the index knows a reference by: itself, or if it is long its digest."""
    if len(reference) <= LONGEST_KEY:
        return reference
    return "sha256:" + hashlib.sha256(reference.encode(errors="surrogatepass")).hexdigest()


class ImageCache:
    """Keeps what was fetched until `max_bytes`; then the images used least recently go."""

    def __init__(self, folder: Path, *, max_bytes: int = 20 * 2**30) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._guard = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self._index = sqlite3.connect(
            folder / "index.sqlite3", timeout=30, check_same_thread=False, isolation_level=None
        )
        self._index.execute("PRAGMA journal_mode=WAL")
        self._index.execute(_SCHEMA)

    def known(self, project_id: int) -> dict[str, str]:
        """Return the digest of every image of a project that is here, by `key_of` its reference."""
        with self._guard:
            rows = self._index.execute(
                "SELECT reference, digest FROM images WHERE project_id = ?", (project_id,)
            ).fetchall()
        return {reference: digest for reference, digest in rows if self._path(digest).exists()}

    def add(self, project_id: int, reference: str, content: bytes) -> str:
        """Keep an image's bytes; return their SHA-256."""
        digest = hashlib.sha256(content).hexdigest()
        path = self._path(digest)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(f".{threading.get_ident()}.part")
            unfinished.write_bytes(content)
            unfinished.replace(path)
        with self._guard:
            self._index.execute(
                "INSERT OR REPLACE INTO images VALUES (?, ?, ?, ?)",
                (project_id, key_of(reference), digest, len(content)),
            )
        return digest

    def read(self, digest: str) -> bytes:
        """Return the bytes of an image that `digest` returned."""
        path = self._path(digest)
        content = path.read_bytes()
        path.touch()
        return content

    def trim(self) -> int:
        """Delete what was used least recently until the limit holds; return the bytes freed."""
        files = [p for p in self._folder.glob("??/*") if p.suffix != ".part"]
        used = sorted((p.stat().st_mtime, p.stat().st_size, p) for p in files)
        excess = sum(size for _, size, _ in used) - self._max_bytes
        freed = 0
        for _, size, path in used:
            if freed >= excess:
                break
            path.unlink(missing_ok=True)
            freed += size
        return freed

    def keep(self, wanted: Mapping[int, Collection[str]], *, before: float) -> set[str]:
        """Forget what no task refers to any more; return the digests of what stays.

        Args:
            wanted: references of every connected project.
            before: files that were used since then (Unix seconds) stay, listed or not: a round
                may be at them.

        """
        keys = {number: {key_of(r) for r in references} for number, references in wanted.items()}
        with self._guard:
            rows = self._index.execute(
                "SELECT project_id, reference, digest FROM images"
            ).fetchall()
            gone = [row[:2] for row in rows if row[1] not in keys.get(row[0], ())]
            forget = "DELETE FROM images WHERE project_id = ? AND reference = ?"
            self._index.execute("BEGIN IMMEDIATE")
            self._index.executemany(forget, gone)
            self._index.execute("COMMIT")
        lost = set(gone)
        kept = {row[2] for row in rows if row[:2] not in lost}
        drop_files(self._folder, kept, before=before)
        return kept

    def close(self) -> None:
        """Close the index."""
        self._index.close()

    def _path(self, digest: str) -> Path:
        return self._folder / digest[:2] / digest
