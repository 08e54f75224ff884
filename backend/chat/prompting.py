"""The prompt of one question for one engine: how much code, how it is sampled, what was promised of its first token.

Counts with the engine; knows neither the database nor who asks.
"""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from weakref import WeakKeyDictionary

from backend.chat.history import exchange, next_number, window
from backend.chat.lead import Lead, lead_of
from backend.chat.question import Question
from backend.db.tables import TurnRow
from backend.engines.pool import Ready
from backend.errors import ApiError
from backend.indexing.attachments import ATTACHED
from indexer.search.searcher import Found
from indexer.types import Hit
from models.types import Engine, Sampling, Segment
from prompts.build import BuiltPrompt, build_prompt
from prompts.system import SYSTEM
from prompts.ttft_budget import TtftBudget

THREADS = 16  # prompts that are made at once for one engine
CANDIDATES = 3  # times SNIPPETS: what the packer may choose from
CUT = "Only a part of the code that was found fits into this model's context."


@dataclass(frozen=True, slots=True)
class Prompting:
    """What the settings say of prompts."""

    snippets: int  # most pieces of code where no promise bounds them
    max_tokens: int  # 0: the model's own
    first_token_s: float
    lead_given: bool = True
    evidence_tokens: int = 0  # of code in one prompt; 0: `snippets` pieces, however long
    # Each engine's own: one that does not count, because its process was stopped or is starting again, must keep
    # neither searches and files waiting nor prompts for another engine.
    threads: WeakKeyDictionary[Engine, ThreadPoolExecutor] = field(default_factory=WeakKeyDictionary)

    def lead(self, question: Question, found: Found, past: Sequence[TurnRow]) -> Lead | None:
        """What the answer begins with, whatever model goes on from it."""
        is_given = self.lead_given if question.lead is None else question.lead
        return lead_of(question, found, past) if is_given else None

    async def build(
        self,
        ready: Ready,
        question: Question,
        past: Sequence[TurnRow],
        found: Found,
        promise: TtftBudget,
        lead: Lead | None = None,
    ) -> BuiltPrompt:
        """Raises `ApiError` where the text that the user attached does not fit."""
        build = partial(self._build, ready, question, past, found, promise, lead)
        if ready.engine not in self.threads:
            self.threads[ready.engine] = ThreadPoolExecutor(THREADS, "prompting")
        return await asyncio.get_running_loop().run_in_executor(self.threads[ready.engine], build)

    def _build(
        self,
        ready: Ready,
        question: Question,
        past: Sequence[TurnRow],
        found: Found,
        promise: TtftBudget,
        lead: Lead | None,
    ) -> BuiltPrompt:
        engine, began = ready.engine, time.perf_counter()
        limit = engine.context_length - min(self.sampling(ready, question).max_tokens, engine.context_length // 2)
        hits = found.hits if promise.is_given or self.evidence_tokens else self.few(found.hits)
        given = lead.hits if lead else [hit for hit in hits if hit.kind == ATTACHED]
        most = self.evidence_tokens or limit

        def budget(bare: tuple[Segment, ...], tokens: int) -> int:
            cached = engine.cached_tokens(bare) if promise.is_given else 0
            promised = promise.later(time.perf_counter() - began).budget(cached, limit)
            return min(promised, tokens + most)

        built = build_prompt(
            chat=ready.chat,
            system=ready.system or SYSTEM,
            history=[exchange(row, past) for row in past[window(past) :]],
            given=given,
            hits=[hit for hit in hits if hit.kind != ATTACHED and hit not in given],
            question=question.text,
            count=engine.count_tokens,
            limit=limit,
            budget=budget,
            first_number=next_number(past),
            is_answered=found.is_answered,
            lead=lead.text if lead else "",
        )
        left_out = 0 if lead else len(given) - sum(snippet.hit.kind == ATTACHED for snippet in built.snippets)
        if left_out:
            raise ApiError("context_too_large", f"{left_out} pieces of the attached text do not fit: attach less of it")
        # The user is told once per conversation that no model is installed.
        notice = ready.notice if not any(row.model == engine.name for row in past) else ""
        cut = CUT if built.is_excerpt else ""
        return replace(built, prompt=replace(built.prompt, notice=" ".join(filter(None, (notice, cut)))))

    def sampling(self, ready: Ready, question: Question) -> Sampling:
        sampling = ready.sampling
        return replace(
            sampling,
            max_tokens=question.max_tokens or self.max_tokens or sampling.max_tokens,
            temperature=sampling.temperature if question.temperature is None else question.temperature,
        )

    def promise(self, ready: Ready, question: Question, spent_s: float) -> TtftBudget:
        """The first token's, `spent_s` after the question was accepted."""
        first_token_s = self.first_token_s if question.first_token_s is None else question.first_token_s
        return TtftBudget(first_token_s, spent_s, ready.engine.rates)

    def few(self, hits: Sequence[Hit]) -> list[Hit]:
        """What is attached, and as many of the others as are shown where no budget decides."""
        attached = [hit for hit in hits if hit.kind == ATTACHED]
        return attached + [hit for hit in hits if hit.kind != ATTACHED][: self.snippets]
