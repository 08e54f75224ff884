"""What a prompt is made of: the conversation so far, and what the codebase holds on the question.

Knows the database and the search; how a prompt is written is the business of `prompting`.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from backend.chat.followups import kept, spoken_of
from backend.chat.question import Question
from backend.db import conversations
from backend.db.database import Database
from backend.db.tables import SessionRow, TurnRow
from backend.indexing.attachments import ATTACHED, agreeing, attached_hits
from backend.indexing.retrieval import Retrieval
from indexer.navigation.navigator import StructuralAnswer
from indexer.search.searcher import Found
from models.router import RoutingFeatures
from prompts.quoted_names import own_words


class ContextRetriever:
    """Looks up what is known; `most` is how many pieces of code are brought."""

    def __init__(self, database: Database, retrieval: Retrieval, most: int) -> None:
        self._database, self._retrieval, self._most = database, retrieval, most

    async def session(self, question: Question) -> SessionRow | None:
        if not question.session:
            return None
        return await self._database.read(lambda db: conversations.require_session(db, question.session))

    async def past(self, conversation: str | None, before: int | None = None) -> Sequence[TurnRow]:
        """The finished turns of the conversation that a model can be shown."""
        if conversation is None:
            return []
        rows = await self._database.read(lambda db: conversations.turns(db, conversation, before))
        return [row for row in rows if row.answer and row.user_message]

    async def found(self, question: Question, past: Sequence[TurnRow]) -> tuple[Found, Path | None]:
        """Hits, and the root of the codebase that they are from. What the user attached may always be the answer."""
        session = await self.session(question)

        def work() -> tuple[Found, Path | None]:
            codebase = self._retrieval.choose(question.codebase, session.workspace if session else "")
            root = codebase.root if codebase else None
            attached = attached_hits(question.attachments, root)
            if codebase is None or question.retrieval == "off":
                return Found(attached, is_answered=True), root
            text, earlier = question.text, [row.question for row in past]
            if question.is_continuation:
                spoken = spoken_of(past)
                text, earlier = spoken.question, list(spoken.earlier)
            found, _ = self._retrieval.search(codebase, text, earlier, self._most, (), joined=False)
            if question.is_continuation:
                found = Found(kept(found.hits, past, codebase.root), found.is_answered)
            if attached:
                agreed = agreeing(found.hits, attached, question.attachments, codebase.root)
                found = Found(attached + agreed, is_answered=True)
            return found, root

        return await asyncio.to_thread(work)

    async def index_of(self, question: Question) -> Callable[[str], bool]:
        """Tells of a name whether the codebase of a question has it anywhere."""
        session = await self.session(question)

        def has(name: str) -> bool:
            codebase = self._retrieval.choose(question.codebase, session.workspace if session else "")
            return codebase is None or self._retrieval.has(codebase, own_words(name))

        return has

    async def structural(self, question: Question) -> tuple[StructuralAnswer, Path] | None:
        """The exact answer, and the root that it is of, where the question has one and brings no text of its own."""
        if question.retrieval != "auto" or question.attachments:
            return None
        session = await self.session(question)

        def work() -> tuple[StructuralAnswer, Path] | None:
            codebase = self._retrieval.choose(question.codebase, session.workspace if session else "")
            told = self._retrieval.structural(codebase, question.text, question.subject) if codebase else None
            return (told, codebase.root) if codebase and told else None

        return await asyncio.to_thread(work)


def routing_features(question: Question, found: Found) -> RoutingFeatures:
    """What the choice of a model goes by."""
    attached = [hit for hit in found.hits if hit.kind == ATTACHED]
    lines = sum(hit.text.count("\n") + 1 for hit in attached)
    return RoutingFeatures(question.text, len({hit.path for hit in found.hits}), lines)
