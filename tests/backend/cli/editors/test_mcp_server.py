"""The connection to a server that answers, refuses, is gone before or in the middle, or comes back elsewhere."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import SimpleNamespace

import pytest

from backend.cli.editors import mcp_server
from backend.cli.editors.mcp_server import McpServerConnection, ServerGone
from backend.cli.errors import CommandFailed
from backend.config import load_settings

pytestmark = pytest.mark.process


@asynccontextmanager
async def answering(reply: bytes) -> AsyncIterator[str]:
    """The URL of a server that answers each request with these bytes, and closes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(2)
        writer.write(reply)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def with_body(kind: str, body: str, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


def servers(monkeypatch: pytest.MonkeyPatch, *urls: str) -> McpServerConnection:
    """A connection that finds these servers, one after the other."""
    left = list(urls)

    @contextmanager
    def open_client(*_: object, **__: object) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(url=left.pop(0), token="t")

    monkeypatch.setattr(mcp_server, "open_client", open_client)
    return McpServerConnection(load_settings())


async def messages(connection: McpServerConnection) -> list[str]:
    try:
        async with asyncio.timeout(30):
            return [message async for message in connection.post(b"{}", {})]
    finally:
        await connection.close()


async def test_messages_come_as_json_and_as_events(monkeypatch: pytest.MonkeyPatch) -> None:
    async with answering(with_body("application/json", '{"jsonrpc": "2.0"}')) as url:
        assert await messages(servers(monkeypatch, url)) == ['{"jsonrpc": "2.0"}']
    events = ': ping\r\n\r\nevent: message\r\ndata: {"n": 1}\r\n\r\ndata: {"n": 2}\r\n\r\n'
    async with answering(with_body("text/event-stream", events)) as url:
        assert await messages(servers(monkeypatch, url)) == ['{"n": 1}', '{"n": 2}']
    async with answering(with_body("application/json", "", "202 Accepted")) as url:
        assert await messages(servers(monkeypatch, url)) == []


async def test_what_is_no_message_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = with_body("application/json", '{"error": {"code": "x", "message": "no"}}', "401 Unauthorized")
    async with answering(refusal) as url:
        with pytest.raises(CommandFailed, match=r"^no$"):
            await messages(servers(monkeypatch, url))
    async with answering(with_body("text/html", "<p>", "502 Bad Gateway")) as url:
        with pytest.raises(CommandFailed, match="the server answered with status 502"):
            await messages(servers(monkeypatch, url))


async def test_a_server_that_is_gone_is_looked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with answering(b"") as gone:
        pass
    async with answering(with_body("application/json", '{"jsonrpc": "2.0"}')) as url:
        assert await messages(servers(monkeypatch, gone, url)) == ['{"jsonrpc": "2.0"}']


async def test_a_server_that_ends_in_the_middle_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async with answering(with_body("application/json", "{}")[:-1]) as url:
        with pytest.raises(ServerGone, match="the server stopped before it answered: call again"):
            await messages(servers(monkeypatch, url))
