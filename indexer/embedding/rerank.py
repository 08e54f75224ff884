"""Cosines of a question and pieces of code by the heavy embedder: only what is asked about is ever embedded.

A vector once made is kept by its text, for every codebase, branch and clone on this machine. Knows no chunks, no index.
"""

import hashlib
import logging
import sqlite3
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import numpy as np

from indexer.embedding.base import Embedder
from indexer.embedding.int8 import Vectors, pack, unpack

T = TypeVar("T")

log = logging.getLogger(__name__)

_TABLE = (
    "CREATE TABLE IF NOT EXISTS vectors (id INTEGER PRIMARY KEY, model TEXT NOT NULL, key BLOB NOT NULL,"
    " vector BLOB NOT NULL, UNIQUE (model, key))"
)
_KEPT = 500_000  # vectors, the youngest: 250 MB of 384 dimensions
_BUSY_S = 2.0
KEY_BYTES = 16


def key_of(text: str) -> bytes:
    """Names a text by its content."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=KEY_BYTES).digest()


class VectorCache:
    """One SQLite file of vectors by model and text. A cache: when it is damaged or locked it only forgets."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()

    def get(self, model: str, keys: Sequence[bytes], dim: int) -> dict[bytes, Vectors]:
        """Those that are kept, (dim,) each."""
        query = "SELECT vector FROM vectors WHERE model = ? AND key = ?"
        found = self._use(lambda db: [(key, db.execute(query, (model, key)).fetchone()) for key in keys]) or []
        kept = [(key, row[0]) for key, row in found if row is not None]
        vectors, sound = unpack([row for _, row in kept], dim)
        return dict(zip((key for (key, _), good in zip(kept, sound, strict=True) if good), vectors, strict=True))

    def put(self, model: str, keys: Sequence[bytes], vectors: Vectors) -> None:
        rows = [(model, key, row) for key, row in zip(keys, pack(vectors), strict=True)]

        def work(db: sqlite3.Connection) -> None:
            db.executemany("INSERT OR REPLACE INTO vectors (model, key, vector) VALUES (?, ?, ?)", rows)
            db.execute("DELETE FROM vectors WHERE id <= (SELECT max(id) FROM vectors) - ?", (_KEPT,))

        self._use(work)

    def count(self, model: str, keys: Collection[bytes]) -> int:
        """How many of `keys` are kept."""
        query = "SELECT key FROM vectors WHERE model = ?"
        return self._use(lambda db: sum(key in keys for (key,) in db.execute(query, (model,)))) or 0

    def _use(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """What `work` gives; None when the file could not be used. A damaged one is deleted."""
        try:
            with self._lock, closing(sqlite3.connect(self._file, timeout=_BUSY_S)) as db, db:
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = OFF")
                db.execute(_TABLE)
                return work(db)
        except sqlite3.DatabaseError as error:
            log.warning("the kept vectors in %s cannot be used (%s)", self._file.name, error)
            if not isinstance(error, sqlite3.OperationalError):
                for suffix in ("", "-wal", "-shm"):
                    Path(f"{self._file}{suffix}").unlink(missing_ok=True)
            return None


class Reranker:
    """The heavy embedder and the vectors it has made. `load` gives None while the model is not there yet."""

    def __init__(self, load: Callable[[], Embedder | None], cache: VectorCache) -> None:
        self._load = load
        self._cache = cache
        nothing = ("", ()), np.empty((0, 0), np.float32)
        self._asked: tuple[tuple[str, tuple[str, ...]], Vectors] = nothing
        self._latest: tuple[tuple[str, tuple[str, ...]], Vectors] = nothing

    def coverage(self, keys: Collection[bytes]) -> float:
        """Share of these texts that have a vector; 0 while there is no embedder."""
        embedder = self._load()
        return self._cache.count(embedder.model_id, set(keys)) / max(1, len(set(keys))) if embedder else 0.0

    def cosines(self, question: str, texts: Sequence[str]) -> list[float]:
        """One for each text; none at all while there is no embedder."""
        embedder = self._load()
        if embedder is None or not texts:
            return []
        cosines: list[float] = (self._read(embedder, texts) @ embedder.embed_query(question)).tolist()
        return cosines

    def best(self, questions: tuple[str, ...], texts: Sequence[str]) -> list[float]:
        """Each question's best cosine among these texts; none while there is no embedder.

        Meant for the same questions again and again, about texts that have just been read: both are remembered.
        """
        embedder = self._load()
        if embedder is None or not texts:
            return []
        name, asked = self._asked
        if name != (embedder.model_id, questions):
            asked = np.stack([embedder.embed_query(question) for question in questions])
            self._asked = (embedder.model_id, questions), asked
        latest, read = self._latest
        if latest != (embedder.model_id, tuple(texts)):
            read = self._read(embedder, texts)
        best: list[float] = (read @ asked.T).max(axis=0).tolist()
        return best

    def _read(self, embedder: Embedder, texts: Sequence[str]) -> Vectors:
        """(len(texts), dim)"""
        keys = [key_of(text) for text in texts]
        vectors = self._cache.get(embedder.model_id, keys, embedder.dim)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in vectors}
        if missing:
            made = embedder.embed_documents(list(missing.values()))
            self._cache.put(embedder.model_id, list(missing), made)
            vectors |= dict(zip(missing, made, strict=True))
        found = np.stack([vectors[key] for key in keys])
        self._latest = (embedder.model_id, tuple(texts)), found
        return found
