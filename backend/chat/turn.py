"""One turn while it is answered: its question's context, the answer so far, and the events that it writes.

Does not know which engine answers or how its prompt is built.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from backend.chat.answer import AnswerState, source_item
from backend.chat.context import TurnContext
from backend.chat.lead import Lead
from backend.db import conversations, events
from backend.db.database import Database
from backend.db.tables import TurnRow
from backend.grounding.checker import GroundedText, Grounding
from backend.grounding.disk import Disk, FindLines
from backend.grounding.sources import conversation_sources
from prompts.snippets import Snippet
from prompts.task import CHANGE, answer_instruction


@dataclass(frozen=True, slots=True)
class TurnLog:
    """Writes the events of one turn."""

    database: Database
    log: events.EventLog
    row: TurnRow

    def publish_status(self, stage: str, **fields: Any) -> None:
        """A status is sent to whoever listens now and is not stored."""
        self.log.publish_status(self.row.session_id, self.row.id, stage, **fields)

    async def append(self, kind: str, *bodies: dict[str, Any]) -> None:
        """Stores one event per body, in one transaction."""
        if not bodies:
            return

        def work(db: Session) -> list[events.Event]:
            owner = conversations.require_session(db, self.row.session_id)
            return [events.append(db, owner, self.row.id, kind, **body) for body in bodies]

        # Shielded: after a cancel it is certain that the events are stored, and the end of the turn comes after them.
        stored = await asyncio.shield(self.database.write_reserved(work))
        self.log.notify(self.row.session_id, stored)


@dataclass(slots=True)
class Turn:
    """A question, its context and its answer so far."""

    context: TurnContext
    state: AnswerState
    log: TurnLog
    is_in_index: Callable[[str], bool]  # whether the codebase contains a name
    find_lines: FindLines
    lead: Lead | None = None
    grounding: Grounding | None = None

    @property
    def row(self) -> TurnRow:
        return self.log.row

    async def store_prompt(self, snippets: Sequence[Snippet], user_message: str, window_start: int) -> None:
        """Stores what the model reads, and the `sources` event unless an engine that failed has sent the same."""
        state, row, codebase = self.state, self.row, self.context.codebase
        items = [source_item(snippet) for snippet in snippets]

        def work(db: Session) -> None:
            stored = db.get_one(TurnRow, (row.session_id, row.id))
            stored.sources, stored.user_message, stored.model = items, user_message, state.model
            stored.window_start, stored.codebase = window_start, codebase.id if codebase else ""
            if state.sources != items:
                events.append(db, conversations.require_session(db, row.session_id), row.id, "sources", items=items)

        await self.log.database.write_reserved(work)
        state.sources = items
        self.log.log.notify(row.session_id)

    async def begin_with_lead(self, snippets: Sequence[Snippet]) -> None:
        """Sends the lead with its citations; does nothing the second time."""
        if self.state.lead or self.lead is None:
            return
        if self.state.sources is None:
            await self.store_prompt(snippets, "", self.row.ordinal)
        self.state.lead = self.lead.text
        await self.ground(snippets)
        await self.send(self.lead.paragraph)

    async def ground(self, snippets: Sequence[Snippet], *, is_exact: bool = False) -> None:
        """From now on the answer may cite these snippets too. `is_exact`: the text is made from its sources."""
        context = self.context
        sources = await asyncio.to_thread(conversation_sources, context.history, snippets)
        text = context.question.text
        if self.grounding is None:
            self.grounding = Grounding(Disk(context.root, self.find_lines), sources, text, self.is_in_index)
        self.grounding.is_exact = is_exact
        self.grounding.set_sources(sources)
        self.grounding.is_checked = context.question.retrieval != "off" and answer_instruction(text) != CHANGE

    async def send(self, text: str, *, last: bool = False) -> None:
        """Sends the next text of the answer with the citations that it completes; `last`: the withheld rest, too."""
        assert self.grounding is not None
        parts = [await self.grounding.feed(text)] if text else []
        parts += [await self.grounding.close()] if last else []
        await self._emit(*parts)

    async def break_off(self) -> None:
        """Sends the withheld rest of an answer that ends early."""
        if self.grounding is not None:
            await self._emit(await self.grounding.break_off())

    async def _emit(self, *parts: GroundedText) -> None:
        assert self.grounding is not None
        self.state.grounding = self.grounding.share
        if text := "".join(part.text for part in parts):
            self.state.text += text
            await self.log.append("delta", {"text": text})
        await self.log.append("cite", *(cite for part in parts for cite in part.cites))
