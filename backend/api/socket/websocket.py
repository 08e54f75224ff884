"""The socket of IDE plugins: JSON-RPC 2.0 requests in, answers and events out.

Accepts connections and reads their frames; what a method does is in `methods`, how frames are sent in `frames`.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

from starlette.websockets import WebSocket

from backend.api.security import AccessRules, bearer, trust
from backend.api.socket.frames import GONE, EventPumps, FrameWriter
from backend.api.socket.jsonrpc import parse_request, request_id
from backend.api.socket.methods import Methods
from backend.errors import ApiError, to_api_error
from backend.services import Services

log = logging.getLogger(__name__)

PROTOCOL = "lantern.v1"
NOT_OUR_PROTOCOL, BAD_TOKEN, TOO_MANY = 4400, 4401, 4429  # close codes
CONNECTIONS = 256  # a user with many editor windows; each takes a file
REQUESTS = 32  # open at once, per connection
LAST_REQUESTS_S = 5.0  # how long the requests of a client that left may still take


class Sockets:
    """All open connections of a server."""

    def __init__(self, services: Services, rules: AccessRules) -> None:
        self._services, self._rules = services, rules
        self._connections: set[SocketConnection] = set()

    async def serve(self, websocket: WebSocket) -> None:
        """Serves a client until it leaves, or closes at once with the code that tells why."""
        offered = websocket.scope["subprotocols"]
        if PROTOCOL not in offered:
            return await _reject(websocket, NOT_OUR_PROTOCOL, None)
        tokens = [name.removeprefix("token.") for name in offered if name.startswith("token.")]
        token = bearer(websocket.headers) or (tokens[0] if tokens else "")
        if not self._rules.allows_token(token):
            return await _reject(websocket, BAD_TOKEN, PROTOCOL)
        trust(websocket.scope)
        if len(self._connections) >= CONNECTIONS:
            return await _reject(websocket, TOO_MANY, PROTOCOL)
        await websocket.accept(PROTOCOL)
        connection = SocketConnection(websocket, self._services)
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)

    async def announce_closing(self, after_ms: int) -> None:
        """Tells every client that the server is about to close."""
        await asyncio.gather(*(connection.pumps.announce_closing(after_ms) for connection in list(self._connections)))

    async def drain(self) -> None:
        """Returns when each client has been sent the log of its sessions, after the log was closed."""
        pumps = [task for connection in self._connections for task in connection.pumps.tasks]
        if pumps:
            await asyncio.wait(pumps)


async def _reject(websocket: WebSocket, code: int, subprotocol: str | None) -> None:
    """Accepts, because only then a browser is shown the code, and closes."""
    await websocket.accept(subprotocol)
    await websocket.close(code)


class SocketConnection:
    """One client. Requests that concern sessions run in the order in which they came, the others concurrently."""

    def __init__(self, websocket: WebSocket, services: Services) -> None:
        self._socket = websocket
        self._writer = FrameWriter(websocket)
        self.pumps = EventPumps(services.turns, self._writer)
        self._methods = Methods(services, self.pumps)
        self._session_lock = asyncio.Lock()  # fair: first come, first served
        self._requests: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Reads frames until the client leaves."""
        try:
            while True:
                frame = await self._socket.receive()
                if frame["type"] == "websocket.disconnect":
                    return
                task = asyncio.create_task(self._handle(frame.get("text")))
                self._requests.add(task)
                task.add_done_callback(self._requests.discard)
                task.add_done_callback(_log_failure)
        finally:
            if self._requests:  # what the client sent before it left still counts, above all a cancel
                await asyncio.wait(self._requests, timeout=LAST_REQUESTS_S)
            tasks = [*self.pumps.tasks, *self._requests]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _handle(self, text: str | None) -> None:
        """Answers one frame."""
        id_: Any = None
        wants_answer = True

        async def reply(result: Mapping[str, Any]) -> None:
            if wants_answer:
                await self._writer.reply(id_, {"result": result})

        try:
            request = parse_request(text)
            wants_answer, id_ = "id" in request, request_id(request)
            if len(self._requests) > REQUESTS:
                raise ApiError("rate_limited", f"{REQUESTS} requests of this connection are open", 100)
            handler, params = self._methods.resolve(request.get("method"), request.get("params"))
            if request["method"].startswith("session/"):
                async with self._session_lock:
                    await handler(params, reply)
            else:
                await handler(params, reply)
        except GONE:
            return
        except Exception as failure:  # noqa: BLE001 - the edge of the socket
            error = to_api_error(failure, log, "a request")
            if wants_answer:
                await self._writer.reply(id_, {"error": error.rpc})


def _log_failure(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (failure := task.exception()) is not None:
        log.error("a connection's task failed", exc_info=failure)
