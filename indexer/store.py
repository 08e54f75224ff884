"""The truth about one codebase: its files, chunks, symbols, vectors and full-text index in one SQLite file.

Every write of a batch is one transaction and raises the generation. Reading is `snapshot`'s part.
Does not know how chunks and vectors are made.
"""

import fcntl
import hashlib
import secrets
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from indexer.chunk import Piece
from indexer.database import Database, cannot_write
from indexer.errors import IndexDamaged, IndexStorage
from indexer.identifiers import TERMS, split
from indexer.snapshot import Snapshot
from indexer.types import Skip, SourceFile, Symbol

SCHEMA = 1
_VERSION = SCHEMA * 1000 + TERMS  # the full-text rows can only be taken out by the terms they were put in with

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE files (
  id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, sha TEXT NOT NULL, size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL, read_ns INTEGER NOT NULL, language TEXT NOT NULL, lines INTEGER NOT NULL,
  recipe TEXT NOT NULL);
CREATE TABLE chunks (
  id INTEGER PRIMARY KEY AUTOINCREMENT, file_id INTEGER NOT NULL REFERENCES files ON DELETE CASCADE,
  start_line INTEGER NOT NULL, end_line INTEGER NOT NULL, symbol TEXT NOT NULL, kind TEXT NOT NULL,
  signature TEXT NOT NULL, doc TEXT NOT NULL, text TEXT NOT NULL, vector BLOB NOT NULL);
CREATE INDEX chunks_by_file ON chunks (file_id);
CREATE INDEX chunks_by_vector ON chunks (vector);
CREATE TABLE symbols (
  id INTEGER PRIMARY KEY, file_id INTEGER NOT NULL REFERENCES files ON DELETE CASCADE,
  name TEXT NOT NULL, folded TEXT NOT NULL, qualified TEXT NOT NULL, kind TEXT NOT NULL,
  start_line INTEGER NOT NULL, end_line INTEGER NOT NULL, signature TEXT NOT NULL, doc TEXT NOT NULL);
CREATE INDEX symbols_by_file ON symbols (file_id);
CREATE INDEX symbols_by_name ON symbols (folded);
CREATE TABLE vectors (sha BLOB PRIMARY KEY, model TEXT NOT NULL, vector BLOB NOT NULL);
CREATE TABLE skips (path TEXT PRIMARY KEY, reason TEXT NOT NULL) WITHOUT ROWID;
CREATE VIRTUAL TABLE terms USING fts5 (path, symbol, head, body, content='', tokenize="unicode61 tokenchars '_'");
CREATE VIRTUAL TABLE vocabulary USING fts5vocab (terms, row);
"""


@dataclass(frozen=True, slots=True)
class Indexed:
    """All that one file brings into the index."""

    source: SourceFile
    read_ns: int  # the clock when reading began
    pieces: tuple[Piece, ...]
    symbols: tuple[Symbol, ...]


def vector_sha(model_id: str, embedded: str) -> bytes:
    """The key of a vector: the model and the very text it was given."""
    return hashlib.sha256(f"{model_id}\0{embedded}".encode()).digest()[:16]


class Store:
    """One codebase's index. Readers of any thread or process see whole transactions only."""

    def __init__(self, codebase_id: str, root: Path, file: Path) -> None:
        self.id = codebase_id
        self.root = root
        self._database = Database(file, _TABLES, _VERSION)

    def create(self) -> None:
        """Makes the index if there is none. A file that cannot be read stays for `repair`."""
        try:
            self._database.create()
            with self.read() as snapshot:
                known = snapshot.version[0]
        except IndexDamaged:
            return
        if not known:
            self._database.file.with_suffix(".root").write_text(str(self.root), "utf-8", "surrogateescape")
            with self._database.writing() as db:
                new = {"epoch": secrets.token_hex(8), "generation": 0, "state": "empty", "model": "", "updated": 0.0}
                db.executemany("INSERT OR IGNORE INTO meta VALUES (?, ?)", list(new.items()))

    @contextmanager
    def indexing(self) -> Iterator[None]:
        """Held by the one job that changes this index, over all processes; freed by the system if that one dies.

        Raises IndexStorage at once when another job has it. A damaged index is rebuilt empty first.
        """
        with self._lock_file() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise IndexStorage(f"{self.root} is being indexed by another job: wait for that one") from error
            self._repair()
            yield

    @contextmanager
    def read(self) -> Iterator[Snapshot]:
        """One state of the index, whatever is written meanwhile. Raises NotIndexed, IndexDamaged, IndexStorage."""
        with self._database.reading() as db:
            yield Snapshot(db)

    def keep(self, vectors: Mapping[bytes, NDArray[np.float32]], model: str) -> None:
        """Adds vectors ahead of the file they belong to, so that a long file's work is not lost."""
        if vectors:
            with self._database.writing() as db:
                _keep(db, vectors, model)

    def write(
        self, batch: Sequence[Indexed], vectors: Mapping[bytes, NDArray[np.float32]], model: str, recipe: str
    ) -> None:
        """Replaces these files and adds these vectors, in one transaction."""
        with self._database.writing() as db:
            _keep(db, vectors, model)
            for indexed in batch:
                _forget(db, indexed.source.path)
                _insert(db, indexed, model, recipe)
            _changed(db, state="indexing", model=model)

    def touch(self, stats: Sequence[tuple[str, int, int, int]]) -> None:
        """(path, size, mtime_ns, read_ns) of files whose stat changed and whose bytes did not."""
        if stats:
            with self._database.writing() as db:
                rows = [(size, mtime_ns, read_ns, path) for path, size, mtime_ns, read_ns in stats]
                db.executemany("UPDATE files SET size = ?, mtime_ns = ?, read_ns = ? WHERE path = ?", rows)

    def remove(self, paths: Sequence[str]) -> None:
        """Takes these files out, in one transaction."""
        if paths:
            with self._database.writing() as db:
                for path in paths:
                    _forget(db, path)
                _changed(db, state="indexing")

    def finish(self, skipped: Sequence[Skip], done: bool) -> None:
        """Ends a job. When it saw everything, keeps what it left out and drops vectors once most are nobody's."""
        with self._database.writing() as db:
            files = db.execute("SELECT count(*) FROM files").fetchone()[0]
            _set(db, state="ready" if files else "empty")
            if not done:
                return
            db.execute("DELETE FROM skips")
            db.executemany("INSERT OR REPLACE INTO skips VALUES (?, ?)", [(skip.path, skip.reason) for skip in skipped])
            vectors, used = db.execute(
                "SELECT (SELECT count(*) FROM vectors), count(DISTINCT vector) FROM chunks"
            ).fetchone()
            if vectors > 2 * used + 1000:
                db.execute("DELETE FROM vectors WHERE sha NOT IN (SELECT vector FROM chunks)")

    def drop_vectors(self, shas: Sequence[bytes]) -> None:
        """Forgets vectors that turned out damaged and marks the files that need them: the next index makes them."""
        with self._database.writing() as db:
            for sha in shas:
                files = "SELECT file_id FROM chunks WHERE vector = ?"
                db.execute(f"UPDATE files SET recipe = '' WHERE id IN ({files})", (sha,))  # noqa: S608
                db.execute("DELETE FROM vectors WHERE sha = ?", (sha,))
            _changed(db)

    def delete(self) -> None:
        """Deletes the index. The empty lock file stays: a job may be waiting for it."""
        with self.indexing():
            self._database.delete()

    def close(self) -> None:
        self._database.close()

    def _lock_file(self) -> TextIO:
        file = self._database.file.with_suffix(".lock")
        try:
            return file.open("w")
        except OSError as error:
            raise cannot_write(file, error) from error

    def _repair(self) -> None:
        try:
            self._database.check()
        except IndexDamaged:
            self._database.recreate()
            self.create()


