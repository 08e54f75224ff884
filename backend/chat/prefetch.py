"""Reading ahead of a question: what is being typed is searched for, and its prompt read by the model.

Nothing of it is stored or shown, and every real prompt goes first. If the question turns out to be another one, what
was read is the first to go.
"""

import asyncio
import logging
from contextlib import aclosing
from dataclasses import replace

from sqlalchemy.orm import Session

from backend.chat.context import ContextRetriever, routing_features
from backend.chat.followups import in_conversation
from backend.chat.prompting import Prompting
from backend.chat.question import Question
from backend.db import conversations
from backend.db.database import Database
from backend.engines.pool import EnginePool
from backend.errors import translate
from models.types import Sampling

log = logging.getLogger(__name__)

PAUSE_S = 0.3  # without another letter


class Prefetcher:
    """At most one prompt per session is read ahead: that of the newest text."""

    def __init__(self, database: Database, known: ContextRetriever, engines: EnginePool, prompting: Prompting) -> None:
        self._database, self._known, self._engines, self._prompting = database, known, engines, prompting
        self.reading: dict[str, asyncio.Task[None]] = {}  # by session

    def read(self, session: str, text: str) -> None:
        """Begins with what is typed so far, in place of what was typed before."""
        self.drop(session)
        self.reading[session] = task = asyncio.create_task(self._read(session, text), name=f"ahead {session}")
        task.add_done_callback(lambda _: self._forget(session, task))

    def drop(self, session: str) -> None:
        """Stops reading ahead: the question is here, or nobody asks any more."""
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
        except Exception as error:  # the edge of the job: whoever asks is told
            if translate(error) is None:
                log.exception("reading ahead in session %s failed", session)

    async def _read_prompt(self, session: str, text: str) -> None:
        def newest(db: Session) -> tuple[str, str | None]:
            return conversations.require_session(db, session).model, conversations.newest(db, session)

        model, conversation = await self._database.read(newest)
        if not await self._engines.is_loaded(model):
            return  # no guess is worth a load; and of `auto` it is not known yet who will answer
        past = await self._known.past(conversation)
        question = Question(session, "", text, conversation, retrieval="auto" if text.strip() else "off")
        question = in_conversation(question, past)
        if await self._known.structural(question):
            return
        found, _ = await self._known.found(question, past)
        async with self._engines.use(model, routing_features(question, found)) as ready:
            promise = self._prompting.promise(ready, question, 0.0)
            lead = self._prompting.lead(question, found, past)
            built = await self._prompting.build(ready, question, past, found, promise, lead)
            reading = ready.engine.stream(replace(built.prompt, ahead=True), Sampling(max_tokens=0))
            async with aclosing(reading):
                async for _ in reading:
                    pass
