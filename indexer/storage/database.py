"""One SQLite file: many readers in threads and processes, one writer at a time, rebuilt when damaged.

Knows connections, transactions and what SQLite's errors mean to a person; not what is in the tables.
"""

import errno
import logging
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from indexer.errors import IndexDamaged, IndexFull, IndexStorage, NotIndexed

log = logging.getLogger(__name__)

_BUSY_S = 3.0  # how long a writer waits for another process
_PURGE_BUSY_MS = 500  # how long `purge` waits for readers
_VACUUM_BYTES = 32_000_000  # a file up to this size is written anew by `purge`, in 0.3 s at most
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",  # a power cut may lose the last transactions, but never damages the file
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",  # deleted content is overwritten with zeros
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -16000",  # KiB
)
_CHECKED_BYTES = 60_000_000  # a file up to this size is checked in full once per process, in 0.5 s at most
Migration = Callable[[sqlite3.Connection, int], bool]  # in a transaction, from that version; False if it cannot
_DAMAGE_MARK = ".damaged"  # suffix of a file beside a damaged database: the next job rebuilds it
_MAX_IDLE = 8  # connections kept for the next reader

_DAMAGED = frozenset({"SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT"})
_DAMAGED_WORDS = (
    "malformed",
    "not a database",
    "Could not decode to UTF-8",
    "fts5: corruption",
    "invalid fts5",
    "no such ",  # a table or a column: the schema in the file is not the one that was created
    "has no column",
    "SQL logic error",
)
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_MEANING = {
    "SQLITE_FULL": "the disk is full: free some space and index again; nothing that was indexed is lost",
    "SQLITE_BUSY": "another process keeps it locked: wait until that one is done, or stop it",
    "SQLITE_LOCKED": "another connection keeps it locked: try again",
    "SQLITE_READONLY": "it may not be written: check the permissions of the folder",
    "SQLITE_CANTOPEN": "it cannot be opened: check the permissions of the folder",
    "SQLITE_IOERR": "the disk does not read or write it: check the disk",
}


@contextmanager
def _translated_errors(file: Path) -> Iterator[None]:
    """Raises sqlite3's errors as ours, which say what to do."""
    try:
        yield
    except UnicodeDecodeError as error:  # a message of SQLite, or a name in the schema, that is no text
        raise _marked_damaged(file, "it has text that is not UTF-8") from error
    except sqlite3.DatabaseError as error:
        name = "_".join((getattr(error, "sqlite_errorname", None) or "").split("_")[:2])
        if name in _DAMAGED or any(words in str(error) for words in _DAMAGED_WORDS):
            raise _marked_damaged(file, str(error)) from error
        kind = IndexFull if name == "SQLITE_FULL" else IndexStorage
        raise kind(f"the index {file.name} cannot be used: {_MEANING.get(name, str(error))}") from error


def _marked_damaged(file: Path, what: str) -> IndexDamaged:
    """The error to raise for damage that was found in use; the next job rebuilds the file."""
    with suppress(OSError):
        file.with_suffix(_DAMAGE_MARK).touch()
    return _damaged(file, what)


def _damaged(file: Path, what: str) -> IndexDamaged:
    return IndexDamaged(f"the index {file.name} is damaged ({what}): index again, it is rebuilt then")


def cannot_write(file: Path, error: OSError) -> IndexStorage:
    """The error to raise when a file beside the database cannot be written."""
    kind = IndexFull if error.errno in _NO_SPACE else IndexStorage
    return kind(f"{file.parent} cannot be written ({error.strerror}): check its permissions and the disk")


