"""What a client without the token may send: heads of a bounded size, in a bounded time."""

import asyncio
import errno
import json
import logging
from pathlib import Path

import pytest
import uvicorn
from uvicorn.server import ServerState

from backend.connections import http
from models.scripted import ScriptedEngine
from tests.backend.connections.harness import raw, request
from tests.backend.harness import running

pytestmark = pytest.mark.process

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
UPGRADE = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {KEY}")


@pytest.mark.parametrize("before", ["", "an answered request", "a request in the same packet"])
@pytest.mark.parametrize("endless", [b"X-Header: value\r\n", b"x", b"X:" + b" " * 1000 + b"\r\n"])
async def test_a_head_without_an_end_is_refused_after_a_few_kilobytes(
    tmp_path: Path, before: str, endless: bytes
) -> None:
    """50 MB of headers were kept in memory before."""
    async with running(tmp_path, ScriptedEngine()) as world, raw(world) as connection:
        head = request(world).removesuffix(b"\r\n")
        if before:
            await connection.send(request(world))
        if before == "an answered request":
            assert (await connection.answer())[0] == 200
        await connection.send(head)
        sent, received = await connection.flood((endless * 4096)[:4096], most=50 << 20)
    assert sent < 2 * http.HEAD_BYTES
    if before != "a request in the same packet":  # there, the first answer may be due when the connection closes
        assert received.startswith(b"HTTP/1.1 431 ")
        assert json.loads(received.partition(b"\r\n\r\n")[2])["error"]["code"] == "invalid"


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("X: " + "x" * (http.LINE_BYTES - 5), 401),
        ("X: " + "x" * (http.LINE_BYTES - 4), 431),
        ("\r\n".join(f"X{n}: x" for n in range(http.HEADERS - 1)), 401),
        ("\r\n".join(f"X{n}: x" for n in range(http.HEADERS)), 431),
        ("\r\n".join(f"X{n}: {'x' * 8000}" for n in range(3)), 401),
        ("\r\n".join(f"X{n}: {'x' * 8000}" for n in range(6)), 431),
    ],
)
@pytest.mark.parametrize("upgrade", [(), UPGRADE])
async def test_the_bounds_of_a_head(tmp_path: Path, line: str, status: int, upgrade: tuple[str, ...]) -> None:
    """A WebSocket's handshake too: one with a line over 8 KiB got no answer before."""
    lines = (*upgrade, line)
    if upgrade and status == 401 and line.count("\r\n") > 90:
        lines = (*upgrade, line.rpartition("\r\n")[0].rpartition("\r\n")[0].rpartition("\r\n")[0].rpartition("\r\n")[0])
    async with running(tmp_path, ScriptedEngine()) as world, raw(world) as connection:
        await connection.send(request(world, "/v1/ws" if upgrade else "/models", *lines))
        received = await connection.reader.readuntil(b"\r\n")
    assert int(received.split()[1]) == (101 if upgrade and status == 401 else status)


async def test_a_long_address_is_refused_in_the_shape_of_its_path(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine()) as world, raw(world) as connection:
        await connection.send(request(world, "/v1/" + "x" * http.LINE_BYTES))
        status, body = await connection.answer()
        assert await connection.rest() == b""
    assert (status, json.loads(body)["error"]["type"]) == (431, "invalid_request_error")


@pytest.mark.parametrize("endless", [b"X: y\r\n", b"X: " + b"y" * 65536])
async def test_trailers_are_bounded_too(tmp_path: Path, endless: bytes) -> None:
    async with running(tmp_path, ScriptedEngine()) as world, raw(world) as connection:
        lines = ("Content-Type: application/json", "Transfer-Encoding: chunked")
        await connection.send(request(world, "/search", *lines, method="POST", token=True) + b"2\r\n{}\r\n0\r\n")
        sent, received = await connection.flood((endless * 4096)[:4096], most=50 << 20)
    assert sent < 4 * http.HEAD_BYTES
    assert received.startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("sent", ["nothing", "half a head", "half a second head"])
async def test_a_silent_client_is_closed(tmp_path: Path, sent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "SILENT_S", 0.3)
    async with running(tmp_path, ScriptedEngine()) as world, raw(world) as connection:
        if sent == "half a second head":
            await connection.send(request(world))
            assert (await connection.answer())[0] == 200
        if sent != "nothing":
            await connection.send(request(world)[:-2])
        assert (await connection.rest())[:13] == (b"" if sent == "nothing" else b"HTTP/1.1 408 ")


