"""Theme tests of backend.chat.turns: a question that comes while the server stops is refused, or has its end."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from backend.chat import turns
from backend.db.tables import TurnRow
from models.scripted import ScriptedEngine
from tests.backend.harness import Gate, Socket, World, running
from tests.processes import eventually

pytestmark = pytest.mark.process

CHAT = {"messages": [{"role": "user", "content": "now?"}], "model": "scripted+repo"}
FACES = ("socket", "plain", "stream", "openai", "openai stream")


async def ask(world: World, socket: Socket, face: str) -> str:
    """The code of the error with which a question on this face ends."""
    if face == "socket":
        session = (await socket.call("session/open"))["session"]
        answer = await socket.answer("session/prompt", session=session, turn="t", text="now?")
        if "error" in answer:
            return str(answer["error"]["data"]["code"])
        return str((await socket.until("end", "t"))["error"]["code"])
    if face.startswith("openai"):
        reply = await world.post("/v1/chat/completions", CHAT | {"stream": face.endswith("stream")})
    else:
        reply = await world.post("/chat/query", {"query": "now?", "stream": face == "stream"})
    if not reply.headers["content-type"].startswith("text/event-stream"):
        assert reply.status_code == 500
        return str(reply.json()["error"]["code"])
    last: dict[str, Any] = json.loads(reply.text.strip().splitlines()[-1].removeprefix("data: "))
    assert face.startswith("openai") or (last["type"], last["reason"]) == ("end", "error")
    return str(last["error"]["code"])


def hold(world: World, method: str, is_held: Callable[[Any], bool] = lambda _: True) -> Gate:
    """Holds what a method of the database returns."""
    gate, database = Gate(), world.services.database
    original: Callable[..., Awaitable[Any]] = getattr(database, method)

    async def held(*arguments: Any) -> Any:
        result = await original(*arguments)
        if is_held(result):
            await gate.wait()
        return result

    setattr(database, method, held)
    return gate


def hold_back(world: World, method: str) -> Gate:
    """Holds the calls of a method of the database: what it writes is not in the log before."""
    gate, database = Gate(), world.services.database
    original: Callable[..., Awaitable[Any]] = getattr(database, method)

    async def held(*arguments: Any) -> Any:
        await gate.wait()
        return await original(*arguments)

    setattr(database, method, held)
    return gate


def is_new(result: Any) -> bool:
    return isinstance(result, tuple) and result[0] is None


def is_accepted(result: Any) -> bool:
    return isinstance(result, tuple) and isinstance(result[0], TurnRow)


async def turns_stored(world: World) -> dict[str, int]:
    counts = select(TurnRow.status, func.count()).group_by(TurnRow.status)
    return await world.services.database.read(lambda db: {status: int(n) for status, n in db.execute(counts)})


@pytest.mark.parametrize("face", FACES)
async def test_a_question_after_the_close_began_is_refused(
    tmp_path: Path, face: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, ScriptedEngine(["x"])) as world, world.socket() as socket:
        await world.services.turns.close()
        assert await ask(world, socket, face) == "interrupted"
        assert await turns_stored(world) == {}
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(("held", "stored"), [("read", {}), ("write_reserved", {"error": 1})])
async def test_a_question_that_is_being_accepted_when_the_close_begins_has_its_end(
    tmp_path: Path, face: str, held: str, stored: dict[str, int], caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, ScriptedEngine(["x"])) as world, world.socket() as socket:
        gate = hold(world, held, is_new if held == "read" else is_accepted)
        asked = asyncio.create_task(ask(world, socket, face))
        await gate.is_reached.wait()
        closing = asyncio.create_task(world.services.turns.close())
        await eventually(lambda: world.services.turns._closing)
        gate.set()
        assert await asked == "interrupted"
        await closing
        assert await turns_stored(world) == stored
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize("face", ["plain", "stream", "openai", "openai stream"])
async def test_a_question_whose_end_the_close_cannot_wait_for_is_told_that_it_was_interrupted(
    tmp_path: Path, face: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(turns, "CLOSE_S", 0)
    async with running(tmp_path, ScriptedEngine(["x"])) as world, world.socket() as socket:
        gate = hold_back(world, "write_end")
        asked = asyncio.create_task(ask(world, socket, face))
        await gate.is_reached.wait()
        await world.services.turns.close()
        assert await asked == "interrupted"
        gate.set()
    assert "Traceback" not in caplog.text
