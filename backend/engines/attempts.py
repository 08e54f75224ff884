"""The engines that are tried for one answer: with `auto`, the next one if one fails before its first text.

Knows neither prompts nor what is done with an answer.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from backend.engines.model_cache import LoadListener
from backend.engines.pool import NO_FEATURES, EngineLease, EnginePool
from models.errors import ModelError
from models.router import RoutingFeatures


class EngineAttempts:
    """The attempts at one answer, each a context manager that gives an engine. Iterate until one succeeds:

        for attempt in attempts:
            async with attempt as lease:
                return await answer_with(lease)

    An attempt swallows its `ModelError` only if another engine may answer.
    """

    def __init__(
        self,
        engines: EnginePool,
        name: str,
        has_text: Callable[[], bool],
        features: RoutingFeatures = NO_FEATURES,
        listener: LoadListener | None = None,
    ) -> None:
        """`has_text`: whether the answer has text, which no other engine may continue. Others as `EnginePool.use`."""
        self._engines, self._name, self._has_text = engines, name, has_text
        self._features, self._listener = features, listener
        self._failed: dict[str, str] = {}  # engine -> reason
        self.failure: ModelError | None = None  # of the last attempt that failed

    def __iter__(self) -> Iterator[AbstractAsyncContextManager[EngineLease]]:
        while True:
            yield self._attempt()

    @asynccontextmanager
    async def _attempt(self) -> AsyncIterator[EngineLease]:
        engine, is_last = "", False
        try:
            async with self._engines.use(self._name, self._features, self._listener, self._failed) as lease:
                engine, is_last = lease.engine.name, lease.engine.is_exact  # only the extractive engine is exact
                yield lease
        except ModelError as error:
            if (
                is_last
                or self._has_text()
                or not self._engines.should_fall_back(self._name, engine, error, self._failed)
            ):
                raise
            self.failure = error
