"""The prompt of one question for one engine: how much code it holds, its sampling, its time-to-first-token budget.

Counts tokens with the engine. Does not know the database or the client.
"""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from weakref import WeakKeyDictionary, finalize

from backend.chat.context import TurnContext
from backend.chat.history import exchange, next_number, window
from backend.chat.lead import Lead, lead_of, lead_of_fact
from backend.chat.question import Question
from backend.engines.pool import EngineLease
from backend.errors import ApiError
from backend.indexing.attachments import ATTACHED
from indexer.types import Hit
from models.types import Engine, Sampling, Segment
from prompts.build import BuiltPrompt, PromptRequest, build_prompt
from prompts.system import SYSTEM
from prompts.ttft_budget import TtftBudget

THREADS = 16  # prompts that are built at once for one engine
CANDIDATES = 3  # times SNIPPETS: hits that the packer chooses from
CUT_NOTICE = "Only a part of the code that was found fits into this model's context."


@dataclass(frozen=True, slots=True)
class PromptBuilder:
    """The settings of prompts."""

    snippets: int  # most snippets where no budget bounds them
    max_tokens: int  # 0: the model's own
    first_token_s: float
    has_lead: bool = True
    evidence_tokens: int = 0  # of code in one prompt; 0: `snippets` of any length
    # One pool per engine: an engine whose process hangs must not block searches or the prompts of another engine.
    threads: WeakKeyDictionary[Engine, ThreadPoolExecutor] = field(default_factory=WeakKeyDictionary)

    def lead(self, context: TurnContext) -> Lead | None:
        """What the answer begins with, whichever model continues it."""
        question = context.question
        is_wanted = self.has_lead if question.lead is None else question.lead
        if is_wanted and context.beginning:
            return lead_of_fact(context.beginning, context.found, context.history)
        return lead_of(question, context.found, context.history) if is_wanted else None

    async def build(
        self, lease: EngineLease, context: TurnContext, ttft: TtftBudget, lead: Lead | None = None
    ) -> BuiltPrompt:
        """Raises `ApiError` where the text that the user attached does not fit."""
        build = partial(self._build, lease, context, ttft, lead)
        return await asyncio.get_running_loop().run_in_executor(self._threads_for(lease.engine), build)

    def _threads_for(self, engine: Engine) -> ThreadPoolExecutor:
        if engine not in self.threads:
            self.threads[engine] = threads = ThreadPoolExecutor(THREADS, "prompt")
            finalize(engine, threads.shutdown, wait=False)
        return self.threads[engine]

    def _build(self, lease: EngineLease, context: TurnContext, ttft: TtftBudget, lead: Lead | None) -> BuiltPrompt:
        engine, began = lease.engine, time.perf_counter()
        question, found, history = context.question, context.found, context.history
        limit = engine.context_length - min(self.sampling(lease, question).max_tokens, engine.context_length // 2)
        hits = found.hits if ttft.is_set or self.evidence_tokens else self.limit_hits(found.hits)
        pinned = lead.hits if lead else [hit for hit in hits if hit.kind == ATTACHED]
        max_code_tokens = self.evidence_tokens or limit

        def budget(bare: tuple[Segment, ...], tokens: int) -> int:
            cached = engine.cached_tokens(bare) if ttft.is_set else 0
            in_time = ttft.after(time.perf_counter() - began).prompt_tokens(cached, limit)
            return min(in_time, tokens + max_code_tokens)

        request = PromptRequest(
            chat=lease.chat,
            system=lease.system or SYSTEM,
            question=question.text,
            history=[exchange(row, history) for row in history[window(history) :]],
            hits=[hit for hit in hits if hit.kind != ATTACHED and hit not in pinned],
            pinned=pinned,
            first_number=next_number(history),
            is_answered=found.is_answered,
            lead=lead.text if lead else "",
        )
        built = build_prompt(request, engine.count_tokens, limit, budget)
        left_out = 0 if lead else len(pinned) - sum(snippet.hit.kind == ATTACHED for snippet in built.snippets)
        if left_out:
            raise ApiError("context_too_large", f"{left_out} pieces of the attached text do not fit: attach less of it")
        # A conversation has the notice that no model is installed once.
        notice = lease.notice if not any(row.model == engine.name for row in history) else ""
        cut_notice = CUT_NOTICE if built.is_excerpt else ""
        return replace(built, prompt=replace(built.prompt, notice=" ".join(filter(None, (notice, cut_notice)))))

    def sampling(self, lease: EngineLease, question: Question) -> Sampling:
        sampling = lease.sampling
        return replace(
            sampling,
            max_tokens=question.max_tokens or self.max_tokens or sampling.max_tokens,
            temperature=sampling.temperature if question.temperature is None else question.temperature,
        )

    def budget(self, lease: EngineLease, question: Question, spent_s: float) -> TtftBudget:
        """The time to first token that is left `spent_s` after the question was accepted."""
        first_token_s = self.first_token_s if question.first_token_s is None else question.first_token_s
        return TtftBudget(first_token_s, spent_s, lease.engine.rates)

    def limit_hits(self, hits: Sequence[Hit]) -> list[Hit]:
        """The attached hits, and at most `snippets` others."""
        attached = [hit for hit in hits if hit.kind == ATTACHED]
        return attached + [hit for hit in hits if hit.kind != ATTACHED][: self.snippets]
