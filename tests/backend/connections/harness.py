"""Raw connections to a running server: bytes out, bytes in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import h11

from tests.backend.harness import World
from tests.e2e.harness import Served

PATIENCE_S = 30  # only guards against hanging


@dataclass(slots=True)
class Raw:
    """One TCP connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def rest(self) -> bytes:
        """What the server sends until it closes the connection."""
        received = b""
        async with asyncio.timeout(PATIENCE_S):
            with suppress(ConnectionError):
                while chunk := await self.reader.read(65536):
                    received += chunk
        return received

    async def flood(self, piece: bytes, most: int) -> tuple[int, bytes]:
        """Sends the piece again and again until the server ends the connection: how many bytes it took, its answer."""
        sent, reading = 0, asyncio.create_task(self.rest())
        with suppress(ConnectionError):
            while sent < most and not reading.done():
                await self.send(piece)
                await asyncio.sleep(0)
                sent += len(piece)
        return sent, await reading

    async def answer(self) -> tuple[int, bytes]:
        """Status and body of the next answer, which has a content-length."""
        async with asyncio.timeout(PATIENCE_S):
            head = await self.reader.readuntil(b"\r\n\r\n")
            status, fields = parsed(head)
            return status, await self.reader.readexactly(int(fields["content-length"]))


@asynccontextmanager
async def raw(world: World | Served) -> AsyncIterator[Raw]:
    host, _, port = world.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def parsed(head: bytes) -> tuple[int, dict[str, str]]:
    """Status and headers of an answer's head."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method="GET", target="/", headers=[("host", "x")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(head)
    response: Any = connection.next_event()
    return response.status_code, {name.decode(): value.decode() for name, value in response.headers}


def request(
    world: World | Served, path: str = "/health", *lines: str, method: str = "GET", token: bool = False
) -> bytes:
    """A request with its Host; `lines` are further headers."""
    host = world.url.removeprefix("http://")
    if token:
        lines = (f"Authorization: Bearer {world.token}", *lines)
    return "\r\n".join((f"{method} {path} HTTP/1.1", f"Host: {host}", *lines, "", "")).encode()
