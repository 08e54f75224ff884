"""The database of sessions: one writer, several readers, migrations at start.

All writes go through one thread with one connection: SQLite allows one writer at a time, and its older WAL code is
only safe with a single one that also checkpoints. Does not know what the tables mean.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from backend.config import BadSetting

BUSY_MS = 5000
T = TypeVar("T")


class Database:
    """Runs functions that take a `Session`, off the event loop, each in one short transaction."""

    def __init__(self, url: str) -> None:
        self.engine = _engine(url)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="db-writer")
        self._readers = ThreadPoolExecutor(4, thread_name_prefix="db-reader")

    def migrate(self) -> None:
        """Brings the schema to the newest revision."""
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
        with self.engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    async def write(self, work: Callable[[Session], T]) -> T:
        """Runs `work`, commits, and returns its result. Rolls back if it raises."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, self._transaction, work, True)

    async def read(self, work: Callable[[Session], T]) -> T:
        """Runs `work` and returns its result; nothing that it changes is stored."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, self._transaction, work, False)

    def _transaction(self, work: Callable[[Session], T], writing: bool) -> T:
        with (
            self.engine.connect().execution_options(writing=writing) as connection,
            Session(connection, expire_on_commit=False) as session,
        ):
            result = work(session)
            if writing:
                session.commit()
            return result  # a rollback here would expire the rows just read; closing does not

    def close(self) -> None:
        self._writer.shutdown()
        self._readers.shutdown()
        self.engine.dispose()


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        sqlite = parsed.get_backend_name() == "sqlite"
        if sqlite and parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        engine = create_engine(parsed, pool_pre_ping=not sqlite)
    except (ArgumentError, ImportError, OSError) as error:
        raise BadSetting(f"DATABASE_URL: {error}") from None
    if sqlite:
        event.listen(engine, "connect", _configure_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # sqlite3 must not open transactions by itself: _begin_sqlite does
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "secure_delete=ON",
        f"busy_timeout={BUSY_MS}",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Any) -> None:
    """A writer takes its lock at once: a read that becomes a write fails if another process wrote in between."""
    writing = connection.get_execution_options().get("writing", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
