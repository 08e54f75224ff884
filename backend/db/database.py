"""The database of sessions: one writer, several readers, migrations at start.

All writes go through one thread with one connection: SQLite allows one writer at a time, and its older WAL code is
only safe with a single one that also checkpoints. Does not know what the tables mean.
"""

import asyncio
import json
import logging
import shutil
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session

from backend.config import BadSetting
from backend.data_folder import UnsafeDataFolder
from backend.db import reserve
from backend.db.wal import committed_frames
from backend.errors import ApiError, translate

log = logging.getLogger(__name__)

BUSY_MS = 2000  # how long a write waits for another program, from when it is requested: its client waits too
HURRIED_MS = 200  # the same while the server stops
CHECKED_BYTES = VACUUM_BYTES = 64_000_000  # a file up to this size is checked at start, and written anew by `purge`
PURGE_WAIT_S, PURGE_PAUSE_S, PURGE_TRIES = 0.5, 0.25, 240
T = TypeVar("T")


class Database:
    """Runs functions that take a `Session`, off the event loop, each in one short transaction."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        name = self.engine.url.database if self.engine.dialect.name == "sqlite" else None
        self._file = Path(name) if name and name != ":memory:" else None
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="db-writer")
        self._readers = ThreadPoolExecutor(4, thread_name_prefix="db-reader")
        self._is_hurried = False
        self._released_turns = 0  # whose space an end has set free and nothing has taken back; used by the writer only
        self._purge_lock = asyncio.Lock()  # one at a time, however many deletions wait
        self._purges: set[asyncio.Task[None]] = set()
        self._next_purge: asyncio.Task[None] | None = None  # has not begun
        self._is_log_due = False  # the last purge could not empty the log because of a reader

    def migrate(self) -> None:
        """Checks the file and brings the schema to the newest revision. Raises `BadSetting`."""
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
        if self._file and self._file.exists():
            self._warn_of_loss(self._file)
        try:
            if self._file and self._file.exists() and self._file.stat().st_size <= CHECKED_BYTES:
                with self.engine.connect() as connection:
                    result = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
                if result != "ok":
                    raise self.unusable(f"it is damaged: {result}")
            with self.engine.connect() as connection:
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
            if self._file:
                _empty_log(self.engine)  # a server that was killed left it
        except DatabaseError as error:
            raise self.unusable(error.orig) from None
        except CommandError as error:
            raise self.unusable(error) from None

    def _warn_of_loss(self, file: Path) -> None:
        """SQLite takes an empty file for a new database, and a damaged frame for the end of its log."""
        if not file.stat().st_size:
            log.warning(
                "the database %s is empty: it begins anew, without the conversations that it may have had", file
            )
        committed = committed_frames(Path(f"{file}-wal"))
        busy, found, _ = _run(self.engine, "PRAGMA wal_checkpoint(PASSIVE)") or (1, 0, 0)
        if not busy and max(found, 0) < committed:
            log.warning("the log of the database %s is damaged: what was stored last before a crash is lost", file)

    def unusable(self, why: object) -> BadSetting:
        """The error to raise at start if the database cannot be used."""
        url = self.engine.url.render_as_string(hide_password=True)
        return BadSetting(f"DATABASE_URL: the database {url} cannot be used: {why}")

    async def write(self, work: Callable[[Session], T]) -> T:
        """Runs `work`, commits, and returns its result. Rolls back if it raises. May run it a second time."""
        return await self._on_writer(self._write, work, time.monotonic(), False)

    async def write_end(self, work: Callable[[Session], T]) -> T:
        """As `write`. If the disk is full, it may use the space that `reserve` holds."""
        return await self._on_writer(self._write, work, time.monotonic(), True)

    async def write_reserved(self, work: Callable[[Session], T], turns: int = 0) -> T:
        """As `write`, once disk space is held for the ends of so many turns. Raises ApiError if there is none.

        0: for those of the open turns, whose other events must not use what one of the ends has set free.
        """
        return await self._on_writer(self._write_reserved, work, time.monotonic(), turns)

    async def read(self, work: Callable[[Session], T]) -> T:
        """Runs `work` and returns its result; nothing that it changes is stored."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._transaction, work, {})

    async def purge(self) -> None:
        """Removes what was deleted from the bytes of the file and its log.

        Callers that come while one runs share the next. While another program reads the old state, this goes on in
        the background.
        """
        if self._file:
            if self._next_purge is None:
                self._next_purge = asyncio.create_task(self._purge_until_done(), name="purge")
                self._purges.add(self._next_purge)
                self._next_purge.add_done_callback(self._purges.discard)
            await asyncio.wait([self._next_purge], timeout=PURGE_WAIT_S)

    def hurry(self) -> None:
        """From now on nothing waits long for another program: the server stops."""
        self._is_hurried = True

    def close(self) -> None:
        for task in self._purges:
            task.cancel()
        self._writer.shutdown()
        self._readers.shutdown()
        self.engine.dispose()

    @property
    def _reserve_file(self) -> Path:
        assert self._file is not None
        return self._file.with_name(f"{self._file.name}-reserve")

    async def _on_writer(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer, work, *arguments)

    def _write(self, work: Callable[[Session], T], requested_at: float, is_end: bool) -> T:
        def attempt() -> T:
            waited_ms = int(1000 * (time.monotonic() - requested_at))
            busy_ms = HURRIED_MS if self._is_hurried else max(0, BUSY_MS - waited_ms)
            return self._transaction(work, {"writing": True, "busy_ms": busy_ms})

        try:
            return attempt()
        except OperationalError as error:
            if not self._file or not _is_full(error):
                raise
        _empty_log(self.engine)  # the space that the log takes may be enough
        try:
            return attempt()
        except OperationalError as error:
            if not is_end or not _is_full(error) or not self._release():
                raise
        return attempt()

    def _release(self) -> bool:
        """Whether the reserve is free to use."""
        try:
            self._released_turns = reserve.release(self._reserve_file) or self._released_turns
        except (OSError, UnsafeDataFolder) as error:
            log.warning("the space for the ends of answers cannot be used: %s", error)
            return False
        return True

    def _write_reserved(self, work: Callable[[Session], T], requested_at: float, turns: int) -> T:
        if self._file and (turns := turns or self._released_turns):
            try:
                reserve.hold(self._reserve_file, turns)
                self._released_turns = 0
            except OSError as error:
                what = f"{self._reserve_file} cannot be used ({error.strerror}): check its permissions and the disk"
                raise translate(error) or ApiError("internal", what) from error
        return self._write(work, requested_at, False)

    def _transaction(self, work: Callable[[Session], T], options: dict[str, Any]) -> T:
        with (
            self.engine.connect().execution_options(**{"writing": False} | options) as connection,
            Session(connection, expire_on_commit=False) as session,
        ):
            result = work(session)
            if options.get("writing"):
                session.commit()
            return result  # a rollback here would expire the rows just read; closing does not

    async def _purge_until_done(self) -> None:
        async with self._purge_lock:
            self._next_purge = None  # what is deleted from here on needs another one
            is_new = False
            why = "another program reads the database"
            for _ in range(PURGE_TRIES):
                try:
                    is_new = await self._on_writer(self._purge, is_new)
                except OSError as error:
                    why = f"the database cannot be looked at ({error.strerror})"
                    break
                if is_new and not self._is_log_due:
                    return
                await asyncio.sleep(PURGE_PAUSE_S)
        log.warning("%s: text that was deleted may stay in its log until a restart", why)

    def _purge(self, is_new: bool) -> bool:
        """Writes the file anew, unless it `is_new`, and empties its log. Returns whether the file is new.

        `secure_delete` alone leaves a copy of one deleted row in about a thousand, where SQLite moved rows. While a
        reader keeps the log, each `VACUUM` would make it longer by the whole file.
        """
        assert self._file is not None
        if not is_new and not (self._is_log_due and not _empty_log(self.engine)):
            size = self._file.stat().st_size
            is_affordable = size <= VACUUM_BYTES and shutil.disk_usage(self._file.parent).free > 3 * size
            is_new = not is_affordable or _run(self.engine, "VACUUM") is not None
        self._is_log_due = not _empty_log(self.engine)
        return is_new


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        sqlite = parsed.get_backend_name() == "sqlite"
        if sqlite and parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        engine = create_engine(  # `hide_parameters`: no questions in logs
            parsed, pool_pre_ping=not sqlite, hide_parameters=True, json_deserializer=_parsed
        )
    except (ArgumentError, ImportError, OSError) as error:
        raise BadSetting(f"DATABASE_URL: {error}") from None
    if sqlite:
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _parsed(text: str) -> Any:
    """A stored JSON value. Raises DatabaseError where it is damaged."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise DatabaseError("", {}, sqlite3.DatabaseError(f"a stored value is malformed: {error}")) from error


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.create_function("lower", 1, _lower, deterministic=True)
    connection.isolation_level = None  # sqlite3 must not open transactions by itself: _begin_sqlite does
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "secure_delete=ON",
        "temp_store=MEMORY",
        f"busy_timeout={BUSY_MS}",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _lower(value: Any) -> Any:
    """SQLite's own knows only ASCII: a search for `über` would not find `Über`."""
    return value.casefold() if isinstance(value, str) else value


def _begin_sqlite(connection: Any) -> None:
    """A writer takes its lock at once: a read that becomes a write fails if another process wrote in between."""
    options = connection.get_execution_options()
    writing = options.get("writing", True)
    connection.exec_driver_sql(f"PRAGMA busy_timeout={options.get('busy_ms', BUSY_MS)}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _is_full(error: OperationalError) -> bool:
    return "disk is full" in str(error.orig)


def _empty_log(engine: Engine) -> bool:
    """Moves the log of the database into its file and cuts it to nothing. False if a reader still needs it."""
    row = _run(engine, "PRAGMA wal_checkpoint(TRUNCATE)")
    return row is not None and row[0] == 0


def _run(engine: Engine, statement: str) -> tuple[Any, ...] | None:
    """The first row of a statement outside a transaction, () if it has none; None if it fails.

    What is wrong with the file, the next transaction says.
    """
    try:
        with closing(engine.raw_connection()) as pooled:
            assert pooled.driver_connection is not None
            pooled.driver_connection.execute("PRAGMA busy_timeout=100").close()
            return pooled.driver_connection.execute(statement).fetchone() or ()
    except (sqlite3.Error, SQLAlchemyError) as error:
        log.debug("%s: %s", statement, error)
        return None
