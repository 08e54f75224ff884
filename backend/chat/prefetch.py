"""Prefetch: while a question is typed, its prompt is built and read into the model's KV cache.

Nothing is stored or shown, and every real prompt goes first. What was prefetched for another question is evicted first.
"""

import asyncio
import logging
from contextlib import aclosing
from dataclasses import replace

from sqlalchemy.orm import Session

from backend.chat.context import ContextRetriever
from backend.chat.prompting import PromptBuilder
from backend.chat.question import Question
from backend.db import conversations
from backend.db.database import Database
from backend.engines.pool import EnginePool
from backend.errors import to_api_error
from models.types import Sampling

log = logging.getLogger(__name__)

PAUSE_S = 0.3  # without another keystroke


class Prefetcher:
    """Prefetches at most one prompt per session: that of the newest text."""

    def __init__(
        self, database: Database, retriever: ContextRetriever, engines: EnginePool, prompt_builder: PromptBuilder
    ) -> None:
        self._database, self._retriever, self._engines, self._prompt_builder = (
            database,
            retriever,
            engines,
            prompt_builder,
        )
        self.reading: dict[str, asyncio.Task[None]] = {}  # by session

    def read(self, session: str, text: str) -> None:
        """Starts with the text typed so far and drops what was started before."""
        self.drop(session)
        self.reading[session] = task = asyncio.create_task(self._read(session, text), name=f"prefetch {session}")
        task.add_done_callback(lambda _: self._forget(session, task))

    def drop(self, session: str) -> None:
        """Stops the prefetch: the question has arrived, or the user is gone."""
        if task := self.reading.pop(session, None):
            task.cancel()

    async def close(self) -> None:
        tasks = list(self.reading.values())
        for session in list(self.reading):
            self.drop(session)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, session: str, task: "asyncio.Task[None]") -> None:
        if self.reading.get(session) is task:
            del self.reading[session]

    async def _read(self, session: str, text: str) -> None:
        try:
            await asyncio.sleep(PAUSE_S)
            await self._read_prompt(session, text)
        except Exception as error:  # noqa: BLE001 - the edge of the job: the question itself reports the error
            to_api_error(error, log, f"prefetch in session {session}")

    async def _read_prompt(self, session: str, text: str) -> None:
        def newest(db: Session) -> tuple[str, str | None]:
            return conversations.require_session(db, session).model, conversations.newest(db, session)

        model, conversation = await self._database.read(newest)
        if not await self._engines.is_loaded(model):
            return  # a guess is not worth a load, and `auto` has not chosen a model yet
        question = Question(session, "", text, conversation, retrieval="auto" if text.strip() else "off")
        context = await self._retriever.load_context(question)
        if context.exact:
            return
        context = await self._retriever.search(context)
        async with self._engines.use(model, context.routing_features) as lease:
            budget = self._prompt_builder.budget(lease, context.question, 0.0)
            lead = await asyncio.to_thread(self._prompt_builder.lead, context)
            built = await self._prompt_builder.build(lease, context, budget, lead)
            reading = lease.engine.stream(replace(built.prompt, prefetch=True), Sampling(max_tokens=0))
            async with aclosing(reading):
                async for _ in reading:
                    pass
