"""Deletes messages: their turns are cancelled first, and caches that hold their text are emptied."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy.orm import Session

from backend.errors import ApiError
from backend.services import Services

CLEAR_TRIES, CLEAR_PAUSE_S = 20, 0.05


async def clear(
    services: Services, chosen: Sequence[tuple[str, str]], work: Callable[[Session], int | None]
) -> dict[str, Any]:
    """Ends the turns of these conversations, given with their sessions, and runs `work`, which deletes them.

    `work` returns the number of deleted messages, or None if a turn is open again.
    """
    for _ in range(CLEAR_TRIES):
        for session_id, conversation_id in chosen:
            services.prefetcher.drop(session_id)
            await services.turns.cancel(session_id, conversation=conversation_id)
        deleted = await services.database.write(work)
        if deleted is not None:
            await services.engines.clear_caches()
            if deleted:
                await services.database.purge()
            return {"deleted": deleted}
        await asyncio.sleep(CLEAR_PAUSE_S)  # a question came in the meantime
    raise ApiError("rate_limited", "new questions keep arriving in this conversation: try again", 1000)
