"""The outgoing side of one socket: JSON-RPC frames, and the events of the sessions that its client has opened."""

import asyncio
import logging
from collections.abc import Iterable
from contextlib import aclosing, suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from backend.api.encoding import json_text
from backend.chat.turns import Turns
from backend.errors import to_api_error

log = logging.getLogger(__name__)

TOO_SLOW, CANNOT_GO_ON = 4408, 1011  # close codes
SEND_S = 20.0  # a client that takes no frame for this long is disconnected; it may resume

GONE = (WebSocketDisconnect, TimeoutError)  # raised when sending to a client that left, or that does not read


class FrameWriter:
    """Sends one frame after the other. What it sends raises one of `GONE` if the client is gone."""

    def __init__(self, websocket: WebSocket) -> None:
        self._socket = websocket
        self._lock = asyncio.Lock()

    async def reply(self, id_: Any, body: dict[str, Any]) -> None:
        """Answers a request with `body`, its `result` or `error` member. A client that is gone is ignored."""
        with suppress(*GONE):
            await self._write({"jsonrpc": "2.0", "id": id_, **body})

    async def event(self, params: dict[str, Any]) -> None:
        """Sends an event, as a JSON-RPC notification."""
        await self._write({"jsonrpc": "2.0", "method": "event", "params": params})

    async def close(self, code: int) -> None:
        """Closes the socket, unless it is closed."""
        with suppress(*GONE, RuntimeError):
            await self._socket.close(code)

    async def _write(self, message: dict[str, Any]) -> None:
        """Backpressure ends here: a client that does not read is disconnected; the log keeps its events."""
        text = json_text(message)
        try:
            async with self._lock, asyncio.timeout(SEND_S):
                await self._socket.send_text(text)
        except TimeoutError:
            with suppress(RuntimeError, TimeoutError):  # the close frame needs room too; else the keepalive closes
                async with asyncio.timeout(SEND_S):
                    await self._socket.close(TOO_SLOW)
            raise
        except RuntimeError as error:  # closed while this frame waited
            raise WebSocketDisconnect from error


class EventPumps:
    """For each opened session, a task that sends its log from some event on."""

    def __init__(self, turns: Turns, writer: FrameWriter) -> None:
        self._turns, self._writer = turns, writer
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def __contains__(self, session: str) -> bool:
        return session in self._tasks

    def start(self, session: str, after: int) -> None:
        """Sends every event of the session with a number above `after`."""
        self._tasks[session] = asyncio.create_task(self._pump(session, after), name=f"pump {session}")

    async def stop(self, session: str) -> None:
        """Returns when nothing of that session is being sent."""
        if task := self._tasks.pop(session, None):
            task.cancel()
            await asyncio.wait([task])

    async def announce_closing(self, after_ms: int) -> None:
        """Tells the client, for every session, that the server is about to close."""
        with suppress(*GONE):
            for session in list(self._tasks):
                await self._writer.event({"session": session, "type": "closing", "after_ms": after_ms})

    @property
    def tasks(self) -> Iterable[asyncio.Task[None]]:
        return self._tasks.values()

    async def _pump(self, session: str, after: int) -> None:
        try:
            async with aclosing(self._turns.watch(session, after)) as events:
                async for event in events:
                    await self._writer.event(event.wire)
        except GONE:
            return
        except Exception as failure:  # noqa: BLE001 - the edge: the client must not wait for events that never come
            error = to_api_error(failure, log, f"the events of session {session}")
            log.warning("the events of session %s can no longer be sent: %s", session, error.message)
            await self._writer.close(CANNOT_GO_ON)
