"""The rows of files in an index database: inserted and deleted, inside a transaction of `store`."""

import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from indexer.storage.full_text import Columns, columns_of, delete_terms, insert_terms, terms_of
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
    terms: tuple[Columns, ...]
    model: str  # of the vectors
    vectors: tuple[bytes, ...]  # packed by `int8.pack`
    postings: bytes  # packed by `pack_postings`
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
    ids = _insert_chunks(db, file_id, prepared)
    if ids:
        heads = heads_of((chunk.kind, chunk.symbol) for chunk in prepared.chunks)
        row = (ids[0], file_id, heads, prepared.postings)
        db.execute("INSERT INTO postings (first_chunk, file_id, heads, data) VALUES (?, ?, ?, ?)", row)
    db.executemany(
        "INSERT INTO symbols (file_id, name, folded, qualified, kind, start_line, end_line, signature, doc)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (file_id, s.name, s.name.lower(), s.qualified, s.kind, s.start_line, s.end_line, s.signature, s.doc)
            for s in prepared.symbols
        ],
    )


def _insert_chunks(db: sqlite3.Connection, file_id: int | None, prepared: PreparedFile) -> list[int]:
    """The ids of the chunks, which follow each other."""
    ids = []
    for chunk, terms in zip(prepared.chunks, prepared.terms, strict=True):
        place = (file_id, chunk.start_line, chunk.end_line, chunk.symbol, chunk.kind)
        chunk_id = db.execute(
            "INSERT INTO chunks (file_id, start_line, end_line, symbol, kind, signature, doc, text)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*place, chunk.signature, chunk.doc, chunk.text),
        ).lastrowid
        assert chunk_id is not None
        ids.append(chunk_id)
        insert_terms(db, chunk_id, terms)
    vectors = zip(ids, prepared.vectors, prepared.keys, strict=True)
    rows = [(chunk_id, prepared.model, vector, key) for chunk_id, vector, key in vectors]
    db.executemany("INSERT INTO vectors (chunk_id, model, vector, key) VALUES (?, ?, ?, ?)", rows)
    return ids


def heads_of(chunks: Iterable[tuple[str, str]]) -> str:
    """The kind and the symbol of each chunk, one a line: read in one piece, without the texts."""
    return "\n".join(f"{kind} {symbol}".replace("\n", " ") for kind, symbol in chunks)


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
            delete_terms(db, chunk_id, columns_of(terms_of(*columns)))
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
