"""A full disk, a locked or read-only database while a server answers: each face is told, every turn ends."""

import asyncio
import errno
import json
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import event, text

from backend.db import reserve
from models.scripted import ScriptedEngine
from tests.backend.harness import World, running
from tests.processes import eventually

pytestmark = pytest.mark.process

TEXTS = ("It works.\n\n", "It ends.")  # the end of a sentence is sent when it is complete
LONG = [" ".join(f"word{n}x{at}" for at in range(300)) + ".\n\n" for n in range(30)]
TOLD_S = 5.0  # stated in the issue: each face has its error within this time


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Another program that writes."""
    other = sqlite3.connect(folder / "lantern.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


_UNLIMITED = (1 << 30) - 1  # pages: SQLite's own default


class Disk:
    """The disk of a server's database, which can be full. Made before the first question: threads use the listeners."""

    def __init__(self, world: World) -> None:
        self._left: Callable[[], int] | None = None
        self._pages = 0
        event.listen(world.services.database.engine, "begin", self._limit)

    def _limit(self, connection: Any) -> None:
        driver = connection.connection.driver_connection
        if self._left is None:
            driver.execute(f"PRAGMA max_page_count={_UNLIMITED}").close()
            return
        self._pages = self._pages or driver.execute("PRAGMA page_count").fetchone()[0]
        driver.execute(f"PRAGMA max_page_count={self._pages + self._left()}").close()

    @contextmanager
    def full(self, left: Callable[[], int]) -> Iterator[None]:
        """There is room for `left()` more pages of the database."""
        self._left = left
        try:
            yield
        finally:
            self._left = None


async def streamed(world: World, body: dict[str, Any], began: asyncio.Event | None = None) -> list[dict[str, Any]]:
    """The events of a question; `began` is set at the first text."""
    events = []
    async with world.http.stream("POST", "/chat/query", json=body | {"stream": True}) as reply:
        async for line in reply.aiter_lines():
            if line.startswith("data: "):
                events.append(json.loads(line.removeprefix("data: ")))
                if began is not None and events[-1]["type"] == "delta":
                    began.set()
    return events


async def statuses(world: World) -> list[tuple[str, str]]:
    query = text("SELECT status, answer FROM turns ORDER BY created_at")
    return [tuple(row) for row in await world.services.database.read(lambda db: db.execute(query).all())]


async def test_a_locked_database_is_said_in_time_in_every_face(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]

        async def timed(call: Any) -> tuple[Any, float]:
            began = time.monotonic()
            return await call, time.monotonic() - began

        chat = {"messages": [{"role": "user", "content": "now?"}], "model": "scripted+repo"}
        with locked(tmp_path):
            answers = await asyncio.gather(
                *(timed(world.post("/chat/query", {"query": "now?"})) for _ in range(4)),
                *(timed(world.post("/chat/query", {"query": "now?", "stream": True})) for _ in range(4)),
                timed(world.post("/v1/chat/completions", chat)),
                timed(world.post("/v1/chat/completions", chat | {"stream": True})),
                timed(socket.answer("session/prompt", session=session, turn="t", text="now?")),
            )
        assert await statuses(world) == []
    assert max(seconds for _, seconds in answers) <= TOLD_S
    errors = [answer["error"] if isinstance(answer, dict) else answer.json()["error"] for answer, _ in answers]
    assert {"locked by another program" in error["message"] for error in errors} == {True}


async def test_an_answer_that_a_lock_outlasts_is_told_in_time_and_stored_later(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS, stall_after=1)
    async with running(tmp_path, engine) as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        began = asyncio.Event()
        stream = asyncio.create_task(streamed(world, {"query": "one?", "session_id": session}, began))
        await began.wait()
        await socket.until("delta")
        with locked(tmp_path):
            locked_at = time.monotonic()
            engine.go_on.set()
            told = [await socket.until("end"), (await stream)[-1]]
            assert time.monotonic() - locked_at <= TOLD_S
        assert [(end["type"], end["reason"], "seq" in end) for end in told] == [("end", "error", False)] * 2
        assert {"locked by another program" in end["error"]["message"] for end in told} == {True}
        socket.events.clear()
        stored = await socket.until("end")  # follows as soon as it can be stored, under its number
        assert {name: stored[name] for name in told[0]} == told[0]
        assert stored["seq"] > 0
        await eventually(lambda: not world.services.turns._late_ends)
        assert await statuses(world) == [("error", TEXTS[0])]
        assert world.services.turns.load == 0
        engine.go_on.set()
        assert (await world.post("/chat/query", {"query": "after?"})).json()["response"] == "".join(TEXTS)