def _keep(db: sqlite3.Connection, vectors: Mapping[bytes, NDArray[np.float32]], model: str) -> None:
    rows = [(sha, model, vector.astype("<f4").tobytes()) for sha, vector in vectors.items()]
    db.executemany("INSERT OR REPLACE INTO vectors (sha, model, vector) VALUES (?, ?, ?)", rows)


def _insert(db: sqlite3.Connection, indexed: Indexed, model: str, recipe: str) -> None:
    source = indexed.source
    lines = source.text.count("\n") + 1
    file_id = db.execute(
        "INSERT INTO files (path, sha, size, mtime_ns, read_ns, language, lines, recipe)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (source.path, source.sha, source.size, source.mtime_ns, indexed.read_ns, source.language, lines, recipe),
    ).lastrowid
    for piece in indexed.pieces:
        chunk = piece.chunk
        columns = chunk.start_line, chunk.end_line, chunk.symbol, chunk.kind, chunk.signature, chunk.doc, chunk.text
        chunk_id = db.execute(
            "INSERT INTO chunks (file_id, start_line, end_line, symbol, kind, signature, doc, text, vector)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (file_id, *columns, vector_sha(model, piece.embedded)),
        ).lastrowid
        row = _terms(source.path, chunk.symbol, chunk.signature, chunk.doc, chunk.text)
        db.execute("INSERT INTO terms (rowid, path, symbol, head, body) VALUES (?, ?, ?, ?, ?)", (chunk_id, *row))
    db.executemany(
        "INSERT INTO symbols (file_id, name, folded, qualified, kind, start_line, end_line, signature, doc)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (file_id, s.name, s.name.lower(), s.qualified, s.kind, s.start_line, s.end_line, s.signature, s.doc)
            for s in indexed.symbols
        ],
    )


def _forget(db: sqlite3.Connection, path: str) -> None:
    rows = db.execute(
        "SELECT c.id, f.path, c.symbol, c.signature, c.doc, c.text FROM chunks c JOIN files f ON f.id = c.file_id"
        " WHERE f.path = ?",
        (path,),
    ).fetchall()
    for chunk_id, *columns in rows:
        # A contentless full-text table takes a row out by the terms that were put in.
        row = (chunk_id, *_terms(*columns))
        db.execute("INSERT INTO terms (terms, rowid, path, symbol, head, body) VALUES ('delete', ?, ?, ?, ?, ?)", row)
    db.execute("DELETE FROM files WHERE path = ?", (path,))


def _terms(path: str, symbol: str, signature: str, doc: str, text: str) -> tuple[str, str, str, str]:
    return " ".join(split(path)), " ".join(split(symbol)), " ".join(split(f"{signature} {doc}")), " ".join(split(text))


def _changed(db: sqlite3.Connection, **meta: str) -> None:
    db.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation'")
    _set(db, updated=time.time(), **meta)


def _set(db: sqlite3.Connection, **meta: str | int | float) -> None:
    db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(meta.items()))
