"""The answer to one accepted question: retrieve -> engine -> prompt -> sources -> deltas, cites, each in the log.

What is known of the question is the business of `known`, the prompt that of `prompting`; who asked, how turns queue and
how they end, that of `turns`.
"""

import asyncio
import contextlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from backend.chat import structural_answer
from backend.chat.answer import Draft, ms_since, source_item
from backend.chat.coalesce import coalesce
from backend.chat.context import ContextRetriever, routing_features
from backend.chat.followups import in_conversation
from backend.chat.history import left_behind, next_number, window_start
from backend.chat.lead import Lead
from backend.chat.prompting import Prompting
from backend.chat.question import Question
from backend.db import conversations, events
from backend.db.database import Database
from backend.db.tables import TurnRow
from backend.engines.pool import EXTRACTIVE, EnginePool, Ready
from backend.errors import ApiError
from backend.grounding.checker import Grounded, Grounding
from backend.grounding.sources import known_sources
from backend.metrics import Metrics
from indexer.navigation.navigator import StructuralAnswer
from indexer.search.searcher import Found
from models.errors import ModelError
from models.extractive.engine import estimate_tokens
from models.types import Delta, Rates, Usage
from prompts.build import BuiltPrompt
from prompts.snippets import Snippet, user_message
from prompts.task import CHANGE, task
from prompts.ttft_budget import forecast_s

NOTHING_FOUND = Found([], is_answered=True)
NO_ANSWER = "The model gave no answer."


@dataclass(slots=True)
class _Turn:
    """What an answer is made from, and what there is of it."""

    question: Question
    row: TurnRow
    draft: Draft
    past: Sequence[TurnRow]
    found: Found
    root: Path | None
    lead: Lead | None
    grounding: Grounding | None = None


