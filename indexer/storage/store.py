"""Writes the index of one codebase: files, chunks, symbols, vectors and full text in one SQLite file.

Each batch is one transaction and raises the generation. Reading is in `snapshot`.
Does not know how chunks and vectors are made.
"""

import fcntl
import logging
import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TextIO

from indexer.errors import IndexDamaged, IndexFull, IndexStorage
from indexer.storage.database import IndexDatabase, cannot_write
from indexer.storage.full_text import FORGET_DELETED, ChunkTerms, CountCache, delete_terms, insert_terms, terms_of
from indexer.storage.schema import IN_SUBTREE, KEPT_GENERATIONS, TABLES, VERSION, subtree
from indexer.storage.snapshot import IndexedFile, Snapshot
from indexer.types import Chunk, Skip, Symbol

log = logging.getLogger(__name__)

_LOCK_POLL_S = 0.02
_UNPURGED = "unpurged"  # in `meta` while the files may still have bytes of what was deleted


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


class Store:
    """One codebase's index. Readers in any thread or process see whole transactions only."""

    def __init__(self, codebase_id: str, root: Path, file: Path) -> None:
        self.id = codebase_id
        self.root = root
        self._database = IndexDatabase(file, TABLES, VERSION)
        self._counts: CountCache = {}

    def __reduce__(self) -> tuple[Callable[[str, Path, Path], "Store"], tuple[str, Path, Path]]:
        """Pickled by its name: a worker process opens the database once."""
        return _shared, (self.id, self.root, self._database.file)

    def create(self) -> None:
        """Creates the index if there is none. A damaged file stays; the next job rebuilds it."""
        try:
            self._database.create()
            with self.read() as snapshot:
                epoch = snapshot.version[0]
        except IndexDamaged:
            return
        self._name_root()
        if not epoch:
            with self._database.writing() as db:
                new = {"epoch": secrets.token_hex(8), "generation": 0, "chunks": 0, "state": "empty", "indexed": 0.0}
                db.executemany("INSERT OR IGNORE INTO meta VALUES (?, ?)", list(new.items()))

    @property
    def vectors_file(self) -> Path:
        """Where a search may cache its vectors; deleted with the index."""
        return self._database.file.with_suffix(".vectors")

    @contextmanager
    def indexing(self, patience_s: float = 0.0) -> Iterator[None]:
        """The lock of the one job that changes this index, across processes. The system frees it if the job dies.

        Raises IndexStorage when another job keeps the lock for more than `patience_s`. Replaces a damaged index by an
        empty one first.
        """
        until = time.monotonic() + patience_s
        while (file := self._locked_file()) is None:
            if time.monotonic() >= until:
                raise IndexStorage(f"{self.root} is being indexed by another job: wait for that one")
            time.sleep(_LOCK_POLL_S)
        with file:
            self._repair()
            yield

    @contextmanager
    def read(self) -> Iterator[Snapshot]:
        """One state of the index, whatever is written meanwhile. Raises NotIndexed, IndexDamaged, IndexStorage."""
        with self._database.reading() as db:
            yield Snapshot(db, self._counts)

    def write(self, batch: Sequence[PreparedFile]) -> list[str]:
        """Inserts or replaces these files, in one transaction. Returns the paths of those that cannot be stored."""
        refused = []
        with self._database.writing() as db:
            added = 0
            for prepared in batch:
                added -= _delete(db, [prepared.file.path])
                if _can_insert(db, prepared):
                    added += len(prepared.chunks)
                else:
                    refused.append(prepared.file.path)
            _raise_generation(db, added, state="indexing")
        return refused

    def touch(self, files: Sequence[IndexedFile]) -> None:
        """Updates the stat of files whose bytes did not change."""
        if files:
            with self._database.writing() as db:
                rows = [(file.size, file.mtime_ns, file.read_ns, file.path) for file in files]
                db.executemany("UPDATE files SET size = ?, mtime_ns = ?, read_ns = ? WHERE path = ?", rows)

    def remove(self, paths: Sequence[str]) -> None:
        """Deletes these files, in one transaction."""
        if paths:
            with self._database.writing() as db:
                deleted = _delete(db, paths)
                _raise_generation(db, -deleted, state="indexing")

    def finish(self, skipped: Sequence[Skip], done: bool, only: Collection[str] | None = None) -> None:
        """Ends a job. One that is `done`, with all paths or `only` some, stores what it skipped there.

        What the job deleted is then gone from the bytes of the files. If a reader or a full disk prevents that, the
        next job does it.
        """
        with self._database.writing() as db:
            before = {row[0] for row in db.execute("SELECT path FROM skips")}
            files = db.execute("SELECT count(*) FROM files").fetchone()[0]
            _set_meta(db, state="ready" if files else "empty")
            db.execute(
                "DELETE FROM gone WHERE generation < (SELECT value - ? FROM meta WHERE key = 'generation')",
                (KEPT_GENERATIONS,),
            )
            if done and only is None:
                _set_meta(db, indexed=time.time())
                db.execute("DELETE FROM skips")
            if done:
                db.executemany(f"DELETE FROM skips WHERE {IN_SUBTREE}", map(subtree, only or ()))  # noqa: S608
                rows = [(skip.path, skip.reason, skip.version) for skip in skipped]
                db.executemany("INSERT OR REPLACE INTO skips VALUES (?, ?, ?)", rows)
                if before - {row[0] for row in db.execute("SELECT path FROM skips")}:
                    _set_meta(db, **{_UNPURGED: 1})
            is_unpurged = db.execute("SELECT 1 FROM meta WHERE key = ?", (_UNPURGED,)).fetchone()
        if is_unpurged:
            self._purge()

    def drop_vectors(self, chunk_ids: Sequence[int]) -> None:
        """Deletes damaged vectors and marks their files, so that the next job indexes these again."""
        with self._database.writing() as db:
            for chunk_id in chunk_ids:
                db.execute(
                    "UPDATE files SET recipe = '' WHERE id = (SELECT file_id FROM chunks WHERE id = ?)", (chunk_id,)
                )
                db.execute("DELETE FROM vectors WHERE chunk_id = ?", (chunk_id,))
            _raise_generation(db, 0)

    def replace_history(self, head: str, commits: Sequence[Sequence[str]]) -> None:
        """Stores which paths each commit up to `head` changed, youngest first, in place of the history before."""
        with self._database.writing() as db:
            db.execute("DELETE FROM changes")
            rows = ((path, age) for age, paths in enumerate(commits) for path in paths)
            db.executemany("INSERT OR IGNORE INTO changes VALUES (?, ?)", rows)
            _raise_generation(db, 0, head=head)

    def set_meta(self, key: str, value: str) -> None:
        """Stores a fact about the index. The generation stays: the content is the same."""
        with self._database.writing() as db:
            _set_meta(db, **{key: value})

    def delete(self) -> None:
        """Deletes the index with all its files. A job that waits for the lock finds it gone, and makes a new one."""
        with self.indexing():
            self._database.delete()
            for suffix in (".vectors", ".root", ".lock"):
                self._database.file.with_suffix(suffix).unlink(missing_ok=True)

    def close(self) -> None:
        self._database.close()

    def _name_root(self) -> None:
        """Writes the folder's name beside the database, unless it is there and unchanged."""
        file, name = self._database.file.with_suffix(".root"), str(self.root).encode("utf-8", "surrogateescape")
        try:
            if not file.exists() or file.read_bytes() != name:
                file.write_bytes(name)
        except OSError as error:
            raise cannot_write(file, error) from error

    def _purge(self) -> None:
        try:
            if self._database.purge(FORGET_DELETED):
                with self._database.writing() as db:
                    db.execute("DELETE FROM meta WHERE key = ?", (_UNPURGED,))
        except IndexFull as error:  # the job itself is done
            log.warning("text that was deleted from the index of %s may still be on the disk: %s", self.root, error)

    def _locked_file(self) -> TextIO | None:
        """The open lock file with its lock; None if a job has it, or has just deleted it with the index."""
        path = self._database.file.with_suffix(".lock")
        try:
            file = path.open("w")
        except OSError as error:
            raise cannot_write(path, error) from error
        if _try_lock(file) and _is_same(file, path):
            return file
        file.close()
        return None

    def _repair(self) -> None:
        try:
            self._database.check()
        except IndexDamaged:
            self._database.recreate()
            self.create()


@cache
def _shared(codebase_id: str, root: Path, file: Path) -> Store:
    return Store(codebase_id, root, file)


def _try_lock(file: TextIO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_same(file: TextIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _can_insert(db: sqlite3.Connection, prepared: PreparedFile) -> bool:
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


def _delete(db: sqlite3.Connection, paths: Sequence[str]) -> int:
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
            _set_meta(db, **{_UNPURGED: 1})
        chunks += len(rows)
    return chunks


def _raise_generation(db: sqlite3.Connection, chunks: int, **meta: str) -> None:
    """`chunks`: how many were added or, below 0, deleted. Counting millions anew takes longer than a search may."""
    db.execute("UPDATE meta SET value = value + 1 WHERE key = 'generation'")
    db.execute("UPDATE meta SET value = value + ? WHERE key = 'chunks'", (chunks,))
    _set_meta(db, **meta)


def _set_meta(db: sqlite3.Connection, **meta: str | int | float) -> None:
    db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", list(meta.items()))