@pytest.mark.parametrize(("body", "status"), [(b"", 408), (b'{"query":', 408)])
async def test_a_body_that_stalls_is_closed(
    tmp_path: Path, body: bytes, status: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(http, "SILENT_S", 0.3)
    lines = ("Content-Type: application/json", "Content-Length: 100")
    async with running(tmp_path, ScriptedEngine()) as world, raw(world) as connection:
        await connection.send(request(world, "/v1/completions", *lines, method="POST", token=True) + body)
        got, answer = await connection.answer()
        assert await connection.rest() == b""
        assert (await world.get("/health")).status_code == 200
    assert (got, json.loads(answer)["error"]["type"]) == (status, "invalid_request_error")
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_the_rest_of_a_refused_body_does_not_hold_a_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "SILENT_S", 0.3)
    async with running(tmp_path, ScriptedEngine()) as world, raw(world) as connection:
        await connection.send(request(world, "/search", "Content-Length: 100000", method="POST") + b"{")
        assert (await connection.answer())[0] == 401
        assert await connection.rest() == b""


async def test_an_answer_that_takes_longer_than_a_silent_client_may_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "SILENT_S", 0.05)
    engine = ScriptedEngine(stall_after=1)
    body = b'{"prompt": "x"}'
    lines = ("Content-Type: application/json", f"Content-Length: {len(body)}")
    async with running(tmp_path, engine) as world, raw(world) as connection:
        await connection.send(request(world, "/v1/completions", *lines, method="POST", token=True) + body)
        for _ in range(3):
            async with raw(world) as silent:  # three others are closed in this time
                assert await silent.rest() == b""
        engine.go_on.set()
        assert (await connection.answer())[0] == 200


async def test_requests_that_wait_for_an_earlier_answer_are_bounded(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine()) as world:
        async with raw(world) as connection:
            await connection.send(request(world) * http.PIPELINED)
            for _ in range(http.PIPELINED):
                assert (await connection.answer())[0] == 200
        async with raw(world) as connection:
            await connection.send(request(world) * 1000)
            assert (await connection.rest()).count(b"HTTP/1.1 200") <= http.PIPELINED


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", b"GET / HTTP/9\r\n\r\n", b"{}\r\n\r\n"])
async def test_what_is_no_request_is_answered_and_not_logged(
    tmp_path: Path, garbage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(tmp_path, ScriptedEngine()) as world, raw(world) as connection:
        await connection.send(garbage)
        received = await connection.rest()
    assert received.startswith(b"HTTP/1.1 400 ")
    assert json.loads(received.partition(b"\r\n\r\n")[2])["error"]["code"] == "invalid"
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


class Unread(asyncio.Transport):
    """A transport whose client reads nothing: what is written stays, and `close` never ends."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.is_aborted = b"", False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data

    def write_eof(self) -> None: ...

    def pause_reading(self) -> None: ...

    def is_closing(self) -> bool:
        return False

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def abort(self) -> None:
        self.is_aborted = True


async def test_a_client_that_does_not_read_its_refusal_does_not_stay() -> None:
    config = uvicorn.Config(lambda: None, lifespan="off", log_config=None)
    config.load()
    connection, transport = http.BoundedHttp(config, ServerState(), {}), Unread()
    transport.set_protocol(connection)
    connection.connection_made(transport)
    connection.data_received(b"no request\r\n\r\n")
    assert transport.written.startswith(b"HTTP/1.1 400 ")
    connection.close_if_silent(connection.since + http.SILENT_S - 1)
    assert not transport.is_aborted
    connection.close_if_silent(connection.since + http.SILENT_S)
    assert transport.is_aborted


class Left(Unread):
    """A transport whose client leaves while its refusal is written."""

    def write_eof(self) -> None:
        raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")


@pytest.mark.parametrize("cause", ["silence", "garbage"])
async def test_a_client_that_leaves_before_its_refusal_is_aborted(cause: str) -> None:
    config = uvicorn.Config(lambda: None, lifespan="off", log_config=None)
    config.load()
    connection, transport = http.BoundedHttp(config, ServerState(), {}), Left()
    transport.set_protocol(connection)
    connection.connection_made(transport)
    if cause == "garbage":
        connection.data_received(b"no request\r\n\r\n")
    else:
        connection.data_received(b"GET / HTTP/1.1\r\n")
        connection.close_if_silent(connection.since + http.SILENT_S)
    assert transport.is_aborted