class Rag:
    """Answers questions with code in hand."""

    def __init__(
        self,
        database: Database,
        log: events.EventLog,
        known: ContextRetriever,
        engines: EnginePool,
        prompting: Prompting,
        stats: Metrics,
    ) -> None:
        self._database, self._log, self._known = database, log, known
        self._engines, self._prompting, self._stats = engines, prompting, stats

    async def answer(self, question: Question, row: TurnRow, draft: Draft) -> str:
        """From the question to its last delta; returns the reason of the end."""
        past = await self._known.past(row.conversation_id, row.ordinal)
        question = in_conversation(question, past)
        self._status(row, "retrieving")
        began = time.perf_counter()
        if told := await self._known.structural(question):
            draft.ms["retrieve"] = ms_since(began)
            return await self._list(question, row, draft, *told, past)
        found, root = await self._known.found(question, past)
        draft.ms["retrieve"] = ms_since(began)
        if question.retrieval == "only":
            draft.model = "none"
            few = self._prompting.few(found.hits)
            snippets = [Snippet(n, hit, False) for n, hit in enumerate(few, next_number(past))]
            await self._store_prompt(row, snippets, "", row.ordinal, draft)
            return "stop"
        turn = _Turn(question, row, draft, past, found, root, self._prompting.lead(question, found, past))
        if turn.lead and not self._engines.is_ready(question.model):
            await self._begin(turn, turn.lead.snippets)  # the model is being loaded: what is known need not wait for it
        failed: dict[str, str] = {}
        while True:
            try:
                return await self._with_engine(turn, failed)
            except (asyncio.CancelledError, ApiError):
                await self._break_off(turn)
                raise
            except ModelError as error:
                if draft.said or not self._engines.should_fall_back(question.model, draft.model, error, failed):
                    await self._break_off(turn)
                    raise
                draft.start_over()

    async def _with_engine(self, turn: "_Turn", failed: Mapping[str, str]) -> str:
        """Prompt, sources and answer of the engine that is chosen; `failed` are those that have tried."""
        question, row, draft, past, found = turn.question, turn.row, turn.draft, turn.past, turn.found

        def loading(done: int, total: int, eta_ms: int | None) -> None:
            self._status(row, "loading", done=done, total=total, eta_ms=eta_ms)

        self._status(row, "loading")
        async with self._engines.use(question.model, routing_features(question, found), loading, failed) as ready:
            draft.waited()
            draft.model = ready.engine.name
            began = time.perf_counter()
            promise = self._prompting.promise(ready, question, draft.spent_s)
            draft.promised_s = promise.first_token_s if promise.is_given else None
            lead = turn.lead if draft.lead or draft.model != EXTRACTIVE else None  # its answers begin so by themselves
            built = await self._prompting.build(ready, question, past, found, promise, lead)
            left = left_behind(past, built.dropped, draft.model)
            draft.notice = " ".join(filter(None, (built.prompt.notice, self._engines.news(ready.engine), left)))
            start = window_start(past, built.dropped, row)
            await self._store_prompt(row, built.snippets, built.user, start, draft)
            draft.ms["retrieve"] += ms_since(began)
            if lead:
                await self._begin(turn, built.snippets)
            turn.grounding = await self._grounding(turn, built.snippets, is_exact=draft.model == EXTRACTIVE)
            return await self._generate(turn, ready, built)

    async def _begin(self, turn: "_Turn", snippets: Sequence[Snippet]) -> None:
        """Says the lead, once, with its citations."""
        if turn.draft.lead or turn.lead is None:
            return
        if turn.draft.sources is None:
            await self._store_prompt(turn.row, snippets, "", turn.row.ordinal, turn.draft)
        turn.draft.lead = turn.lead.text
        turn.grounding = await self._grounding(turn, snippets)
        await self._say(turn, turn.lead.paragraph)

    async def _grounding(self, turn: "_Turn", snippets: Sequence[Snippet], *, is_exact: bool = False) -> Grounding:
        """That of the answer, which knows what it has begun with and from now on these snippets, too."""
        sources = await asyncio.to_thread(known_sources, turn.past, snippets)
        question = turn.question
        if turn.grounding is None:
            is_in_index = await self._known.index_of(question)
            turn.grounding = Grounding(turn.root, sources, question.text, is_in_index)
        turn.grounding.is_exact = is_exact
        turn.grounding.learn(sources)
        turn.grounding.is_checked = question.retrieval != "off" and task(question.text) != CHANGE
        return turn.grounding

    async def _say(self, turn: "_Turn", text: str, *, last: bool = False) -> None:
        """The next words of an answer with the citations that they complete; with the `last` all that is held back."""
        assert turn.grounding is not None
        told = [await turn.grounding.feed(text)] if text else []
        told += [await turn.grounding.close()] if last else []
        await self._show(turn, *told)

    async def _break_off(self, turn: "_Turn") -> None:
        """Says what was held back of an answer that ends before its end."""
        if turn.grounding is not None:
            await self._show(turn, await turn.grounding.break_off())

    async def _show(self, turn: "_Turn", *told: Grounded) -> None:
        assert turn.grounding is not None
        turn.draft.grounding = turn.grounding.share
        if shown := "".join(one.text for one in told):
            turn.draft.text += shown
            await self._tell(turn.row, "delta", {"text": shown})
        await self._tell(turn.row, "cite", *(cite for one in told for cite in one.cites))

    async def preview(self, question: Question) -> tuple[str, BuiltPrompt]:
        """The model's name and the prompt that asking would have it read; nothing is stored or generated."""
        session = await self._known.session(question)
        past = await self._known.past(question.conversation)
        question = in_conversation(question, past)
        found, _ = await self._known.found(question, past)
        model = question.model or (session.model if session else "")
        async with self._engines.use(model, routing_features(question, found)) as ready:
            promise = self._prompting.promise(ready, question, 0.0)
            lead = self._prompting.lead(question, found, past) if ready.engine.name != EXTRACTIVE else None
            built = await self._prompting.build(ready, question, past, found, promise, lead)
            return ready.engine.name, built

    async def _list(
        self,
        question: Question,
        row: TurnRow,
        draft: Draft,
        told: StructuralAnswer,
        root: Path,
        past: Sequence[TurnRow],
    ) -> str:
        """Answers with the places themselves, in one delta: no model runs. Later prompts show the code as ever."""
        number = next_number(past)
        snippets = [Snippet(n, hit, False) for n, hit in enumerate(told.hits, number)]
        draft.model = structural_answer.MODEL
        user = user_message(snippets, row.question)
        await self._store_prompt(row, snippets, user, window_start(past, 0, row), draft)
        draft.said = structural_answer.listing(told, number)
        turn = _Turn(question, row, draft, past, NOTHING_FOUND, root, None)
        turn.grounding = await self._grounding(turn, snippets, is_exact=True)
        await self._say(turn, draft.said, last=True)
        draft.usage = Usage(0, 0, estimate_tokens(draft.text))
        return "stop"

    async def _store_prompt(
        self, row: TurnRow, snippets: Sequence[Snippet], user: str, start: int, draft: Draft
    ) -> None:
        items = [source_item(snippet) for snippet in snippets]

        def work(db: Session) -> None:
            stored = db.get_one(TurnRow, (row.session_id, row.id))
            stored.sources, stored.user_message, stored.model = items, user, draft.model
            stored.window_start = start
            owner = conversations.require_session(db, row.session_id)
            if draft.sources != items:  # else an engine that failed has told them already
                events.append(db, owner, row.id, "sources", items=items)

        await self._database.write(work)
        draft.sources = items
        self._log.notify(row.session_id)

    async def _generate(self, turn: "_Turn", ready: Ready, built: BuiltPrompt) -> str:
        row, draft, began = turn.row, turn.draft, time.perf_counter()
        reading = "read" if draft.lead else "prefill"  # with a lead the first text is there before the model's
        draft.usage = Usage(built.tokens, 0, 0)
        if built.prompt.notice and draft.model == EXTRACTIVE:
            self._stats.fallbacks += 1
        stream = ready.engine.stream(built.prompt, self._prompting.sampling(ready, turn.question))
        try:
            async with contextlib.aclosing(coalesce(stream)) as batches:
                async for batch in batches:
                    last = batch[-1]
                    if text := "".join(delta.text for delta in batch):
                        if not draft.said:
                            draft.ms[reading] = ms_since(began)
                            self._status(row, "generating")
                        over = draft.lead[len(turn.lead.paragraph) :] if turn.lead and not draft.said else ""
                        draft.said += text
                        await self._say(turn, over + text)
                    elif not draft.said:
                        self._advance(row, draft, last, ready.engine.rates)
                    if last.reason is not None:
                        draft.usage = last.usage or draft.usage
                        is_silent = not draft.said.strip() and last.reason != "cancelled"
                        draft.tell(last.notice, NO_ANSWER if is_silent else "")
                        await self._say(turn, "", last=True)
                        return last.reason
        finally:
            if draft.said:
                draft.ms["generate"] = ms_since(began) - draft.ms[reading]
            else:
                draft.ms[reading] = ms_since(began)
            if draft.said and not draft.usage.completion:  # cut short: who could tell exactly may be gone
                draft.usage = replace(draft.usage, completion=estimate_tokens(draft.said))
        raise RuntimeError(f"engine {ready.engine.name} ended its stream without a reason")

    def _advance(self, row: TurnRow, draft: Draft, delta: Delta, rates: Rates) -> None:
        """Says how far the engine is before the first token. What it says first is the forecast."""
        eta_s = delta.eta_s
        if delta.progress:
            done, total = delta.progress
            eta_s = forecast_s(total, done, rates) if eta_s is None else eta_s
            self._status(row, "prefill", done=done, total=total, eta_ms=_ms(eta_s))
        elif delta.waiting is not None:
            self._status(row, "queued", done=0, total=delta.waiting, eta_ms=_ms(eta_s))
        draft.forecast_s = eta_s if draft.forecast_s is None else draft.forecast_s

    async def _tell(self, row: TurnRow, kind: str, *bodies: dict[str, Any]) -> None:
        if not bodies:
            return

        def work(db: Session) -> list[events.Event]:
            owner = conversations.require_session(db, row.session_id)
            return [events.append(db, owner, row.id, kind, **body) for body in bodies]

        # A cancel must not leave it open whether this is in the log: the end comes after it in the same queue.
        told = await asyncio.shield(self._database.write(work))
        self._log.notify(row.session_id, told)

    def _status(self, row: TurnRow, stage: str, **facts: Any) -> None:
        self._log.status(row.session_id, row.id, stage, **facts)


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(1000 * seconds)
