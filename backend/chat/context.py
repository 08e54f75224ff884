"""What a question is answered from: the conversation so far, and what its codebase holds.

Knows the database and the search. How a prompt is written is the business of `prompting`.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy.orm import Session

from backend.chat.followups import SearchInput, previous_hits, resolve
from backend.chat.question import Question
from backend.db import conversations
from backend.db.database import Database
from backend.db.tables import TurnRow
from backend.indexing.attachments import ATTACHED, drop_excluded
from backend.indexing.jobs import Job, Jobs
from backend.indexing.retrieval import ExactAnswer, Retrieval
from indexer.errors import NotIndexed
from indexer.project.answers import ProjectAnswer
from indexer.search.searcher import SearchResult
from indexer.storage.codebases import CodebaseInfo
from models.router import RoutingFeatures
from prompts.quoted_names import own_words

NOT_SEARCHED = SearchResult([], is_answered=True)


@dataclass(frozen=True, slots=True)
class TurnContext:
    """What was retrieved for one question."""

    question: Question  # follow-up words resolved
    model: str  # of the question, else of its session
    history: Sequence[TurnRow]  # finished turns, oldest first
    search_input: SearchInput  # what to search for
    codebase: CodebaseInfo | None
    structural: ExactAnswer | None  # the exact answer to what is searched for
    found: SearchResult = NOT_SEARCHED

    @property
    def root(self) -> Path | None:
        return self.codebase.root if self.codebase else None

    @property
    def exact(self) -> ExactAnswer | None:
        """The exact answer where it is the whole answer; else its places are hits among others."""
        return self.structural if self._is_alone and not self.beginning else None

    @property
    def beginning(self) -> ProjectAnswer | None:
        """What an answer begins with, where the project's own files tell the fact but not all that may be asked."""
        answer = self.structural
        return answer if isinstance(answer, ProjectAnswer) and not answer.is_whole and self._is_alone else None

    @property
    def _is_alone(self) -> bool:
        question = self.question
        has_places = bool(question.attachments or question.excluded)
        return question.retrieval == "auto" and not has_places and not question.is_continuation

    @property
    def routing_features(self) -> RoutingFeatures:
        """What the choice of a model depends on."""
        attached = [hit for hit in self.found.hits if hit.kind == ATTACHED]
        lines = sum(hit.text.count("\n") + 1 for hit in attached)
        return RoutingFeatures(self.question.text, len({hit.path for hit in self.found.hits}), lines)


class ContextRetriever:
    """Retrieves at most `limit` pieces of code for a question."""

    def __init__(self, database: Database, retrieval: Retrieval, jobs: Jobs, limit: int) -> None:
        self._database, self._retrieval, self._jobs, self._limit = database, retrieval, jobs, limit
        self.find_lines = retrieval.find_lines

    async def load_context(self, question: Question, before: int | None = None) -> TurnContext:
        """The conversation, the codebase and the exact answer if there is one; nothing is searched yet.

        `before`: the ordinal of the question's own turn; None: all finished turns count.
        Raises `ApiError` for an unknown session or codebase.
        """

        def read(db: Session) -> tuple[str, str, Sequence[TurnRow]]:
            session = conversations.require_session(db, question.session) if question.session else None
            rows = conversations.turns(db, question.conversation, before) if question.conversation else []
            history = [row for row in rows if row.is_read_later and row.id != question.replaces]
            return (session.workspace, session.model, history) if session else ("", "", history)

        workspace, model, history = await self._database.read(read)

        def work() -> TurnContext:
            resolved = resolve(question, history)
            codebase = self._retrieval.choose(question.codebase, workspace)
            structural = None
            if codebase is not None and question.retrieval != "off":
                structural = self._retrieval.structural(codebase, resolved.query, resolved.question.subject)
            return TurnContext(resolved.question, question.model or model, history, resolved, codebase, structural)

        return await asyncio.to_thread(work)

    def first_index(self, context: TurnContext) -> Job | None:
        """The job that indexes a codebase for the first time, else the last one; None where that does not matter."""
        codebase = context.codebase
        if codebase is None or codebase.indexed_at or context.question.retrieval == "off":
            return None
        return self._jobs.unfinished(codebase.id) or next(reversed(self._jobs.all(codebase.id)), None)

    async def search(self, context: TurnContext) -> TurnContext:
        """The same context with its hits. Raises `ApiError` where an attachment cannot be read."""
        return replace(context, found=await asyncio.to_thread(self._found, context))

    def _found(self, context: TurnContext) -> SearchResult:
        """Attachments first: any of them may be the answer."""
        question, codebase = context.question, context.codebase
        attached = self._retrieval.attach(question.attachments, context.root)
        if codebase is None or question.retrieval == "off":
            return SearchResult(attached, is_answered=True)
        questions = [*context.search_input.earlier, context.search_input.query]
        found, _ = self._retrieval.search(codebase, questions, self._limit, exact=context.structural)
        if question.is_continuation:
            found = SearchResult(previous_hits(found.hits, context.history, codebase.root), found.is_answered)
        if question.excluded:
            left = drop_excluded(found.hits, question.excluded, codebase.root)
            found = SearchResult(left, found.is_answered and bool(left))
        if not attached:
            return found
        others = self._retrieval.drop_conflicting(found.hits, attached, question.attachments, codebase.root)
        return SearchResult(attached + others, is_answered=True)

    def is_in_index(self, context: TurnContext, name: str) -> bool:
        """Whether the codebase contains every word of a name. True where no index can say otherwise."""
        try:
            return context.codebase is None or self._retrieval.has(context.codebase, own_words(name))
        except NotIndexed:  # deleted meanwhile
            return True
