"""Cosines of a query and texts by the re-ranking model. A text is embedded when a query first needs it, never before.

A vector is cached by its text, for all codebases, branches and clones of this machine. Knows no chunks, no index.
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

from indexer.embedding.base import Embedder, Vectors
from indexer.embedding.int8 import pack, unpack

T = TypeVar("T")

log = logging.getLogger(__name__)

_TABLE = (
    "CREATE TABLE IF NOT EXISTS vectors (id INTEGER PRIMARY KEY, model TEXT NOT NULL, key BLOB NOT NULL,"
    " vector BLOB NOT NULL, UNIQUE (model, key))"
)
_MAX_VECTORS = 500_000  # the newest: 250 MB of 384 dimensions
_BUSY_S = 2.0
KEY_BYTES = 16


def key_of(text: str) -> bytes:
    """The cache key of a text: a hash of its content."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=KEY_BYTES).digest()


class VectorCache:
    """One SQLite file of vectors by model and text. If it is damaged or locked, vectors are lost, nothing else."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()

    def get(self, model: str, keys: Sequence[bytes], dim: int) -> dict[bytes, Vectors]:
        """The cached ones of these vectors, (dim,) each."""
        query = "SELECT vector FROM vectors WHERE model = ? AND key = ?"
        found = self._use(lambda db: [(key, db.execute(query, (model, key)).fetchone()) for key in keys]) or []
        cached = [(key, row[0]) for key, row in found if row is not None]
        vectors, is_sound = unpack([row for _, row in cached], dim)
        sound_keys = (key for (key, _), sound in zip(cached, is_sound, strict=True) if sound)
        return dict(zip(sound_keys, vectors, strict=True))

    def put(self, model: str, keys: Sequence[bytes], vectors: Vectors) -> None:
        """Caches (len(keys), dim) vectors; the oldest beyond `_MAX_VECTORS` go."""
        rows = [(model, key, row) for key, row in zip(keys, pack(vectors), strict=True)]

        def work(db: sqlite3.Connection) -> None:
            db.executemany("INSERT OR REPLACE INTO vectors (model, key, vector) VALUES (?, ?, ?)", rows)
            db.execute("DELETE FROM vectors WHERE id <= (SELECT max(id) FROM vectors) - ?", (_MAX_VECTORS,))

        self._use(work)

    def count(self, model: str, keys: Collection[bytes]) -> int:
        """How many of `keys` are cached."""
        query = "SELECT key FROM vectors WHERE model = ?"
        return self._use(lambda db: sum(key in keys for (key,) in db.execute(query, (model,)))) or 0

    def _use(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """The result of `work`, None if the file cannot be used. A damaged file is deleted."""
        try:
            with self._lock, closing(sqlite3.connect(self._file, timeout=_BUSY_S)) as db, db:
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = OFF")
                db.execute(_TABLE)
                return work(db)
        except sqlite3.DatabaseError as error:
            log.warning("the cached vectors in %s cannot be used (%s)", self._file.name, error)
            if not isinstance(error, sqlite3.OperationalError):
                for suffix in ("", "-wal", "-shm"):
                    Path(f"{self._file}{suffix}").unlink(missing_ok=True)
            return None


class Reranker:
    """The re-ranking model with its cache. `load` returns None until the model is loaded."""

    def __init__(self, load: Callable[[], Embedder | None], cache: VectorCache) -> None:
        self._load = load
        self._cache = cache
        nothing = ("", ()), np.empty((0, 0), np.float32)
        # Model id and texts, with their vectors: the last queries of `best`, and the texts embedded last.
        self._queries: tuple[tuple[str, tuple[str, ...]], Vectors] = nothing
        self._latest: tuple[tuple[str, tuple[str, ...]], Vectors] = nothing

    @property
    def is_loaded(self) -> bool:
        """Whether there is an embedder."""
        return self._load() is not None

    def coverage(self, keys: Collection[bytes]) -> float:
        """Share of these texts with a cached vector; 0 without an embedder."""
        embedder = self._load()
        return self._cache.count(embedder.model_id, set(keys)) / max(1, len(set(keys))) if embedder else 0.0

    def cosines(self, query: str, texts: Sequence[str]) -> list[float]:
        """One per text; [] without an embedder."""
        embedder = self._load()
        if embedder is None or not texts:
            return []
        cosines: list[float] = (self._embed(embedder, texts) @ embedder.embed_query(query)).tolist()
        return cosines

    def best(self, queries: tuple[str, ...], texts: Sequence[str]) -> list[float]:
        """Each query's best cosine among these texts; [] without an embedder.

        For the same queries again and again, over texts that have just been embedded: the vectors of both are reused.
        """
        embedder = self._load()
        if embedder is None or not texts:
            return []
        key, query_vectors = self._queries
        if key != (embedder.model_id, queries):
            query_vectors = np.stack([embedder.embed_query(query) for query in queries])
            self._queries = (embedder.model_id, queries), query_vectors
        key, vectors = self._latest
        if key != (embedder.model_id, tuple(texts)):
            vectors = self._embed(embedder, texts)
        best: list[float] = (vectors @ query_vectors.T).max(axis=0).tolist()
        return best

    def _embed(self, embedder: Embedder, texts: Sequence[str]) -> Vectors:
        """(len(texts), dim), from the cache where it has them."""
        keys = [key_of(text) for text in texts]
        vector_of = self._cache.get(embedder.model_id, keys, embedder.dim)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in vector_of}
        if missing:
            embedded = embedder.embed_documents(list(missing.values()))
            self._cache.put(embedder.model_id, list(missing), embedded)
            vector_of |= dict(zip(missing, embedded, strict=True))
        vectors = np.stack([vector_of[key] for key in keys])
        self._latest = (embedder.model_id, tuple(texts)), vectors
        return vectors
