"""The truth about one codebase: its files, chunks, symbols, vectors and full-text index in one SQLite file.

Every write of a batch is one transaction and raises the generation. Reading is `snapshot`'s part.
Does not know how chunks and vectors are made.
"""

import fcntl
import secrets
import sqlite3
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from indexer.errors import IndexDamaged, IndexStorage
from indexer.parsing.identifiers import TERMS, split
from indexer.storage.database import IndexDatabase, cannot_write
from indexer.storage.snapshot import REMEMBERED, Counted, IndexedFile, Snapshot
from indexer.types import Chunk, Skip, Symbol

SCHEMA = 5
_VERSION = SCHEMA * 1000 + TERMS  # the full-text rows can only be taken out by the terms they were put in with

_LOOK_AGAIN_S = 0.02

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE files (
  id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, sha TEXT NOT NULL, size INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL, read_ns INTEGER NOT NULL, recipe TEXT NOT NULL, language TEXT NOT NULL);
CREATE TABLE chunks (
  id INTEGER PRIMARY KEY AUTOINCREMENT, file_id INTEGER NOT NULL REFERENCES files ON DELETE CASCADE,
  start_line INTEGER NOT NULL, end_line INTEGER NOT NULL, symbol TEXT NOT NULL, kind TEXT NOT NULL,
  signature TEXT NOT NULL, doc TEXT NOT NULL, text TEXT NOT NULL);
CREATE INDEX chunks_by_file ON chunks (file_id);
CREATE TABLE vectors (
  chunk_id INTEGER PRIMARY KEY REFERENCES chunks ON DELETE CASCADE, model TEXT NOT NULL, vector BLOB NOT NULL,
  key BLOB NOT NULL);
CREATE TABLE gone (generation INTEGER NOT NULL, chunk_id INTEGER NOT NULL, PRIMARY KEY (generation, chunk_id))
  WITHOUT ROWID;
CREATE TRIGGER vector_goes AFTER DELETE ON vectors BEGIN
  INSERT INTO gone SELECT value + 1, old.chunk_id FROM meta WHERE key = 'generation'; END;
CREATE TABLE symbols (
  id INTEGER PRIMARY KEY, file_id INTEGER NOT NULL REFERENCES files ON DELETE CASCADE,
  name TEXT NOT NULL, folded TEXT NOT NULL, qualified TEXT NOT NULL, kind TEXT NOT NULL,
  start_line INTEGER NOT NULL, end_line INTEGER NOT NULL, signature TEXT NOT NULL, doc TEXT NOT NULL);
CREATE INDEX symbols_by_file ON symbols (file_id);
CREATE INDEX symbols_by_name ON symbols (folded);
CREATE TABLE changes (path TEXT NOT NULL, age INTEGER NOT NULL, PRIMARY KEY (path, age)) WITHOUT ROWID;
CREATE TABLE skips (path TEXT PRIMARY KEY, reason TEXT NOT NULL) WITHOUT ROWID;
CREATE VIRTUAL TABLE terms USING fts5 (
  path, symbol, head, body, content='', tokenize="unicode61 remove_diacritics 0 tokenchars '_'");