async def test_a_disk_that_fills_up_in_mid_answer_leaves_room_for_every_end(tmp_path: Path) -> None:
    engine, began = ScriptedEngine(LONG, stall_after=1), asyncio.Event()
    file = tmp_path / "lantern.db-reserve"
    async with running(tmp_path, engine) as world:
        disk = Disk(world)
        asked = [asyncio.create_task(streamed(world, {"query": f"{n}?"}, began)) for n in range(6)]
        await began.wait()
        await eventually(lambda: world.services.turns.load == 6)  # one answers, the others wait
        assert file.stat().st_size == reserve.LEAST_BYTES
        with disk.full(lambda: (reserve.LEAST_BYTES - file.stat().st_size) // 4096):
            engine.go_on.set()
            ends = [(await events)[-1] for events in asked]
            stored = await statuses(world)
        again = await world.post("/chat/query", {"query": "after?"})
    assert [(end["reason"], end["error"]["code"]) for end in ends] == [("error", "storage_full")] * 6
    assert all("seq" in end for end in ends)
    assert [status for status, _ in stored] == ["error"] * 6
    assert any(answer.startswith("word0x0 word0x1") for _, answer in stored)
    assert again.status_code == 200


async def test_the_end_of_a_question_with_a_large_attachment_fits_into_its_space(tmp_path: Path) -> None:
    engine, began = ScriptedEngine(TEXTS, stall_after=1), asyncio.Event()
    attached = {"path": "notes.txt", "range": {"start": 1, "end": 1}, "text": "Заметка.\n" * 50_000}
    async with running(tmp_path, engine) as world:
        asked = asyncio.create_task(streamed(world, {"query": "one?", "context": [attached]}, began))
        await began.wait()
        with closing(sqlite3.connect(tmp_path / "lantern.db")) as other:
            assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone() == (0, 0, 0)
        engine.go_on.set()
        end = (await asked)[-1]
        written = (tmp_path / "lantern.db-wal").stat().st_size
    assert end["reason"] == "stop"
    assert 0 < written <= reserve.TURN_BYTES


async def test_the_space_for_ends_is_held_for_every_turn_of_the_queue(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS, stall_after=0)
    async with running(tmp_path, engine, queue_limit=20) as world:
        asked = [asyncio.create_task(world.post("/chat/query", {"query": f"{n}?"})) for n in range(20)]
        await eventually(lambda: world.services.turns.load == 20)
        assert (tmp_path / "lantern.db-reserve").stat().st_size >= 20 * 100_000
        engine.go_on.set()
        await asyncio.gather(*asked)


async def test_a_full_disk_without_any_room_is_told_and_the_next_start_ends_the_turn(tmp_path: Path) -> None:
    engine = ScriptedEngine(LONG, stall_after=1)
    async with running(tmp_path, engine) as world:
        began = asyncio.Event()
        disk = Disk(world)
        asked = asyncio.create_task(streamed(world, {"query": "one?"}, began))
        await began.wait()
        plain = asyncio.create_task(world.post("/chat/query", {"query": "two?"}))
        await eventually(lambda: world.services.turns.load == 2)
        with disk.full(lambda: -1):
            engine.go_on.set()
            events, answer = await asked, await plain
            world.leave.set()
            await eventually(lambda: world.services.turns._closing)
            await eventually(lambda: not world.services.turns._late_ends)
    assert (events[-1]["reason"], events[-1]["error"]["code"]) == ("error", "storage_full")
    assert (answer.status_code, answer.json()["error"]["code"]) == (507, "storage_full")
    told = "".join(event["text"] for event in events if event["type"] == "delta")
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world:
        ended = await statuses(world)
    assert [status for status, _ in ended] == ["error", "error"]
    assert told in [answer for _, answer in ended]  # all that a client was sent is there


async def test_a_question_is_refused_if_there_is_no_room_for_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async with running(tmp_path, ScriptedEngine(TEXTS)) as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        monkeypatch.setattr(os, "posix_fallocate", full, raising=False)
        chat = {"messages": [{"role": "user", "content": "now?"}], "model": "scripted+repo"}
        refused = [
            await world.post("/chat/query", {"query": "now?"}),
            await world.post("/chat/query", {"query": "now?", "stream": True}),
            await world.post("/v1/chat/completions", chat),
            await world.post("/v1/chat/completions", chat | {"stream": True}),
        ]
        answer = await socket.answer("session/prompt", session=session, turn="t", text="now?")
        assert await statuses(world) == []
        monkeypatch.undo()
        assert (await world.post("/chat/query", {"query": "now?"})).status_code == 200
    assert [(reply.status_code, reply.json()["error"]["code"]) for reply in refused] == [(507, "storage_full")] * 4
    assert answer["error"]["data"]["code"] == "storage_full"


async def test_a_read_only_database_is_said_without_a_traceback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world:
        engine = world.services.database.engine
        read_only = lambda connection, _: connection.execute("PRAGMA query_only=ON").close()  # noqa: E731
        event.listen(engine, "connect", read_only)
        engine.dispose()
        refused = await world.post("/chat/query", {"query": "now?"})
        event.remove(engine, "connect", read_only)
        engine.dispose()
    assert (refused.status_code, refused.json()["error"]["code"]) == (500, "internal")
    assert "cannot be written" in refused.json()["error"]["message"]
    assert "Traceback" not in caplog.text


async def test_an_index_job_on_a_full_disk_fails_with_its_code_and_questions_go_on(tmp_path: Path) -> None:
    (root := tmp_path / "code").mkdir()
    (root / "a.py").write_text("def first():\n    return 1\n")
    async with running(tmp_path / "data", ScriptedEngine(TEXTS), watch=False) as world:
        assert (await world.post("/index", {"path": str(root)})).status_code < 300
        store = world.services.indexes.store(str(root))
        await eventually(lambda: not world.services.jobs.is_busy(store.id))
        for number in range(40):
            (root / f"big{number}.py").write_text(f"x{number} = '{'word ' * 60}'\n" * 30)
        with store._database.reading() as db:  # the connection that the next transactions use, too
            pages = db.execute("PRAGMA page_count").fetchone()[0]
            db.execute(f"PRAGMA max_page_count = {pages + 2}")
        await world.post("/index", {"path": str(root)})
        await eventually(lambda: not world.services.jobs.is_busy(store.id))
        job = world.services.jobs.all(store.id)[-1].wire
        answer = await world.post("/chat/query", {"query": "what is first?", "codebase": store.id})
    assert (job["state"], job["error"]["code"]) == ("failed", "storage_full")
    assert answer.status_code == 200


@contextmanager
def served(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """A server in a process of its own."""
    environment = {**os.environ, "DATA_DIR": str(folder), "PORT": "0", "MODEL_NAME": "extractive"}
    command = [sys.executable, "-m", "backend.cli.main", "serve"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as server:
        try:
            yield server
        finally:
            server.kill()


@pytest.mark.parametrize("fault", ["locked", "full"])
def test_sigterm_ends_a_server_in_time_whatever_the_disk_does(tmp_path: Path, fault: str) -> None:
    if fault == "full" and not hasattr(resource, "prlimit"):
        pytest.skip("the limits of another process can be set on Linux only")
    other = sqlite3.connect(tmp_path / "other.db", isolation_level=None)
    with served(tmp_path) as server:
        assert server.stderr is not None
        url = next(line.split()[-1] for line in server.stderr if "listens on" in line)
        headers = {"Authorization": f"Bearer {(tmp_path / 'token').read_text().strip()}"}
        with httpx.Client(base_url=url, headers=headers, timeout=30, trust_env=False) as client:
            client.post("/chat/query", json={"query": "x"}).raise_for_status()
            if fault == "locked":
                other.execute("ATTACH ? AS theirs", (str(tmp_path / "lantern.db"),))
                other.execute("BEGIN EXCLUSIVE")
            else:  # no file may grow any more
                resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (1, 1))
            began = time.monotonic()
            refused = client.post("/chat/query", json={"query": "y" * 9000})
            assert (refused.status_code >= 500, time.monotonic() - began <= TOLD_S) == (True, True)
            began = time.monotonic()
            server.send_signal(signal.SIGTERM)
            assert server.wait(30) == 0
            assert time.monotonic() - began <= TOLD_S
        assert "Traceback" not in server.stderr.read()
    other.close()
