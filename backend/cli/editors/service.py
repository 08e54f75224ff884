"""The server behind a command that stays open: the running one, else one inside this process.

It is looked for again when it is gone, so that an editor need not be restarted with it.
"""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from backend.cli.client import Client, ServerLost, open_client
from backend.cli.editors.websocket import WebSocketClient
from backend.cli.settings import command_settings


class Service:
    """REST calls and one WebSocket. Used on one event loop only; what blocks runs in threads."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._at_end = ExitStack()
        self._client: Client | None = None
        self._socket: WebSocketClient | None = None

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None, **params: Any) -> Any:
        """The answer of a REST call. Raises `CommandFailed`."""
        return await self._with_client(lambda client: client.call(method, path, body, **params))

    async def codebase_at(self, path: Path) -> dict[str, Any]:
        """The indexed codebase that contains `path`. Raises `CommandFailed` (3) if none does."""
        found: dict[str, Any] = await self._with_client(lambda client: client.codebase_at(path))
        return found

    async def socket(self) -> WebSocketClient:
        """The open WebSocket. Raises `CommandFailed`."""
        while True:
            client = await self.client()
            async with self._lock:
                if self._socket is not None and self._socket.is_open:
                    return self._socket
                try:
                    self._socket = await WebSocketClient.open(client.url, client.token)
                    return self._socket
                except ServerLost:
                    if client is not self._client:  # another task has found the next server
                        continue
            await self._forget(client)

    async def client(self) -> Client:
        """The client of the server, which is started if none runs. Raises `CommandFailed` and what a start raises."""
        async with self._lock:
            if self._client is None:
                self._client = await asyncio.to_thread(self._open)
            return self._client

    async def close(self) -> None:
        """Closes the connections, and the server if it is one of this process."""
        if self._socket is not None:
            await self._socket.close()
        await asyncio.to_thread(self._at_end.close)

    async def _with_client(self, work: Any) -> Any:
        client = await self.client()
        try:
            return await asyncio.to_thread(work, client)
        except ServerLost:
            await self._forget(client)
        return await asyncio.to_thread(work, await self.client())

    def _open(self) -> Client:
        return self._at_end.enter_context(open_client(command_settings()))

    async def _forget(self, client: Client) -> None:
        """The next call looks for a server again."""
        async with self._lock:
            if client is self._client:
                self._client = self._socket = None
                await asyncio.to_thread(self._at_end.close)
