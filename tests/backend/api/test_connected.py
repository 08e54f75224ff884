"""A server that stops ends what it is asked, in the shape of the interface, and logs no traceback."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from backend import server
from models.scripted import ScriptedEngine
from models.types import Delta, Prompt, Sampling
from tests.backend.api.openai.harness import QUESTION, stream_data
from tests.backend.connections.harness import raw, request
from tests.backend.harness import Gate, running

pytestmark = pytest.mark.process


class Stalled(ScriptedEngine):
    """Waits after a number of texts; `go_on` tells that it does."""

    def __init__(self, after: int) -> None:
        super().__init__(stall_after=after)
        self.go_on: Gate = Gate()


async def stopped_during(folder: Path, engine: Stalled, path: str, body: Any) -> Any:
    """The answer to a request during which the server stops."""
    async with running(folder, engine) as world:
        asked = asyncio.create_task(world.post(path, body))
        await engine.go_on.is_reached.wait()
        world.leave.set()
        return await asked


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("model", ["scripted", "scripted+repo"])
async def test_a_stream_ends_with_an_error_event(
    tmp_path: Path, after: int, model: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The connection broke after five seconds before, with a traceback."""
    body = {"model": model, "messages": QUESTION, "stream": True}
    engine, text = Stalled(after), ""
    async with (
        running(tmp_path, engine) as world,
        world.http.stream("POST", "/v1/chat/completions", json=body) as answer,
    ):
        await engine.go_on.is_reached.wait()
        async for piece in answer.aiter_text():
            text += piece
            if text.count("data: ") > after:
                world.leave.set()
    *chunks, last = stream_data(text)
    assert (answer.status_code, last["error"]["code"], last["error"]["type"]) == (200, "interrupted", "server_error")
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == "It "[: 3 * after]
    assert [record for record in caplog.records if record.exc_info] == []


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
async def test_an_answer_without_a_stream_is_an_error(
    tmp_path: Path, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await stopped_during(tmp_path, Stalled(1), path, {"messages": QUESTION, "prompt": "x"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "interrupted")
    assert [record for record in caplog.records if record.exc_info] == []


async def test_what_does_not_end_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server, "SHUTDOWN_S", 0.1)
    waiting: asyncio.Queue[None] = asyncio.Queue()

    async def endless(*_: object) -> None:
        waiting.put_nowait(None)
        await asyncio.Event().wait()

    async with running(tmp_path, ScriptedEngine()) as world, world.socket() as socket:
        monkeypatch.setattr(world.services.database, "read", endless)
        asked = asyncio.create_task(world.get("/chat/sessions"))
        call = asyncio.create_task(socket.answer("session/prefetch", session="s", text="x"))
        await waiting.get()
        await waiting.get()
        world.leave.set()
        answer = await asked
        with pytest.raises(ConnectionClosed) as closed:
            await call
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "interrupted")
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012
    assert [record for record in caplog.records if record.exc_info] == []


class Endless(ScriptedEngine):
    """Writes on and on, and more than a connection holds."""

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta, None]:
        while True:
            yield Delta("x" * 10_000)
            await asyncio.sleep(0)


async def test_a_client_that_does_not_read_does_not_hold_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server, "SHUTDOWN_S", 0.1)
    body = b'{"prompt": "x", "stream": true}'
    lines = ("Content-Type: application/json", f"Content-Length: {len(body)}")
    async with running(tmp_path, Endless()) as world, raw(world) as connection:
        await connection.send(request(world, "/v1/completions", *lines, method="POST", token=True) + body)
        await connection.reader.readexactly(100)
        world.leave.set()
    assert [record for record in caplog.records if record.exc_info] == []
