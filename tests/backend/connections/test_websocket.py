"""Every handshake is answered, and bytes that are no text are no defect of the server."""

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from backend.connections import http
from backend.connections.websocket import BoundedSocket
from models.scripted import ScriptedEngine
from tests.backend.connections.harness import raw, request
from tests.backend.connections.test_http import UPGRADE, Unread
from tests.backend.harness import running

pytestmark = pytest.mark.process


@pytest.mark.parametrize("line", ["Content-Length: 5", "Transfer-Encoding: chunked", "X: \x01", "Sec-WebSocket-Key: x"])
async def test_a_handshake_that_cannot_be_read_is_answered_and_closed(tmp_path: Path, line: str) -> None:
    async with running(tmp_path, ScriptedEngine()) as world, raw(world) as connection:
        await connection.send(request(world, "/v1/ws", *UPGRADE, line))
        assert (await connection.rest()).startswith(b"HTTP/1.1 400 ")


async def test_a_socket_without_the_token_does_not_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "SILENT_S", 0.3)
    lines = (*UPGRADE, "Sec-WebSocket-Protocol: lantern.v1, token.wrong")
    async with running(tmp_path, ScriptedEngine()) as world, raw(world) as connection:
        await connection.send(request(world, "/v1/ws", *lines))
        received = await connection.rest()  # it does not answer the close frame
    assert received.startswith(b"HTTP/1.1 101 ")
    assert received.endswith(b"\x88\x02" + (4401).to_bytes(2))


async def test_text_that_is_not_utf8_closes_the_socket_without_a_traceback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, ScriptedEngine()) as world, world.socket() as socket:
        socket.raw.transport.write(Frame(Opcode.TEXT, b"\xff\xfe").serialize(mask=True))
        with pytest.raises(ConnectionClosed) as closed:
            await socket.raw.recv()
        assert (await world.get("/health")).status_code == 200
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1007
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


BAD_TEXT = Frame(Opcode.TEXT, b"\xff\xfe").serialize(mask=True)
FRAMES = {
    "bad text": BAD_TEXT,
    "bad text twice": BAD_TEXT * 2,
    "bad text in pieces": Frame(Opcode.TEXT, b"\xff", fin=False).serialize(mask=True)
    + Frame(Opcode.CONT, b"\xfe").serialize(mask=True),
    "text": Frame(Opcode.TEXT, b"{}").serialize(mask=True) * 3,
    "bytes": Frame(Opcode.BINARY, b"\xff").serialize(mask=True),
    "ping": Frame(Opcode.PING, b"x").serialize(mask=True),
    "pong": Frame(Opcode.PONG, b"x").serialize(mask=True),
    "close": Frame(Opcode.CLOSE, b"").serialize(mask=True),
    "close twice": Frame(Opcode.CLOSE, b"").serialize(mask=True) * 2,
    "bad close": Frame(Opcode.CLOSE, b"\x00").serialize(mask=True),
    "no mask": Frame(Opcode.TEXT, b"{}").serialize(mask=False),
    "no frame": b"\xff" * 20,
    "too large": b"\x81\xff" + (1 << 40).to_bytes(8) + bytes(4),
    "rest of nothing": Frame(Opcode.CONT, b"x").serialize(mask=True),
}


@pytest.mark.parametrize("when", ["after the close", "with the head", "right behind the head"])
async def test_no_frame_of_a_client_without_the_token_is_logged(
    tmp_path: Path, when: str, caplog: pytest.LogCaptureFixture
) -> None:
    lines = (*UPGRADE, "Sec-WebSocket-Protocol: lantern.v1, token.wrong")
    failed: list[str] = []
    async with running(tmp_path, ScriptedEngine()) as world:
        for name, frames in FRAMES.items():
            async with raw(world) as connection:
                head = request(world, "/v1/ws", *lines)
                await connection.send(head + frames if when == "with the head" else head)
                if when == "after the close":
                    await connection.reader.readuntil(b"\x88\x02" + (4401).to_bytes(2))
                if when != "with the head":
                    await connection.send(frames)
                await connection.send(BAD_TEXT)
                connection.writer.write_eof()
                await connection.rest()
            if [record for record in caplog.records if record.levelno >= logging.WARNING]:
                failed.append(name)
            caplog.clear()
        assert (await world.get("/health")).status_code == 200
    assert failed == []


async def test_a_handshake_that_a_stop_interrupts_is_answered_once(caplog: pytest.LogCaptureFixture) -> None:
    made: list[BoundedSocket] = []

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        made[0].shutdown()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 4401})

    def make() -> BoundedSocket:
        made.append(BoundedSocket(config, state, {}))
        return made[0]

    config, state = uvicorn.Config(app, lifespan="off", log_config=None), ServerState()
    config.load()
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write("\r\n".join(("GET / HTTP/1.1", "Host: x", *UPGRADE, "", "")).encode())
        received = await reader.read()
        writer.close()
    assert received.startswith(b"HTTP/1.1 500 ")
    assert received.count(b"HTTP/1.1") == 1
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_stop_after_the_close_frame_of_a_client_that_does_not_read_does_not_fail() -> None:
    class Closing(Unread):
        is_closed = False

        def close(self) -> None:
            self.is_closed = True

        def is_closing(self) -> bool:
            return self.is_closed

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        accepted.set()
        await receive()

    accepted = asyncio.Event()
    config = uvicorn.Config(app, lifespan="off", log_config=None)
    config.load()
    connection, transport = BoundedSocket(config, ServerState(), {}), Closing()
    connection.connection_made(transport)
    connection.data_received("\r\n".join(("GET / HTTP/1.1", "Host: x", *UPGRADE, "", "")).encode())
    await accepted.wait()
    connection.data_received(FRAMES["close"])
    assert transport.is_closing()
    connection.shutdown()
    assert transport.written.endswith(b"\x88\x00")
