"""Coalesces deltas into batches, so that a slow consumer does not block the engine."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator

from models.types import Delta

BATCH = 32  # most deltas in one event: the size of a frame is limited
INTERVAL_S = 0.05  # between two events with text: each event is stored and sent, and readers see no difference


async def coalesce(stream: AsyncIterator[Delta]) -> AsyncGenerator[list[Delta]]:
    """The deltas of `stream` in batches: those that arrive while the consumer is busy, or within `INTERVAL_S` of the
    last batch, form one. The first text and the end are not delayed.
    """
    arrived: asyncio.Queue[Delta | None] = asyncio.Queue()
    ended, now, next_at = asyncio.Event(), asyncio.get_running_loop().time, 0.0

    async def read() -> None:
        try:
            async for delta in stream:
                arrived.put_nowait(delta)
                if delta.reason is not None:
                    ended.set()
        finally:
            arrived.put_nowait(None)
            ended.set()

    reader = asyncio.create_task(read())
    try:
        while True:
            batch = [await arrived.get()]
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), next_at - now())
            while not arrived.empty() and len(batch) < BATCH:
                batch.append(arrived.get_nowait())
            if deltas := [delta for delta in batch if delta is not None]:
                next_at = now() + INTERVAL_S if any(delta.text for delta in deltas) else next_at
                yield deltas
            if batch[-1] is None:
                await reader  # raises what the engine raised
                return
    finally:
        reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reader
