"""A stream of deltas in batches, so that a slow consumer never holds up the engine. Knows nothing else."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator

from models.types import Delta

BATCH = 32  # most deltas in one event: a frame has a limit


async def together(stream: AsyncIterator[Delta]) -> AsyncGenerator[list[Delta]]:
    """The deltas of `stream` in batches: what came while the consumer was busy goes together."""
    arrived: asyncio.Queue[Delta | None] = asyncio.Queue()

    async def read() -> None:
        try:
            async for delta in stream:
                arrived.put_nowait(delta)
        finally:
            arrived.put_nowait(None)

    reader = asyncio.create_task(read())
    try:
        while True:
            batch = [await arrived.get()]
            while not arrived.empty() and len(batch) < BATCH:
                batch.append(arrived.get_nowait())
            if deltas := [delta for delta in batch if delta is not None]:
                yield deltas
            if batch[-1] is None:
                await reader  # raises what the engine raised
                return
    finally:
        reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reader