class IndexDatabase:
    """A file with a given schema. A damaged file or an unknown version raises `IndexDamaged` until `recreate`."""

    def __init__(
        self, file: Path, schema: str, version: int, can_migrate: Migration = lambda db, version: False
    ) -> None:
        self.file = file
        self._schema = schema
        self._version = version
        self._can_migrate = can_migrate
        self._write_lock = threading.Lock()
        self._idle_lock = threading.Lock()
        self._idle: list[tuple[int, sqlite3.Connection]] = []  # with the inode: a rebuilt file has another one
        self._checked = 0  # inode of the file that was checked
        self._is_log_due = False  # the log could not be emptied because of a reader

    def create(self) -> None:
        """Creates the file and its tables if there are none. Raises IndexDamaged for a file that is something else."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise cannot_write(self.file, error) from error
        with _translated_errors(self.file), closing(self._connect("rwc")) as db:
            if not _tables(db):
                db.execute("BEGIN IMMEDIATE")
                if not _tables(db):  # another process may have created them
                    for statement in filter(str.strip, self._schema.split(";\n")):
                        db.execute(statement)
                    db.execute(f"PRAGMA user_version = {self._version}")
                db.execute("COMMIT")
            self._check_version(db)

    def check(self) -> None:
        """Raises IndexDamaged when SQLite's check of the file fails, or damage was found in it before.

        The check runs once per file and process, and only on a small file: in a large one, damage is found in use.
        """
        if self.is_marked:
            raise _damaged(self.file, "as was found before")
        inode, size = self._stat()
        if inode == self._checked or size > _CHECKED_BYTES:
            return
        with self.reading() as db:
            result = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if result != "ok":
            raise _damaged(self.file, result)
        self._checked = inode

    @property
    def is_marked(self) -> bool:
        """Whether damage was found in it before."""
        return self.file.with_suffix(_DAMAGE_MARK).exists()

    def recreate(self) -> None:
        """Replaces the file by an empty index."""
        with self._write_lock:
            self.delete()
            self.create()

    def delete(self) -> None:
        self.close()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self.file}{suffix}").unlink(missing_ok=True)
        self.file.with_suffix(_DAMAGE_MARK).unlink(missing_ok=True)

    def close(self) -> None:
        """Closes idle connections; those in use close when they are given back."""
        with self._idle_lock:
            idle, self._idle = self._idle, []
        for _, db in idle:
            db.close()

    def purge(self, first: str) -> bool:
        """Removes what was deleted from the bytes of the file and its log, after the statement `first`.

        False if that is not done yet: a reader still sees the old state, or the disk is full. `secure_delete` alone
        leaves a copy of one deleted row in about a thousand, where SQLite moved rows between pages: a small file is
        written anew.
        """
        with _translated_errors(self.file), self._write_lock:
            inode, db = self._borrow()
            try:
                if self._is_log_due and not _empty_log(db, _PURGE_BUSY_MS):
                    return False  # else each try would make the log longer by the whole file
                db.execute(first)
                size = self._stat()[1]
                if size <= _VACUUM_BYTES and shutil.disk_usage(self.file.parent).free > 3 * size:
                    db.execute("VACUUM")
                self._is_log_due = not _empty_log(db, _PURGE_BUSY_MS)
            finally:
                self._give_back(inode, db)
            return not self._is_log_due

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that sees one state of the database until the block ends. Safe from any thread.

        Values that contradict each other, or have another type, fail somewhere in the block: then the file is checked.
        """
        with _translated_errors(self.file):
            inode, db = self._borrow()
            try:
                db.execute("BEGIN")
                yield db
            except (ArithmeticError, LookupError, TypeError, ValueError) as error:
                if found := _contradiction(db):
                    raise _marked_damaged(self.file, found) from error
                raise
            finally:
                with suppress(sqlite3.DatabaseError):  # do not hide the error of the block
                    db.execute("ROLLBACK")
                    if self._is_log_due:  # perhaps this was the reader that `purge` could not wait for
                        self._is_log_due = not _empty_log(db, 0)
                self._give_back(inode, db)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: committed when the block ends, rolled back when it raises. One at a time."""
        with _translated_errors(self.file), self._write_lock:
            inode, db = self._borrow()
            try:
                db.execute("BEGIN IMMEDIATE")
                yield db
                db.execute("COMMIT")
            finally:
                if db.in_transaction:  # not committed
                    with suppress(sqlite3.DatabaseError):
                        db.execute("ROLLBACK")
                self._give_back(inode, db)

    def _borrow(self) -> tuple[int, sqlite3.Connection]:
        inode, _ = self._stat()
        with self._idle_lock:
            while self._idle:
                opened, db = self._idle.pop()
                if opened == inode:
                    return inode, db
                db.close()
        db = self._connect("rw")
        try:
            self._check_version(db)
        except (sqlite3.DatabaseError, IndexDamaged):
            db.close()
            raise
        return inode, db

    def _give_back(self, inode: int, db: sqlite3.Connection) -> None:
        with self._idle_lock:
            if len(self._idle) < _MAX_IDLE and not db.in_transaction:
                self._idle.append((inode, db))
                return
        db.close()

    def _connect(self, mode: str) -> sqlite3.Connection:
        uri = f"{self.file.absolute().as_uri()}?mode={mode}"
        db = sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        try:
            for pragma in _PRAGMAS:
                db.execute(pragma)
        except sqlite3.DatabaseError:
            db.close()
            raise
        return db

    def _check_version(self, db: sqlite3.Connection) -> None:
        if db.execute("PRAGMA user_version").fetchone()[0] == self._version:
            return
        db.execute("BEGIN IMMEDIATE")
        found = db.execute("PRAGMA user_version").fetchone()[0]  # another process may have migrated it
        if found != self._version and not self._can_migrate(db, found):
            raise IndexDamaged(f"the index {self.file.name} was made by another version of Lantern: index again")
        db.execute(f"PRAGMA user_version = {self._version}")
        db.execute("COMMIT")

    def _stat(self) -> tuple[int, int]:
        try:
            info = self.file.stat()
        except OSError as error:
            raise NotIndexed(f"the index {self.file.name} is gone: index the codebase again") from error
        return info.st_ino, info.st_size


def _empty_log(db: sqlite3.Connection, wait_ms: int) -> bool:
    """Moves the log into the main file and cuts it to nothing; False if a reader needs it for longer than `wait_ms`."""
    db.execute(f"PRAGMA busy_timeout = {wait_ms}")
    try:
        return bool(db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
    except sqlite3.OperationalError as error:  # locked by a writer, or no space in the main file
        log.info("the log of an index could not be emptied: %s", error)
        return False
    finally:
        db.execute(f"PRAGMA busy_timeout = {int(_BUSY_S * 1000)}")


def _contradiction(db: sqlite3.Connection) -> str:
    """What is wrong with the content, by SQLite's own check and by the types of the columns; "" if nothing is."""
    result = str(db.execute("PRAGMA integrity_check(1)").fetchone()[0])
    if result != "ok":
        return result
    columns = db.execute(
        "SELECT m.name, c.name, lower(c.type) FROM sqlite_master m, pragma_table_info(m.name) c"
        " WHERE m.type = 'table' AND c.\"notnull\" AND c.type IN ('TEXT', 'INTEGER', 'BLOB')"
    ).fetchall()
    for table, column, kind in columns:
        if db.execute(f'SELECT 1 FROM "{table}" WHERE typeof("{column}") != ? LIMIT 1', (kind,)).fetchone():  # noqa: S608
            return f"{table}.{column} has a value that is not {kind}"
    return ""


def _tables(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])
