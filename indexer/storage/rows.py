"""The rows of files in an index database: inserted and deleted, inside a transaction of `store`."""

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass

from indexer.storage.full_text import ChunkTerms, delete_terms, insert_terms, terms_of
from indexer.storage.snapshot import IndexedFile
from indexer.types import Chunk, Symbol

UNPURGED = "unpurged"  # in `meta` while the files may still have bytes of what was deleted, last at this time


@dataclass(frozen=True, slots=True)
class PreparedFile:
    """All that the index stores of one file. `terms`, `vectors` and `keys` have one item for each chunk."""

    file: IndexedFile
    language: str
    chunks: tuple[Chunk, ...]
    symbols: tuple[Symbol, ...]
    terms: tuple[ChunkTerms, ...]
    model: str  # of the vectors
    vectors: tuple[bytes, ...]  # packed by `int8.pack`
    keys: tuple[bytes, ...]  # keys of the chunks' embedding texts, for vectors that are made later
    masked: tuple[int, ...] = ()  # the line of each secret that was masked; not stored


def can_insert(db: sqlite3.Connection, prepared: PreparedFile) -> bool:
    """Inserts a file, or nothing of it if SQLite cannot hold one of its values."""
    db.execute("SAVEPOINT file")
    try:
        _insert(db, prepared)
    except (OverflowError, UnicodeEncodeError, sqlite3.DataError):
        db.execute("ROLLBACK TO file")
        return False
    db.execute("RELEASE file")
    return True


def _insert(db: sqlite3.Connection, prepared: PreparedFile) -> None:
    file = prepared.file
    file_id = db.execute(
        "INSERT INTO files (path, sha, size, mtime_ns, read_ns, recipe, language) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (file.path, file.sha, file.size, file.mtime_ns, file.read_ns, file.recipe, prepared.language),
    ).lastrowid
    rows = zip(prepared.chunks, prepared.terms, prepared.vectors, prepared.keys, strict=True)
    for chunk, terms, vector, key in rows:
        chunk_id = db.execute(
            "INSERT INTO chunks (file_id, start_line, end_line, symbol, kind, signature, doc, text)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                file_id,
                chunk.start_line,
                chunk.end_line,
                chunk.symbol,
                chunk.kind,
                chunk.signature,
                chunk.doc,
                chunk.text,
            ),
        ).lastrowid
        assert chunk_id is not None
        insert_terms(db, chunk_id, terms)
        db.execute(
            "INSERT INTO vectors (chunk_id, model, vector, key) VALUES (?, ?, ?, ?)",
            (chunk_id, prepared.model, vector, key),
        )
    db.executemany(
        "INSERT INTO symbols (file_id, name, folded, qualified, kind, start_line, end_line, signature, doc)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (file_id, s.name, s.name.lower(), s.qualified, s.kind, s.start_line, s.end_line, s.signature, s.doc)
            for s in prepared.symbols
        ],
    )


def delete(db: sqlite3.Connection, paths: Sequence[str]) -> int:
    """Deletes files; returns how many chunks they had."""
    chunks = 0
    for path in paths:
        rows = db.execute(
            "SELECT c.id, f.path, c.symbol, c.signature, c.doc, c.text FROM chunks c JOIN files f ON f.id = c.file_id"
            " WHERE f.path = ?",
            (path,),
        ).fetchall()
        for chunk_id, *columns in rows:
            delete_terms(db, chunk_id, terms_of(*columns))
        if db.execute("DELETE FROM files WHERE path = ?", (path,)).rowcount:
            set_meta(db, **{UNPURGED: time.time_ns()})
        chunks += len(rows)
    return chunks


def raise_generation(db: sqlite3.Connection, chunks: int, **meta: str) -> None:
    """`chunks`: how many were added or, below 0, deleted. Counting millions anew takes longer than a search may."""
    db.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation'")
    db.execute("UPDATE meta SET value = value + ? WHERE key = 'chunks'", (chunks,))
    set_meta(db, **meta)


def set_meta(db: sqlite3.Connection, **meta: str | int | float) -> None:
    db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(meta.items()))
