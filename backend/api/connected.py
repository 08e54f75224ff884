"""Cancels the work for a client that closes its connection, and all work when the server closes.

Sends streams, and ends one that fails with its error.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import StreamingResponse

from backend.errors import ApiError, to_api_error

log = logging.getLogger(__name__)
T = TypeVar("T")


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is cancelled if the client goes away first, or the server closes."""
    ends = [asyncio.create_task(_disconnected(request)), _closing(request.app.state.closing)]
    try:
        return await _unless(work, ends)
    finally:
        for end in ends:
            end.cancel()


async def while_serving(closing: asyncio.Event, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is cancelled if the server closes first: `closing` is set then."""
    end = _closing(closing)
    try:
        return await _unless(work, [end])
    finally:
        end.cancel()


async def while_open(request: Request, stream: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """What the stream yields. Raises `interrupted` as soon as the server closes, whatever the stream waits for."""
    closing = _closing(request.app.state.closing)
    async with aclosing(stream):
        try:
            while True:
                try:
                    part = await _unless(_next(stream), [closing])
                except StopAsyncIteration:
                    return
                yield part
        finally:
            closing.cancel()


def event_stream(lines: AsyncGenerator[str, None], error_line: Callable[[ApiError], str]) -> StreamingResponse:
    """A response of server-sent events. An error becomes its last line, because the status is sent already."""

    async def sent() -> AsyncGenerator[str, None]:
        async with aclosing(lines):
            try:
                async for line in lines:
                    yield line
            except Exception as failure:  # noqa: BLE001 - the edge of the stream
                yield error_line(to_api_error(failure, log, "a stream"))

    return StreamingResponse(sent(), media_type="text/event-stream", headers={"Cache-Control": "no-cache"})


async def _next(stream: AsyncGenerator[T, None]) -> T:
    return await anext(stream)


async def _unless(work: Coroutine[Any, Any, T], ends: Sequence["asyncio.Task[ApiError]"]) -> T:
    """The result of `work`, which is cancelled if one of `ends` comes first. Raises the error that this one returns."""
    working = asyncio.create_task(work)
    try:
        await asyncio.wait((working, *ends), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise next(end.result() for end in ends if end.done())
        return working.result()
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def _disconnected(request: Request) -> ApiError:
    """Returns when the connection is closed. The body has been read, so no other message can come."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    return ApiError("cancelled", "the client closed the connection")


def _closing(closing: asyncio.Event) -> "asyncio.Task[ApiError]":
    """Ends when the server closes."""

    async def wait() -> ApiError:
        await closing.wait()
        return ApiError("interrupted", "the server is closing: ask again when it has started")

    return asyncio.create_task(wait())
