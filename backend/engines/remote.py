"""The engine behind ENGINE_URL: connected when it is first wanted, and left alone for a while after it failed."""

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


class Remote:
    """One server of models."""

    def __init__(self, connect: Callable[[], Awaitable[Engine]], model: str = "") -> None:
        self._connect, self._model = connect, model
        self._engine: Engine | None = None
        self._users: Counter[Engine] = Counter()
        self._connecting = asyncio.Lock()
        self._backoff = Backoff()

    @property
    def name(self) -> str:
        """What its model is called, as far as that is known."""
        return self._engine.name if self._engine is not None else self._model or REMOTE

    @property
    def context_length(self) -> int:
        """Tokens; 0 before it is connected."""
        return self._engine.context_length if self._engine is not None else 0

    def refusal(self) -> str:
        """Why it is better left alone now, or ""."""
        return self._backoff.refusal(REMOTE)

    @asynccontextmanager
    async def use(self) -> AsyncIterator[Engine]:
        """Its engine. Raises ModelUnavailable; whatever shows in the block that it is not there counts as a failure."""
        try:
            async with self._connecting:
                engine = self._engine = self._engine or await self._connect()
            async with self._used(engine):
                yield engine
        except UNREACHABLE as error:
            self._backoff.failed(REMOTE, str(error))
            raise
        self._backoff.succeeded(REMOTE)

    @asynccontextmanager
    async def _used(self, engine: Engine) -> AsyncIterator[None]:
        """Where it turns out that the server has another model by now, or another context, it is asked again."""
        self._users[engine] += 1
        try:
            yield
        except (ModelUnavailable, ContextTooLarge) as error:
            is_known = isinstance(error, ContextTooLarge) and error.limit >= engine.context_length
            if self._engine is engine and not is_known:
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


def remote(settings: Settings) -> Remote | None:
    """The server that the settings name, if they do."""
    if not settings.engine_url:
        return None
    key = settings.engine_api_key.get_secret_value()
    connect = partial(
        RemoteEngine.connect,
        settings.engine_url,
        settings.engine_model,
        api_key=key,
        context_length=settings.context_length,
    )
    return Remote(connect, settings.engine_model)
