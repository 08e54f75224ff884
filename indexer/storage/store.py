"""Writes the index of one codebase: files, chunks, symbols, vectors and full text in one SQLite file.

Each batch is one transaction and raises the generation. Reading is in `snapshot`.
Does not know how chunks and vectors are made.
"""

import fcntl
import logging
import os
import secrets
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from indexer.errors import IndexDamaged, IndexerError, IndexStorage
from indexer.storage.database import IndexDatabase, cannot_write
from indexer.storage.full_text import FORGET_DELETED, CountCache
from indexer.storage.migration import can_migrate
from indexer.storage.rows import UNPURGED, PreparedFile, can_insert, delete, raise_generation, set_meta
from indexer.storage.schema import IN_SUBTREE, KEPT_GENERATIONS, TABLES, VERSION, subtree
from indexer.storage.snapshot import IndexedFile, Snapshot
from indexer.types import Skip

log = logging.getLogger(__name__)

_LOCK_POLL_S = 0.02
_INSERT_SKIP = "INSERT OR REPLACE INTO skips VALUES (?, ?, ?)"


class Store:
    """One codebase's index. Readers in any thread or process see whole transactions only."""

    def __init__(self, codebase_id: str, root: Path, file: Path) -> None:
        self.id = codebase_id
        self.root = root
        self._database = IndexDatabase(file, TABLES, VERSION, can_migrate)
        self._counts: CountCache = {}

    def __reduce__(self) -> tuple[Callable[[str, Path, Path], "Store"], tuple[str, Path, Path]]:
        """Pickled by its name: a worker process opens the database itself."""
        return Store, (self.id, self.root, self._database.file)

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

    @property
    def is_damaged(self) -> bool:
        """Whether damage was found in its file; the next job rebuilds it."""
        return self._database.is_marked

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

    def write(self, batch: Sequence[PreparedFile], skipped: Sequence[Skip] = ()) -> list[str]:
        """Inserts or replaces these files, in one transaction. Returns the paths of those that cannot be stored.

        `skipped` are stored at once, and what the index has of them is deleted: they would cost the next job too much.
        """
        refused = []
        with self._database.writing() as db:
            added = -delete(db, [skip.path for skip in skipped])
            db.executemany(_INSERT_SKIP, map(_row, skipped))
            for prepared in batch:
                added -= delete(db, [prepared.file.path])
                if can_insert(db, prepared):
                    added += len(prepared.chunks)
                else:
                    refused.append(prepared.file.path)
            raise_generation(db, added, state="indexing")
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
                deleted = delete(db, paths)
                raise_generation(db, -deleted, state="indexing")

    def finish(self, skipped: Sequence[Skip], done: bool, only: Collection[str] | None = None) -> None:
        """Ends a job. One that is `done`, with all paths or `only` some, stores what it skipped there."""
        with self._database.writing() as db:
            before = {row[0] for row in db.execute("SELECT path FROM skips")}
            files = db.execute("SELECT count(*) FROM files").fetchone()[0]
            set_meta(db, state="ready" if files else "empty")
            db.execute(
                "DELETE FROM gone WHERE generation < (SELECT value - ? FROM meta WHERE key = 'generation')",
                (KEPT_GENERATIONS,),
            )
            if done and only is None:
                set_meta(db, indexed=time.time())
                db.execute("DELETE FROM skips")
            if done:
                db.executemany(f"DELETE FROM skips WHERE {IN_SUBTREE}", map(subtree, only or ()))  # noqa: S608
                db.executemany(_INSERT_SKIP, map(_row, skipped))
                if before - {row[0] for row in db.execute("SELECT path FROM skips")}:
                    set_meta(db, **{UNPURGED: time.time_ns()})

    def purge(self) -> bool:
        """Removes what was deleted from the bytes of the files, which are written anew for it.

        False if a reader, another job or a full disk prevents it: a later call does it.
        """
        if not self._database.file.exists():
            return True
        try:
            with self.read() as snapshot:
                deleted_at = snapshot.meta().get(UNPURGED)
            if deleted_at is None:
                return True
            if not self._database.purge(FORGET_DELETED):
                return False
            with self._database.writing() as db:  # unless more was deleted meanwhile
                db.execute("DELETE FROM meta WHERE key = ? AND value = ?", (UNPURGED, deleted_at))
        except IndexerError as error:
            log.warning("text that was deleted from the index of %s may still be on the disk: %s", self.root, error)
            return False
        return True

    def drop_vectors(self, chunk_ids: Sequence[int]) -> None:
        """Deletes damaged vectors and marks their files, so that the next job indexes these again."""
        with self._database.writing() as db:
            for chunk_id in chunk_ids:
                db.execute(
                    "UPDATE files SET recipe = '' WHERE id = (SELECT file_id FROM chunks WHERE id = ?)", (chunk_id,)
                )
                db.execute("DELETE FROM vectors WHERE chunk_id = ?", (chunk_id,))
            raise_generation(db, 0)

    def replace_history(self, head: str, commits: Sequence[Sequence[str]]) -> None:
        """Stores which paths each commit up to `head` changed, youngest first, in place of the history before."""
        with self._database.writing() as db:
            db.execute("DELETE FROM changes")
            rows = ((path, age) for age, paths in enumerate(commits) for path in paths)
            db.executemany("INSERT OR IGNORE INTO changes VALUES (?, ?)", rows)
            raise_generation(db, 0, head=head)

    def set_meta(self, key: str, value: str) -> None:
        """Stores a fact about the index. The generation stays: the content is the same."""
        with self._database.writing() as db:
            set_meta(db, **{key: value})

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
        with self._database.writing() as db:
            if "version" not in {column[1] for column in db.execute("PRAGMA table_info(skips)")}:  # of release 0.2
                db.execute("ALTER TABLE skips ADD COLUMN version TEXT NOT NULL DEFAULT ''")


def _row(skip: Skip) -> tuple[str, str, str]:
    return skip.path, skip.reason, skip.version


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
