"""The database: what is deleted is gone from its bytes, a damaged one is refused, and errors quote no text."""

import asyncio
import logging
import re
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import Session

from backend.config import BadSetting
from backend.db import conversations, database
from backend.db.database import Database
from backend.db.tables import TurnRow
from backend.errors import translate
from backend.wiring import build_services
from tests.backend.harness import settings_in
from tests.processes import eventually


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'lantern.db'}")
    opened.migrate()
    yield opened
    opened.close()


def planted(folder: Path) -> set[bytes]:
    """The planted words in the bytes of all files."""
    return {word for file in folder.iterdir() for word in re.findall(rb"planted\w+", file.read_bytes())}


def ask(db: Session, words: str) -> str:
    session = conversations.open_session(db, None, None, None)
    row, _ = conversations.accept(db, session.id, None, "t", f"planted{words} " * 300)
    conversations.finish(db, row, "stop", spoken=[f"plantedspoken{words}"])
    return row.conversation_id


async def test_what_is_deleted_is_gone_from_all_bytes(db: Database, tmp_path: Path) -> None:
    ids = [await db.write(lambda s, n=n: ask(s, f"q{n}")) for n in range(30)]  # type: ignore[misc]
    assert len(planted(tmp_path)) == 60
    await db.write(lambda s: conversations.clear(s, ids[:29]))
    await db.purge()
    assert planted(tmp_path) == {b"plantedq29", b"plantedspokenq29"}
    await db.write(lambda s: conversations.clear(s, ids))
    await db.purge()
    assert planted(tmp_path) == set()