INSERT INTO terms (terms, rank) VALUES ('hashsize', 16000000);
CREATE VIRTUAL TABLE vocabulary USING fts5vocab (terms, row);
"""


Terms = tuple[str, str, str, str]  # of a chunk: of its path, its symbol, its signature and doc, its text


@dataclass(frozen=True, slots=True)
class Indexed:
    """All that one file brings into the index. `terms`, `vectors` and `keys` have a row for each chunk."""

    file: IndexedFile
    language: str
    chunks: tuple[Chunk, ...]
    symbols: tuple[Symbol, ...]
    terms: tuple[Terms, ...]
    model: str  # that made the vectors
    vectors: tuple[bytes, ...]  # as `codes.pack` gives them
    keys: tuple[bytes, ...]  # names of the chunks' embedded texts, for vectors that are made later


def terms_of(path: str, symbol: str, signature: str, doc: str, text: str) -> Terms:
    """What the full-text index holds of a chunk."""
    return " ".join(split(path)), " ".join(split(symbol)), " ".join(split(f"{signature} {doc}")), " ".join(split(text))


class Store:
    """One codebase's index. Readers of any thread or process see whole transactions only."""

    def __init__(self, codebase_id: str, root: Path, file: Path) -> None:
        self.id = codebase_id
        self.root = root
        self._database = IndexDatabase(file, _TABLES, _VERSION)
        self._counted: Counted = {}

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
                new = {"epoch": secrets.token_hex(8), "generation": 0, "chunks": 0, "state": "empty", "indexed": 0.0}
                db.executemany("INSERT OR IGNORE INTO meta VALUES (?, ?)", list(new.items()))

    @property
    def vectors_file(self) -> Path:
        """Where a search may keep its vectors; goes with the index."""
        return self._database.file.with_suffix(".vectors")

    @contextmanager
    def indexing(self, patience_s: float = 0.0) -> Iterator[None]:
        """Held by the one job that changes this index, over all processes; freed by the system if that one dies.

        Raises IndexStorage when another job has it for more than `patience_s`. A damaged index is rebuilt empty first.
        """
        until = time.monotonic() + patience_s
        with self._lock_file() as file:
            while not _locked(file):
                if time.monotonic() >= until:
                    raise IndexStorage(f"{self.root} is being indexed by another job: wait for that one")
                time.sleep(_LOOK_AGAIN_S)
            self._repair()
            yield

    @contextmanager
    def read(self) -> Iterator[Snapshot]:
        """One state of the index, whatever is written meanwhile. Raises NotIndexed, IndexDamaged, IndexStorage."""
        with self._database.reading() as db:
            yield Snapshot(db, self._counted)

    def write(self, batch: Sequence[Indexed]) -> None:
        """Replaces these files, in one transaction."""
        with self._database.writing() as db:
            more = 0
            for indexed in batch:
                more += len(indexed.chunks) - _forget(db, indexed.file.path)
                _insert(db, indexed)
            _changed(db, more, state="indexing")

    def touch(self, files: Sequence[IndexedFile]) -> None:
        """Takes over the stat of files whose bytes did not change."""
        if files:
            with self._database.writing() as db:
                rows = [(file.size, file.mtime_ns, file.read_ns, file.path) for file in files]
                db.executemany("UPDATE files SET size = ?, mtime_ns = ?, read_ns = ? WHERE path = ?", rows)

    def remove(self, paths: Sequence[str]) -> None:
        """Takes these files out, in one transaction."""
        if paths:
            with self._database.writing() as db:
                gone = sum(_forget(db, path) for path in paths)
                _changed(db, -gone, state="indexing")

    def finish(self, skipped: Sequence[Skip], done: bool, only: Collection[str] | None = None) -> None:
        """Ends a job; one that saw everything, or `only` some paths, keeps what it left out there."""
        with self._database.writing() as db:
            files = db.execute("SELECT count(*) FROM files").fetchone()[0]
            _set(db, state="ready" if files else "empty")
            db.execute(
                "DELETE FROM gone WHERE generation < (SELECT value - ? FROM meta WHERE key = 'generation')",
                (REMEMBERED,),
            )
            if done and only is None:
                _set(db, indexed=time.time())
            if done:
                places = [("", "", "\U0010ffff")] if only is None else [(path, f"{path}/", f"{path}0") for path in only]
                db.executemany("DELETE FROM skips WHERE path = ? OR path > ? AND path < ?", places)
                rows = [(skip.path, skip.reason) for skip in skipped]
                db.executemany("INSERT OR REPLACE INTO skips VALUES (?, ?)", rows)

    def drop_vectors(self, chunk_ids: Sequence[int]) -> None:
        """Forgets vectors that turned out damaged and marks their files: the next index makes them again."""
        with self._database.writing() as db:
            for chunk_id in chunk_ids:
                db.execute(
                    "UPDATE files SET recipe = '' WHERE id = (SELECT file_id FROM chunks WHERE id = ?)", (chunk_id,)
                )
                db.execute("DELETE FROM vectors WHERE chunk_id = ?", (chunk_id,))
            _changed(db, 0)

    def remember(self, head: str, commits: Sequence[Sequence[str]]) -> None:
        """Keeps what the commits before `head` changed, youngest first, instead of what was known of them."""
        with self._database.writing() as db:
            db.execute("DELETE FROM changes")
            rows = ((path, age) for age, paths in enumerate(commits) for path in paths)
            db.executemany("INSERT OR IGNORE INTO changes VALUES (?, ?)", rows)
            _changed(db, 0, head=head)

    def note(self, key: str, value: str) -> None:
        """Keeps a fact about the index in its meta; the content does not change by it."""
        with self._database.writing() as db:
            _set(db, **{key: value})

    def delete(self) -> None:
        """Deletes the index. The empty lock file stays: a job may be waiting for it."""
        with self.indexing():
            self._database.delete()
            self.vectors_file.unlink(missing_ok=True)

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


def _locked(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _insert(db: sqlite3.Connection, indexed: Indexed) -> None:
    file = indexed.file
    file_id = db.execute(
        "INSERT INTO files (path, sha, size, mtime_ns, read_ns, recipe, language) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (file.path, file.sha, file.size, file.mtime_ns, file.read_ns, file.recipe, indexed.language),
    ).lastrowid
    rows = zip(indexed.chunks, indexed.terms, indexed.vectors, indexed.keys, strict=True)
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
        db.execute("INSERT INTO terms (rowid, path, symbol, head, body) VALUES (?, ?, ?, ?, ?)", (chunk_id, *terms))
        db.execute(
            "INSERT INTO vectors (chunk_id, model, vector, key) VALUES (?, ?, ?, ?)",
            (chunk_id, indexed.model, vector, key),
        )
    db.executemany(
        "INSERT INTO symbols (file_id, name, folded, qualified, kind, start_line, end_line, signature, doc)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (file_id, s.name, s.name.lower(), s.qualified, s.kind, s.start_line, s.end_line, s.signature, s.doc)
            for s in indexed.symbols
        ],
    )


def _forget(db: sqlite3.Connection, path: str) -> int:
    """How many chunks went."""
    rows = db.execute(
        "SELECT c.id, f.path, c.symbol, c.signature, c.doc, c.text FROM chunks c JOIN files f ON f.id = c.file_id"
        " WHERE f.path = ?",
        (path,),
    ).fetchall()
    for chunk_id, *columns in rows:
        # A contentless full-text table takes a row out by the terms that were put in.
        row = (chunk_id, *terms_of(*columns))
        db.execute("INSERT INTO terms (terms, rowid, path, symbol, head, body) VALUES ('delete', ?, ?, ?, ?, ?)", row)
    db.execute("DELETE FROM files WHERE path = ?", (path,))
    return len(rows)


def _changed(db: sqlite3.Connection, chunks: int, **meta: str) -> None:
    """`chunks`: how many more there are now; counting millions anew takes longer than a search may."""
    db.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation'")
    db.execute("UPDATE meta SET value = value + ? WHERE key = 'chunks'", (chunks,))
    _set(db, **meta)


def _set(db: sqlite3.Connection, **meta: str | int | float) -> None:
    db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(meta.items()))
