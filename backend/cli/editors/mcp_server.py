"""The way of the relay to `/mcp`: one POST for each message, over a connection to a server that may come and go."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack, aclosing

import httpx

from backend.cli.client import Client, open_client
from backend.cli.errors import CommandFailed
from backend.config import Settings
from models.remote.sse import EventStream

MESSAGE_BYTES = 1 << 24  # of one message of the server, which is our own


class ServerGone(Exception):
    """The server ended while it worked on a message."""


class McpServerConnection:
    """Posts messages to the running server; if there is none, to one inside this process, which it starts."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = asyncio.Lock()
        self._at_end = ExitStack()
        self._http: httpx.AsyncClient | None = None

    async def connect(self) -> httpx.AsyncClient:
        """A client of the server, found or started now if it is not known. Raises what `open_client` raises."""
        async with self._lock:
            if self._http is None:
                opening = open_client(self._settings, follow=True)
                self._http = _async(await asyncio.to_thread(self._at_end.enter_context, opening))
            return self._http

    async def post(self, body: bytes, headers: Mapping[str, str]) -> AsyncGenerator[str, None]:
        """The messages that answer this one, as they come. Closing the generator closes the request: it is cancelled.

        Raises `ServerGone`, and `CommandFailed` with the server's message where it answers with no message.
        """
        http = await self.connect()
        try:
            async with aclosing(_post(http, body, headers)) as messages:
                async for message in messages:
                    yield message
            return
        except httpx.ConnectError:  # nothing was sent: another server may run by now, else this process starts one
            await self._forget(http)
        except httpx.TransportError as error:
            await self._forget(http)
            raise ServerGone("the server stopped before it answered: call again") from error
        async with aclosing(_post(await self.connect(), body, headers)) as messages:
            async for message in messages:
                yield message

    async def close(self) -> None:
        """Ends the server, too, if it is one of this process."""
        if self._http is not None:
            await self._http.aclose()
        await asyncio.to_thread(self._at_end.close)

    async def _forget(self, http: httpx.AsyncClient) -> None:
        async with self._lock:
            if http is self._http:
                self._http = None
                await asyncio.to_thread(self._at_end.close)


def _async(client: Client) -> httpx.AsyncClient:
    """Keeps no idle connection: the server may close it just when it is used again."""
    return httpx.AsyncClient(
        base_url=client.url,
        headers={"Authorization": f"Bearer {client.token}", "Content-Type": "application/json"},
        timeout=httpx.Timeout(None),
        limits=httpx.Limits(max_keepalive_connections=0),
        trust_env=False,
    )


async def _post(http: httpx.AsyncClient, body: bytes, headers: Mapping[str, str]) -> AsyncGenerator[str, None]:
    async with http.stream("POST", "/mcp", content=body, headers=dict(headers)) as response:
        if response.headers.get("content-type", "").startswith("text/event-stream"):
            events = EventStream(MESSAGE_BYTES)
            async for block in response.aiter_bytes():
                for message in events.feed(block):
                    yield message
            return
        content = await response.aread()
        if content and not _is_message(response):
            raise CommandFailed(_reason(response))
        if content:
            yield content.decode()


def _is_message(response: httpx.Response) -> bool:
    try:
        return "jsonrpc" in response.json()
    except ValueError:
        return False


def _reason(response: httpx.Response) -> str:
    try:
        return str(response.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return f"the server answered with status {response.status_code}"