async def test_a_reader_of_another_program_delays_that_until_it_leaves(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PURGE_WAIT_S", 0.01)
    conversation = await db.write(lambda s: ask(s, "q"))
    other = sqlite3.connect(tmp_path / "lantern.db", isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM turns").fetchone()
    await db.write(lambda s: conversations.clear(s, [conversation]))
    await db.purge()
    assert planted(tmp_path)
    other.execute("ROLLBACK")
    other.close()
    await eventually(lambda: not planted(tmp_path))


async def test_while_another_program_reads_a_purge_writes_the_file_anew_once(
    db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each of 240 tries made the log longer by the whole file."""
    monkeypatch.setattr(database, "PURGE_WAIT_S", 60)
    monkeypatch.setattr(database, "PURGE_PAUSE_S", 0)
    monkeypatch.setattr(database, "PURGE_TRIES", 3)
    ids = [await db.write(lambda s, n=n: ask(s, f"q{n}")) for n in range(100)]  # type: ignore[misc]
    await db.purge()
    size = (tmp_path / "lantern.db").stat().st_size
    other = sqlite3.connect(tmp_path / "lantern.db", isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM turns").fetchone()
    for conversation in ids[:2]:
        await db.write(lambda s, id_=conversation: conversations.clear(s, [id_]))  # type: ignore[misc]
        await db.purge()
    assert caplog.text.count("another program reads the database") == 2
    assert size < (tmp_path / "lantern.db-wal").stat().st_size < 2 * size
    other.execute("ROLLBACK")
    other.close()
    await db.write(lambda s: conversations.clear(s, ids))
    await db.purge()
    assert planted(tmp_path) == set()


async def test_deletions_that_wait_share_one_purge_and_no_write_waits_for_two(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PURGE_WAIT_S", 60)
    order: list[str] = []
    goes_on, vacuum = threading.Event(), database._run

    def run(engine: Engine, statement: str) -> Any:
        if statement == "VACUUM":
            order.append("purge begins")
            goes_on.wait(60)
        return vacuum(engine, statement)

    async def delete() -> None:
        await db.purge()
        order.append("deleted")

    monkeypatch.setattr(database, "_run", run)
    first = asyncio.create_task(delete())
    await eventually(lambda: order)
    deletions = [asyncio.create_task(delete()) for _ in range(5)]
    written = asyncio.create_task(db.write(lambda _: order.append("written")))
    await asyncio.sleep(0)  # all of them have begun
    goes_on.set()
    await asyncio.gather(first, written, *deletions)
    assert (order[0], order.count("purge begins"), order.count("deleted")) == ("purge begins", 2, 6)
    second = order.index("purge begins", 1)
    assert "written" in order[:second]
    assert order[second:].count("deleted") >= 5


async def test_what_a_killed_server_left_in_the_log_is_gone_after_the_next_start(tmp_path: Path) -> None:
    killed = Database(f"sqlite:///{tmp_path / 'lantern.db'}")
    killed.migrate()
    conversation = await killed.write(lambda s: ask(s, "q"))
    await killed.write(lambda s: conversations.clear(s, [conversation]))
    assert planted(tmp_path)
    again = Database(f"sqlite:///{tmp_path / 'lantern.db'}")
    again.migrate()
    assert planted(tmp_path) == set()
    again.close()
    killed.close()


async def test_an_error_and_its_log_quote_no_question(db: Database, caplog: pytest.LogCaptureFixture) -> None:
    def fails(s: Session) -> None:
        s.connection().exec_driver_sql("INSERT INTO nowhere VALUES (?)", ("planted".upper(),))

    with pytest.raises(OperationalError) as caught:
        await db.write(fails)
    logging.getLogger("backend").error("failed", exc_info=caught.value)
    assert "no such table: nowhere" in caplog.text
    assert "PLANTED" not in caplog.text + str(caught.value)


@pytest.mark.parametrize("damage", ["page", "version", "json"])
async def test_a_damaged_database_stops_the_start_with_its_name(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "lantern.db"
    sound = Database(f"sqlite:///{file}")
    sound.migrate()
    for number in range(30):
        await sound.write(lambda s, n=number: ask(s, f"q{n}"))  # type: ignore[misc]
    sound.close()
    if damage == "page":
        data = bytearray(file.read_bytes())
        for start in range(4096 * 5, len(data), 4096 * 3):
            data[start : start + 12] = b"\xa5" * 12
        file.write_bytes(data)
    else:
        with sqlite3.connect(file) as other:
            if damage == "version":
                other.execute("UPDATE alembic_version SET version_num = '0\x07'")
            else:
                other.execute("UPDATE turns SET status = 'open', usage = '{\x01'")
        other.close()
    with pytest.raises(BadSetting, match=r"lantern\.db cannot be used: "):
        async with build_services(settings_in(tmp_path)):
            pass


@pytest.mark.parametrize(
    ("says", "code", "words"),
    [
        ("database or disk is full", "storage_full", "free some space"),
        ("database is locked", "internal", "locked by another program"),
        ("attempt to write a readonly database", "internal", "cannot be written"),
        ("unable to open database file", "internal", "cannot be opened"),
        ("disk I/O error", "internal", "check the disk"),
        ("database disk image is malformed", "internal", "is damaged"),
        ("Could not decode to UTF-8 column 'question'", "internal", "is damaged"),
    ],
)
def test_what_sqlite_says_is_translated(says: str, code: str, words: str) -> None:
    error = translate(OperationalError("SELECT", {}, sqlite3.OperationalError(says)))
    assert error is not None
    assert (error.code.name, words in error.message) == (code, True)


def test_an_empty_file_is_a_database_that_begins_anew_with_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "lantern.db"
    for _ in range(2):  # the second time it has its tables
        file.touch()
        Database(f"sqlite:///{file}").migrate()
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        f"the database {file} is empty: it begins anew, without the conversations that it may have had"
    ]


async def test_a_stored_value_that_is_damaged_is_said(db: Database) -> None:
    await db.write(lambda s: ask(s, "q"))
    await db.write(lambda s: s.execute(text("UPDATE turns SET sources = '[{' || 'x'")))
    with pytest.raises(DatabaseError) as raised:
        await db.read(lambda s: s.execute(select(TurnRow)).scalars().all())
    told = translate(raised.value)
    assert told is not None
    assert told.message == "the database is damaged: restore a copy of it, or remove it"
