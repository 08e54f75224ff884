"""The answer to one accepted question: retrieve -> engine -> prompt -> sources -> deltas, each step in the log.

Knows retrieval, prompts and engines; who asked, how turns queue and how they end is the business of `turns`.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from backend import conversations, events
from backend.attached import ATTACHED, Attachment, attached_hits
from backend.db import Database
from backend.engines import Engines, Ready
from backend.errors import Refusal
from backend.retrieval import Retrieval
from backend.stats import Stats
from backend.tables import SessionRow, TurnRow
from indexer.types import Hit
from models.types import Delta, Sampling, Segment, Usage
from prompts.build import BuiltPrompt, Exchange, build_prompt
from prompts.snippets import Snippet

SYSTEM = (Path(__file__).parent.parent / "prompts" / "system.md").read_text(encoding="utf-8")
BATCH = 32  # most deltas in one event: a frame has a limit
NOTHING_USED = Usage(0, 0, 0)


@dataclass(frozen=True, slots=True)
class Question:
    """What a face asks. Empty fields take the session's or the server's choice."""

    session: str
    turn: str
    text: str
    conversation: str | None = None
    attachments: tuple[Attachment, ...] = ()
    retrieval: str = "auto"  # auto, off, only: sources without an answer
    codebase: str | None = None
    model: str = ""
    max_tokens: int | None = None
    temperature: float | None = None


@dataclass(slots=True)
class Draft:
    """What is known of an answer so far; becomes the turn's row and its `end`."""

    model: str = ""
    text: str = ""
    usage: Usage = NOTHING_USED
    ms: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("queue", "retrieve", "prefill", "generate"), 0.0)
    )

    @property
    def first_token_s(self) -> float | None:
        """Seconds from acceptance to the first text."""
        return sum(self.ms[stage] for stage in ("queue", "retrieve", "prefill")) / 1000 if self.text else None

    @property
    def facts(self) -> dict[str, Any]:
        usage = {"prompt": self.usage.prompt, "cached": self.usage.cached, "completion": self.usage.completion}
        return {"model": self.model, "usage": usage, "ms": {stage: round(ms, 1) for stage, ms in self.ms.items()}}


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
    ) -> None:
        self._database, self._log, self._retrieval = database, log, retrieval
        self._engines, self._stats = engines, stats
        self._snippets, self._max_tokens = snippets, max_tokens

    async def answer(self, question: Question, row: TurnRow, draft: Draft) -> str:
        """From the question to its last delta; returns the reason of the end."""
        past = await self._past(row.conversation_id, row.ordinal)
        self._status(row, "retrieving")
        began = time.perf_counter()
        hits = await self._retrieve(question, past)
        draft.ms["retrieve"] = ms_since(began)
        if question.retrieval == "only":
            draft.model = "none"
            snippets = [Snippet(n, hit, False) for n, hit in enumerate(hits, _next_number(past))]
            await self._store_prompt(row, snippets, "", row.ordinal, draft)
            return "stop"
        self._status(row, "loading")
        async with self._engines.use(question.model) as ready:
            draft.model = ready.engine.name
            built = await asyncio.to_thread(self._build, ready, question, past, hits)
            window = _window(past) + built.dropped
            window_start = past[window].ordinal if window < len(past) else row.ordinal
            await self._store_prompt(row, built.snippets, built.user, window_start, draft)
            return await self._generate(question, row, draft, ready, built)

    async def preview(self, question: Question) -> tuple[str, BuiltPrompt]:
        """The model's name and the prompt that asking would have it read; nothing is stored or generated."""
        session = await self._session(question)
        past = await self._past(question.conversation, None)
        hits = await self._retrieve(question, past)
        async with self._engines.use(question.model or (session.model if session else "")) as ready:
            built = await asyncio.to_thread(self._build, ready, question, past, hits)
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

    async def _retrieve(self, question: Question, past: Sequence[TurnRow]) -> list[Hit]:
        session = await self._session(question)

        def work() -> list[Hit]:
            codebase = self._retrieval.choose(question.codebase, session.workspace if session else "")
            attached = attached_hits(question.attachments, codebase.root if codebase else None)
            if codebase is None or question.retrieval == "off":
                return attached
            asked = [row.question for row in past]
            found, _ = self._retrieval.search(codebase, question.text, asked, self._snippets)
            return attached + found

        return await asyncio.to_thread(work)

    def _build(self, ready: Ready, question: Question, past: Sequence[TurnRow], hits: list[Hit]) -> BuiltPrompt:
        sampling = self._sampling(ready, question)
        built = build_prompt(
            chat=ready.chat,
            system=ready.system or SYSTEM,
            history=[_exchange(row, past) for row in past[_window(past) :]],
            hits=hits,
            question=question.text,
            count=ready.engine.count_tokens,
            limit=ready.engine.context_length - min(sampling.max_tokens, ready.engine.context_length // 2),
            first_number=_next_number(past),
        )
        left_out = sum(hit.kind == ATTACHED for hit in hits) - sum(s.hit.kind == ATTACHED for s in built.snippets)
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
        self, row: TurnRow, snippets: Sequence[Snippet], user: str, window_start: int, draft: Draft
    ) -> None:
        items = [source_item(snippet) for snippet in snippets]

        def work(db: Session) -> None:
            stored = db.get_one(TurnRow, (row.session_id, row.id))
            stored.sources, stored.user_message, stored.model = items, user, draft.model
            stored.window_start = window_start
            owner = conversations.require_session(db, row.session_id)
            events.append(db, owner, row.id, "sources", items=items)

        await self._database.write(work)
        self._log.ring(row.session_id)

    async def _generate(self, question: Question, row: TurnRow, draft: Draft, ready: Ready, built: BuiltPrompt) -> str:
        began = time.perf_counter()
        draft.usage = Usage(built.tokens, 0, 0)
        if built.prompt.notice:
            self._stats.fallbacks += 1
        stream = ready.engine.stream(built.prompt, self._sampling(ready, question))
        try:
            async with contextlib.aclosing(together(stream)) as batches:
                async for batch in batches:
                    if text := "".join(delta.text for delta in batch):
                        if not draft.text:
                            draft.ms["prefill"] = ms_since(began)
                            self._status(row, "generating")
                        draft.text += text
                        await self._store_delta(row, text)
                    last = batch[-1]
                    if last.progress and not draft.text:
                        self._status(row, "prefill", done=last.progress[0], total=last.progress[1])
                    if last.reason is not None:
                        draft.usage = last.usage or draft.usage
                        return last.reason
        finally:
            draft.ms["generate"] = ms_since(began) - draft.ms["prefill"]
            if draft.text and not draft.usage.completion:  # cut short: the engine could not tell
                said = (Segment(draft.text, scaffold=False),)
                draft.usage = replace(draft.usage, completion=ready.engine.count_tokens(said))
        raise RuntimeError(f"engine {ready.engine.name} ended its stream without a reason")

    async def _store_delta(self, row: TurnRow, text: str) -> None:
        def work(db: Session) -> None:
            events.append(db, conversations.require_session(db, row.session_id), row.id, "delta", text=text)

        # A cancel must not leave it open whether this text is in the log: the end comes after it in the same queue.
        await asyncio.shield(self._database.write(work))
        self._log.ring(row.session_id)

    def _status(self, row: TurnRow, stage: str, **facts: Any) -> None:
        self._log.status(row.session_id, row.id, stage, **facts)


