"""Cancels the work for a client that closes its connection, and all work when the server closes."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from fastapi import Request

from backend.errors import ApiError

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
