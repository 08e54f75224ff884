"""The answer to one accepted question: retrieve -> engine -> prompt -> sources -> deltas, cites, each in the log.

Knows retrieval, prompts and engines; who asked, how turns queue and how they end is the business of `turns`.
"""

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from backend import conversations, events, listing
from backend.attached import ATTACHED, agreeing, attached_hits
from backend.batches import together
from backend.db import Database
from backend.engines import Engines, Ready
from backend.errors import Refusal
from backend.grounding import Grounding
from backend.past import exchange, next_number, window, window_start
from backend.question import Draft, Question, ms_since
from backend.retrieval import Retrieval, wire_why
from backend.stats import Stats
from backend.tables import SessionRow, TurnRow
from indexer.search import Found
from indexer.structure import Structural
from indexer.types import Hit
from models.extractive import estimate_tokens
from models.types import Delta, Engine, Rates, Sampling, Segment, Usage
from prompts.budget import Promise, forecast_s
from prompts.build import BuiltPrompt, build_prompt
from prompts.snippets import Snippet, user_message

SYSTEM = (Path(__file__).parent.parent / "prompts" / "system.md").read_text(encoding="utf-8")
CANDIDATES = 3  # times SNIPPETS: what the packer may choose from


class Rag:
    """Answers questions with code in hand."""

    def __init__(
        self,
        database: Database,
        log: events.EventLog,
        retrieval: Retrieval,
        engines: Engines,
        stats: Stats,
        *,
        snippets: int,
        max_tokens: int,
        first_token_s: float,
    ) -> None:
        self._database, self._log, self._retrieval = database, log, retrieval
        self._engines, self._stats = engines, stats
        self._snippets, self._max_tokens, self._first_token_s = snippets, max_tokens, first_token_s

    async def answer(self, question: Question, row: TurnRow, draft: Draft) -> str:
        """From the question to its last delta; returns the reason of the end."""
        past = await self._past(row.conversation_id, row.ordinal)
        self._status(row, "retrieving")
        began = time.perf_counter()
        if told := await self._structural(question):
            draft.ms["retrieve"] = ms_since(began)
            return await self._list(row, draft, *told, past)
        found, root = await self._retrieve(question, past)
        draft.ms["retrieve"] = ms_since(began)
        if question.retrieval == "only":
            draft.model = "none"
            snippets = [Snippet(n, hit, False) for n, hit in enumerate(self._few(found.hits), next_number(past))]
            await self._store_prompt(row, snippets, "", row.ordinal, draft)
            return "stop"
        self._status(row, "loading")
        began = time.perf_counter()
        async with self._engines.use(question.model) as ready:
            draft.ms["queue"] += ms_since(began)
            draft.model = ready.engine.name
            began = time.perf_counter()
            promise = self._promise(ready, question, draft)
            draft.promised_s = promise.first_token_s if promise.is_given else None
            built = await asyncio.to_thread(self._build, ready, question, past, found, promise)
            start = window_start(past, built.dropped, row)
            await self._store_prompt(row, built.snippets, built.user, start, draft)
            draft.ms["retrieve"] += ms_since(began)
            grounding = Grounding(root, past, built.snippets)
            return await self._generate(question, row, draft, ready, built, grounding)

    async def preview(self, question: Question) -> tuple[str, BuiltPrompt]:
        """The model's name and the prompt that asking would have it read; nothing is stored or generated."""
        session = await self._session(question)
        past = await self._past(question.conversation, None)
        found, _ = await self._retrieve(question, past)
        async with self._engines.use(question.model or (session.model if session else "")) as ready:
            promise = self._promise(ready, question, Draft())
            built = await asyncio.to_thread(self._build, ready, question, past, found, promise)
            return ready.engine.name, built

    async def _session(self, question: Question) -> SessionRow | None:
        if not question.session:
            return None
        return await self._database.read(lambda db: conversations.require_session(db, question.session))

    async def _past(self, conversation: str | None, before: int | None) -> Sequence[TurnRow]:
        """The finished turns of the conversation that a model can be shown."""
        if conversation is None:
            return []
        rows = await self._database.read(lambda db: conversations.turns(db, conversation, before))
        return [row for row in rows if row.answer and row.user_message]

    async def _retrieve(self, question: Question, past: Sequence[TurnRow]) -> tuple[Found, Path | None]:
        """Hits, and the root of the codebase that they are from. What the user attached may always be the answer."""
        session = await self._session(question)
        most = CANDIDATES * self._snippets

        def work() -> tuple[Found, Path | None]:
            codebase = self._retrieval.choose(question.codebase, session.workspace if session else "")
            root = codebase.root if codebase else None
            attached = attached_hits(question.attachments, root)
            if codebase is None or question.retrieval == "off":
                return Found(attached, is_answered=True), root
            asked = [row.question for row in past]
            found, _ = self._retrieval.search(codebase, question.text, asked, most, (), joined=False)
            if attached:
                agreed = agreeing(found.hits, attached, question.attachments, codebase.root)
                found = Found(attached + agreed, is_answered=True)
            return found, root

        return await asyncio.to_thread(work)

    async def _structural(self, question: Question) -> tuple[Structural, Path] | None:
        """The exact answer, and the root that it is of, where the question has one and brings no text of its own."""
        if question.retrieval != "auto" or question.attachments:
            return None
        session = await self._session(question)

        def work() -> tuple[Structural, Path] | None:
            codebase = self._retrieval.choose(question.codebase, session.workspace if session else "")
            told = self._retrieval.structural(codebase, question.text) if codebase else None
            return (told, codebase.root) if codebase and told else None

        return await asyncio.to_thread(work)

    async def _list(self, row: TurnRow, draft: Draft, told: Structural, root: Path, past: Sequence[TurnRow]) -> str:
        """Answers with the places themselves, in one delta: no model runs. Later prompts show the code as ever."""
        number = next_number(past)
        snippets = [Snippet(n, hit, False) for n, hit in enumerate(told.hits, number)]
        draft.model = listing.MODEL
        user = user_message(snippets, row.question)
        await self._store_prompt(row, snippets, user, window_start(past, 0, row), draft)
        draft.text = listing.listing(told, number)
        await self._tell(row, "delta", {"text": draft.text})
        grounding = Grounding(root, past, snippets)
        await self._tell(row, "cite", *await grounding.feed(draft.text), *await grounding.close())
        draft.usage = Usage(0, 0, estimate_tokens(draft.text))
        return "stop"

    def _few(self, hits: Sequence[Hit]) -> list[Hit]:
        """What is attached, and as many of the others as are shown where no budget decides."""
        attached = [hit for hit in hits if hit.kind == ATTACHED]
        return attached + [hit for hit in hits if hit.kind != ATTACHED][: self._snippets]

    def _promise(self, ready: Ready, question: Question, draft: Draft) -> Promise:
        first_token_s = self._first_token_s if question.first_token_s is None else question.first_token_s
        return Promise(first_token_s, draft.spent_s, ready.engine.rates)

    def _build(
        self, ready: Ready, question: Question, past: Sequence[TurnRow], found: Found, promise: Promise
    ) -> BuiltPrompt:
        sampling, engine = self._sampling(ready, question), ready.engine
        limit = engine.context_length - min(sampling.max_tokens, engine.context_length // 2)
        hits = found.hits if promise.is_given else self._few(found.hits)
        built = build_prompt(
            chat=ready.chat,
            system=ready.system or SYSTEM,
            history=[exchange(row, past) for row in past[window(past) :]],
            given=[hit for hit in hits if hit.kind == ATTACHED],
            hits=[hit for hit in hits if hit.kind != ATTACHED],
            question=question.text,
            count=engine.count_tokens,
            limit=limit,
            budget=lambda bare: promise.budget(engine.cached_tokens(bare) if promise.is_given else 0, limit),
            first_number=next_number(past),
            is_answered=found.is_answered,
        )
        left_out = sum(hit.kind == ATTACHED for hit in found.hits) - sum(s.hit.kind == ATTACHED for s in built.snippets)
        if left_out:
            raise Refusal("context_too_large", f"{left_out} pieces of the attached text do not fit: attach less of it")
        # The user is told once per conversation that no model is installed.
        notice = ready.notice if not any(row.model == ready.engine.name for row in past) else ""
        return replace(built, prompt=replace(built.prompt, notice=notice))

    def _sampling(self, ready: Ready, question: Question) -> Sampling:
        sampling = ready.sampling
        return replace(
            sampling,
            max_tokens=question.max_tokens or self._max_tokens or sampling.max_tokens,
            temperature=sampling.temperature if question.temperature is None else question.temperature,
        )

    async def _store_prompt(
        self, row: TurnRow, snippets: Sequence[Snippet], user: str, start: int, draft: Draft
    ) -> None:
        items = [source_item(snippet) for snippet in snippets]

        def work(db: Session) -> None:
            stored = db.get_one(TurnRow, (row.session_id, row.id))
            stored.sources, stored.user_message, stored.model = items, user, draft.model
            stored.window_start = start
            owner = conversations.require_session(db, row.session_id)
            events.append(db, owner, row.id, "sources", items=items)

        await self._database.write(work)
        self._log.ring(row.session_id)

    async def _generate(
        self, question: Question, row: TurnRow, draft: Draft, ready: Ready, built: BuiltPrompt, grounding: Grounding
    ) -> str:
        began = time.perf_counter()
        draft.usage = Usage(built.tokens, 0, 0)
        if built.prompt.notice:
            self._stats.fallbacks += 1
        await self._foretell(row, draft, ready.engine, built)
        stream = ready.engine.stream(built.prompt, self._sampling(ready, question))
        try:
            async with contextlib.aclosing(together(stream)) as batches:
                async for batch in batches:
                    last = batch[-1]
                    if text := "".join(delta.text for delta in batch):
                        if not draft.text:
                            draft.ms["prefill"] = ms_since(began)
                            self._status(row, "generating")
                        draft.text += text
                        await self._tell(row, "delta", {"text": text})
                        await self._tell(row, "cite", *await grounding.feed(text))
                    elif not draft.text:
                        self._advance(row, last, ready.engine.rates)
                    if last.reason is not None:
                        draft.usage = last.usage or draft.usage
                        await self._tell(row, "cite", *await grounding.close())
                        return last.reason
        finally:
            draft.ms["generate"] = ms_since(began) - draft.ms["prefill"]
            if draft.text and not draft.usage.completion:  # cut short: the engine could not tell
                said = (Segment(draft.text, scaffold=False),)
                draft.usage = replace(draft.usage, completion=ready.engine.count_tokens(said))
        raise RuntimeError(f"engine {ready.engine.name} ended its stream without a reason")

    async def _foretell(self, row: TurnRow, draft: Draft, engine: Engine, built: BuiltPrompt) -> None:
        """Says when the first token will come, where that can be told."""
        rates = engine.rates
        if not rates.prefill:
            return
        cached = await asyncio.to_thread(engine.cached_tokens, built.prompt.segments)
        draft.forecast_s = forecast_s(built.tokens, cached, rates)
        self._status(row, "prefill", done=cached, total=built.tokens, eta_ms=_ms(draft.forecast_s))

    def _advance(self, row: TurnRow, delta: Delta, rates: Rates) -> None:
        """Says how far the engine is before the first token."""
        if delta.progress:
            done, total = delta.progress
            eta_s = forecast_s(total, done, rates) if delta.eta_s is None else delta.eta_s
            self._status(row, "prefill", done=done, total=total, eta_ms=_ms(eta_s))
        elif delta.waiting is not None:
            self._status(row, "queued", done=0, total=delta.waiting, eta_ms=_ms(delta.eta_s))

    async def _tell(self, row: TurnRow, kind: str, *bodies: dict[str, Any]) -> None:
        if not bodies:
            return

        def work(db: Session) -> None:
            owner = conversations.require_session(db, row.session_id)
            for body in bodies:
                events.append(db, owner, row.id, kind, **body)

        # A cancel must not leave it open whether this is in the log: the end comes after it in the same queue.
        await asyncio.shield(self._database.write(work))
        self._log.ring(row.session_id)

    def _status(self, row: TurnRow, stage: str, **facts: Any) -> None:
        self._log.status(row.session_id, row.id, stage, **facts)


def source_item(snippet: Snippet) -> dict[str, Any]:
    """A snippet as the `sources` event shows it."""
    hit = snippet.hit
    item: dict[str, Any] = {
        "n": snippet.n,
        "path": hit.path,
        "start": hit.start_line,
        "end": hit.end_line,
        "symbol": hit.symbol or None,
    }
    item |= {"sha": hit.sha, "score": round(hit.score, 6), "why": wire_why(hit.why), "fresh": hit.fresh}
    return item | ({"attached": True} if hit.kind == ATTACHED else {})


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(1000 * seconds)