async def together(stream: AsyncIterator[Delta]) -> AsyncGenerator[list[Delta]]:
    """The deltas of `stream` in batches: what came while the consumer was busy goes together."""
    arrived: asyncio.Queue[Delta | None] = asyncio.Queue()

    async def read() -> None:
        try:
            async for delta in stream:
                arrived.put_nowait(delta)
        finally:
            arrived.put_nowait(None)

    reader = asyncio.create_task(read())
    try:
        while True:
            batch = [await arrived.get()]
            while not arrived.empty() and len(batch) < BATCH:
                batch.append(arrived.get_nowait())
            if deltas := [delta for delta in batch if delta is not None]:
                yield deltas
            if batch[-1] is None:
                await reader  # raises what the engine raised
                return
    finally:
        reader.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reader


def source_item(snippet: Snippet) -> dict[str, Any]:
    """A snippet as the `sources` event shows it."""
    hit = snippet.hit
    item = {
        "n": snippet.n,
        "path": hit.path,
        "start": hit.start_line,
        "end": hit.end_line,
        "symbol": hit.symbol or None,
    }
    why = {"lexical": hit.why.lexical, "dense": hit.why.dense, "symbol": hit.why.symbol}
    return item | {"sha": hit.sha, "score": round(hit.score, 6), "why": why, "fresh": hit.fresh}


def _exchange(row: TurnRow, past: Sequence[TurnRow]) -> Exchange:
    """A stored turn as a piece of the next prompt. The first turn that lists a number is the one that shows it."""
    before = {item["n"] for other in past if other.ordinal < row.ordinal for item in other.sources}
    shown = tuple(
        (item["n"], (item["path"], item["start"], item["end"], item["sha"]))
        for item in row.sources
        if item["n"] not in before
    )
    return Exchange(row.user_message, row.answer, shown)


def _window(past: Sequence[TurnRow]) -> int:
    """Index of the oldest turn that the newest prompt still held: what was dropped stays dropped."""
    start = past[-1].window_start if past else 0
    return sum(row.ordinal < start for row in past)


def _next_number(past: Sequence[TurnRow]) -> int:
    return 1 + max((item["n"] for row in past for item in row.sources), default=0)


def ms_since(began: float) -> float:
    return (time.perf_counter() - began) * 1000
