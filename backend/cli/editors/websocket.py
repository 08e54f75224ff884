"""A client of the WebSocket, for commands that stay open: requests, and the events of the turns that it asked for.

Knows JSON-RPC and which event ends a turn; nothing of what an editor is shown.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from backend.cli.client import EVENT_BYTES, ServerLost, command_failed
from backend.cli.errors import CommandFailed

PROTOCOL = "lantern.v1"
BAD_TOKEN = 4401  # close code
FRAME_BYTES = 1 << 20  # what the server takes
Events = asyncio.Queue[dict[str, Any] | None]  # of one turn; None: the connection is lost


class WebSocketClient:
    """One connection. Used on one event loop only."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._ids = itertools.count(1)
        self._replies: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._turns: dict[str, Events] = {}
        self._reader = asyncio.create_task(self._read(), name="events of the server")

    @classmethod
    async def open(cls, url: str, token: str) -> "WebSocketClient":
        """Connects to the server at this HTTP URL. Raises `ServerLost`."""
        headers = {"Authorization": f"Bearer {token}"}
        try:
            connection = await connect(
                url.replace("http", "ws", 1) + "/v1/ws",
                subprotocols=[PROTOCOL],  # type: ignore[list-item]
                additional_headers=headers,
                max_size=EVENT_BYTES,
                proxy=None,  # no proxy of the environment may see a local question
            )
        except (OSError, InvalidHandshake, TimeoutError) as error:
            raise ServerLost(f"cannot connect to the server at {url}: {error}") from None
        return cls(connection)

    @property
    def is_open(self) -> bool:
        return not self._reader.done()

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of a request; a parameter that is None is left out. Raises `CommandFailed`."""
        id_, reply = next(self._ids), asyncio.get_running_loop().create_future()
        self._replies[id_] = reply
        stated = {name: value for name, value in params.items() if value is not None}
        frame = json.dumps({"jsonrpc": "2.0", "id": id_, "method": method, "params": stated})
        try:
            if len(frame) > FRAME_BYTES:
                raise CommandFailed(f"a question and what is attached to it may have {FRAME_BYTES} bytes: attach less")
            await self._connection.send(frame)
            answer = await reply
        except ConnectionClosed as closed:
            raise _lost(closed) from None
        finally:
            del self._replies[id_]
        if "error" in answer:
            raise command_failed({"code": answer["error"]["data"]["code"], "message": answer["error"]["message"]})
        result: dict[str, Any] = answer["result"]
        return result

    @contextmanager
    def following(self, turn: str) -> Iterator[Events]:
        """Keeps the events of a turn from now on, for `ask`: a resumed session sends them before the turn is asked."""
        events = self._turns[turn] = Events()
        try:
            yield events
        finally:
            del self._turns[turn]

    async def ask(self, events: Events, **prompt: Any) -> AsyncGenerator[dict[str, Any]]:
        """Sends `session/prompt` and yields the followed events up to the turn's end. Raises `CommandFailed`."""
        await self.call("session/prompt", **prompt)
        while (event := await events.get()) is not None:
            yield event
            if event["type"] == "end":
                return
        raise _lost(None)

    async def close(self) -> None:
        with suppress(ConnectionClosed):
            await self._connection.close()
        await asyncio.wait([self._reader])

    async def _read(self) -> None:
        closed: ConnectionClosed | None = None
        try:
            while True:
                self._receive(json.loads(await self._connection.recv()))
        except ConnectionClosed as error:
            closed = error
        finally:
            for reply in self._replies.values():
                if not reply.done():
                    reply.set_exception(_lost(closed))
            for events in self._turns.values():
                events.put_nowait(None)

    def _receive(self, message: dict[str, Any]) -> None:
        reply = self._replies.get(message.get("id", 0))
        if reply is not None and not reply.done():
            reply.set_result(message)
        event = message.get("params", {})
        if (events := self._turns.get(event.get("turn", ""))) is not None:
            events.put_nowait(event)


def _lost(closed: ConnectionClosed | None) -> ServerLost:
    if closed is not None and closed.rcvd is not None and closed.rcvd.code == BAD_TOKEN:
        return ServerLost("the server does not accept the token of its data folder: stop it and start it again")
    return ServerLost("the server closed the connection before the answer was complete; the text so far is stored")
