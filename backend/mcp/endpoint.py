"""`/mcp`: the Model Context Protocol over streamable HTTP, stateless. Behind the guard, as every route.

The SDK takes 0.9 s and 63 MB to import. It is imported with the first request: most servers never get one.
"""

import asyncio
from collections.abc import Awaitable, Callable

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from backend.errors import ApiError
from backend.services import Services

Handler = Callable[[Scope, Receive, Send], Awaitable[None]]


class McpEndpoint:
    """The route, and the task in which the SDK's session manager lives from the first request to `close`."""

    def __init__(self, services: Services, closing: asyncio.Event) -> None:
        """`closing` is set when the server closes: running tools then end with an error."""
        self._services, self._closing = services, closing
        self._stop = asyncio.Event()
        self._handler: asyncio.Future[Handler] | None = None
        self._life: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":  # no session that a GET could follow or a DELETE could end
            error = ApiError("invalid", f"{scope['method']} /mcp: each message is a POST of its own")
            return await JSONResponse({"error": error.body}, 405, {"Allow": "POST"})(scope, receive, send)
        if self._handler is None:
            self._handler = asyncio.get_running_loop().create_future()
            self._life = asyncio.create_task(self._live(self._handler), name="mcp")
        handle = await asyncio.shield(self._handler)
        # Spaces around a value are no part of it; the HTTP parser leaves those behind it, and the SDK compares.
        headers = [(name, value.strip(b" \t")) for name, value in scope["headers"]]
        return await handle({**scope, "headers": headers}, receive, send)

    async def close(self) -> None:
        """Ends what still runs. The server accepts no request any more."""
        self._stop.set()
        if self._life is not None:
            await asyncio.wait([self._life])

    async def _live(self, handler: "asyncio.Future[Handler]") -> None:
        """One task enters and leaves the manager: its task group asks for that."""
        try:
            manager = await asyncio.to_thread(self._build)
            async with manager.run():
                handler.set_result(manager.handle_request)
                await self._stop.wait()
        except Exception as failure:
            if handler.done():
                raise
            handler.set_exception(failure)  # each request answers with it

    def _build(self):  # type: ignore[no-untyped-def]  # a type of the SDK
        from backend.mcp.server import build_manager

        return build_manager(self._services, self._closing)
