"""The engine behind ENGINE_URL: connected at its first use, and not tried for a while after a failure."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

from backend.config import Settings
from models.backoff import Backoff
from models.errors import ContextTooLarge, EngineBusy, EngineFailed, ModelUnavailable
from models.remote.engine import RemoteEngine
from models.types import Engine

REMOTE = "remote"
UNREACHABLE = (EngineFailed, EngineBusy, ModelUnavailable)


class RemoteServer:
    """A server that runs one model."""

    def __init__(self, connect: Callable[[], Awaitable[Engine]], model: str = "") -> None:
        self._connect, self._model = connect, model
        self._engine: Engine | None = None
        self._users: Counter[Engine] = Counter()
        self._connect_lock = asyncio.Lock()
        self._backoff = Backoff()

    @property
    def name(self) -> str:
        """The name of its model; before the first connection ENGINE_MODEL or `remote`."""
        return self._engine.name if self._engine is not None else self._model or REMOTE

    @property
    def context_length(self) -> int:
        """Tokens; 0 before the first connection."""
        return self._engine.context_length if self._engine is not None else 0

    def refusal(self) -> str:
        """Why it should not be tried now, or ""."""
        return self._backoff.refusal(REMOTE)

    @asynccontextmanager
    async def use(self) -> AsyncIterator[Engine]:
        """Its engine. Raises ModelUnavailable. An error in the block that means it cannot be reached is remembered."""
        try:
            async with self._connect_lock:
                engine = self._engine = self._engine or await self._connect()
            async with self._in_use(engine):
                yield engine
        except UNREACHABLE as error:
            self._backoff.failed(REMOTE, str(error))
            raise
        self._backoff.succeeded(REMOTE)

    @asynccontextmanager
    async def _in_use(self, engine: Engine) -> AsyncIterator[None]:
        """Counts the user. If an error shows that the server runs another model or context now, the next use connects
        again; the last user closes the old engine.
        """
        self._users[engine] += 1
        try:
            yield
        except (ModelUnavailable, ContextTooLarge) as error:
            is_expected = isinstance(error, ContextTooLarge) and error.limit >= engine.context_length
            if self._engine is engine and not is_expected:
                self._engine = None
            raise
        finally:
            self._users[engine] -= 1
            if engine is not self._engine and not self._users[engine]:
                del self._users[engine]
                await engine.close()

    async def close(self) -> None:
        if self._engine is not None:
            await self._engine.close()


def remote_server(settings: Settings) -> RemoteServer | None:
    """The server that ENGINE_URL names; None if it is not set."""
    if not settings.engine_url:
        return None
    connect = partial(
        RemoteEngine.connect,
        settings.engine_url,
        settings.engine_model,
        api_key=settings.engine_api_key.get_secret_value(),
        context_length=settings.context_length,
    )
    return RemoteServer(connect, settings.engine_model)
