"""Theme tests of backend.db: whatever fails around a write, the question is refused in words, or its end is told."""

import asyncio
import errno
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from backend.chat import turns
from backend.data_folder import UnsafeDataFolder
from backend.db import database, reserve
from backend.db.database import Database
from models.scripted import ScriptedEngine
from tests.backend.harness import World, running
from tests.backend.test_storage_faults import LONG, TEXTS, Disk, statuses, streamed
from tests.processes import eventually

pytestmark = pytest.mark.process

CHAT = {"messages": [{"role": "user", "content": "now?"}], "model": "scripted+repo"}


async def refusals(world: World) -> list[tuple[str, str]]:
    """Code and message that a question gets on every face."""
    async with world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        answer = await socket.answer("session/prompt", session=session, turn="t", text="now?")
    replies = [
        await world.post("/chat/query", {"query": "now?"}),
        await world.post("/chat/query", {"query": "now?", "stream": True}),
        await world.post("/v1/chat/completions", CHAT),
        await world.post("/v1/chat/completions", CHAT | {"stream": True}),
    ]
    errors = [reply.json()["error"] for reply in replies]
    return [(error["code"], error["message"]) for error in errors] + [
        (answer["error"]["data"]["code"], answer["error"]["message"])
    ]


async def test_a_link_in_place_of_the_reserve_is_said_in_every_face(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder := tmp_path / "elsewhere").mkdir()
    (victim := tmp_path / "victim").write_text("precious")
    (folder / "x.db-reserve").symlink_to(victim)
    url = f"sqlite:///{folder / 'x.db'}"
    async with running(tmp_path / "data", ScriptedEngine(TEXTS), database_url=url) as world:
        refused = await refusals(world)
        assert await statuses(world) == []
    assert {code for code, _ in refused} == {"internal"}
    assert all(message.startswith(f"{folder}/x.db-reserve is not a regular file") for _, message in refused)
    assert "Traceback" not in caplog.text
    assert victim.read_text() == "precious"


async def test_a_reserve_that_may_not_be_written_is_said_in_every_face(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def denied(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    async with running(tmp_path, ScriptedEngine(TEXTS)) as world:
        monkeypatch.setattr(reserve, "open_own", denied)
        refused = await refusals(world)
    assert {code for code, _ in refused} == {"internal"}
    assert all("lantern.db-reserve cannot be used (Permission denied)" in message for _, message in refused)
    assert "Traceback" not in caplog.text


async def test_what_an_end_has_set_free_is_taken_back_before_an_open_turn_stores_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    file, engine = tmp_path / "lantern.db-reserve", ScriptedEngine(LONG, stall_after=1)
    async with running(tmp_path, engine, queue_limit=20) as world:
        began = asyncio.Event()
        first = asyncio.create_task(streamed(world, {"query": "one?"}, began))
        await began.wait()
        others = [asyncio.create_task(world.post("/chat/query", {"query": "?"})) for _ in range(15)]
        await eventually(lambda: world.services.turns.load == 16)
        world.services.database._release()
        await world.services.database.write_reserved(lambda _: None)
        assert file.stat().st_size == 16 * reserve.TURN_BYTES
        world.services.database._release()
        with monkeypatch.context() as disk:
            disk.setattr(os, "posix_fallocate", full, raising=False)
            engine.go_on.set()
            end = (await first)[-1]
            await asyncio.gather(*others)
        assert (end["reason"], end["error"]["code"], "seq" in end) == ("error", "storage_full", True)
        assert file.stat().st_size == 0
        assert (await world.post("/chat/query", {"query": "after?"})).status_code == 200


async def test_a_reserve_that_cannot_be_given_back_leaves_the_end_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    engine, began = ScriptedEngine(LONG, stall_after=1), asyncio.Event()
    (victim := tmp_path / "victim").write_text("precious")
    async with running(tmp_path, engine) as world:
        disk = Disk(world)
        asked = asyncio.create_task(streamed(world, {"query": "one?"}, began))
        await began.wait()
        (tmp_path / "lantern.db-reserve").unlink()
        (tmp_path / "lantern.db-reserve").symlink_to(victim)
        with disk.full(lambda: -1):
            engine.go_on.set()
            end = (await asked)[-1]
        await eventually(lambda: not world.services.turns._late_ends)
        assert [status for status, _ in await statuses(world)] == ["error"]
    assert (end["type"], end["reason"], end["error"]["code"]) == ("end", "error", "storage_full")
    assert "the space for the ends of answers cannot be used" in caplog.text
    assert "Traceback" not in caplog.text
    assert victim.read_text() == "precious"


@pytest.mark.parametrize(
    "error", [UnsafeDataFolder("a link"), sqlite3.DatabaseError("malformed"), ValueError("no JSON"), RuntimeError("x")]
)
async def test_an_end_that_cannot_be_stored_is_told_whatever_the_reason(
    tmp_path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns, "TELL_S", 0)
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world:
        write_end, failures = world.services.database.write_end, [error]

        async def fails_once(work: Callable[[Session], Any]) -> Any:
            if failures:
                raise failures.pop()
            return await write_end(work)

        monkeypatch.setattr(world.services.database, "write_end", fails_once)
        async with asyncio.timeout(20):
            end = (await streamed(world, {"query": "one?"}))[-1]
        await eventually(lambda: not world.services.turns._late_ends)
        assert await statuses(world) == [("error", "".join(TEXTS))]
    assert (end["type"], end["reason"], end["error"]["code"]) == ("end", "error", "internal")


@pytest.mark.parametrize(
    "error", [sqlite3.DatabaseError("database disk image is malformed"), sqlite3.OperationalError("unable to open")]
)
def test_a_log_that_cannot_be_emptied_is_no_error_of_its_own(
    tmp_path: Path, error: sqlite3.Error, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise error

    db = Database(f"sqlite:///{tmp_path / 'lantern.db'}")
    db.migrate()
    monkeypatch.setattr(db.engine, "raw_connection", fails)
    assert not database._empty_log(db.engine)
    db.close()
