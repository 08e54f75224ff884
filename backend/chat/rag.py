"""The answer to one accepted question: retrieve -> engine -> prompt -> sources -> deltas and citations.

Retrieval is in `context`, the prompt in `prompting`, events and citations in `turn`. How turns queue and end is in
`turns`.
"""

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial

from backend.chat import structural_answer
from backend.chat.answer import AnswerState, ms_since
from backend.chat.coalesce import coalesce
from backend.chat.context import ContextRetriever, TurnContext
from backend.chat.history import dropped_notice, next_number, window_start
from backend.chat.prompting import PromptBuilder
from backend.chat.question import Question
from backend.chat.turn import Turn, TurnLog
from backend.db.database import Database
from backend.db.events import EventLog
from backend.db.tables import TurnRow
from backend.engines.attempts import EngineAttempts
from backend.engines.pool import EngineLease, EnginePool
from backend.errors import ApiError
from backend.indexing.first_index import wait_for_index
from backend.indexing.retrieval import ExactAnswer
from backend.metrics import Metrics
from indexer.types import Hit, Progress
from models.errors import ModelError
from models.tokens import estimate_tokens
from models.types import Delta, Rates, Usage
from prompts.build import BuiltPrompt
from prompts.snippets import Snippet, user_message
from prompts.ttft_budget import forecast_s

NO_ANSWER = "The model gave no answer."


class Rag:
    """Answers questions from the code of a codebase."""

    def __init__(
        self,
        database: Database,
        log: EventLog,
        retriever: ContextRetriever,
        engines: EnginePool,
        prompt_builder: PromptBuilder,
        metrics: Metrics,
    ) -> None:
        self._database, self._log, self._retriever = database, log, retriever
        self._engines, self._prompt_builder, self._metrics = engines, prompt_builder, metrics

    async def answer(self, question: Question, row: TurnRow, state: AnswerState) -> str:
        """Answers and returns the reason of the end. `question.conversation` is that of the row."""
        log = TurnLog(self._database, self._log, row)
        context = await self._retrieve(question, log, state)
        turn = Turn(context, state, log, partial(self._retriever.is_in_index, context), self._retriever.find_lines)
        if context.exact:
            return await self._answer_exactly(turn, context.exact)
        if question.retrieval == "only":
            return await self._send_sources(turn)
        return await self._answer_with_fallback(turn)

    async def _retrieve(self, question: Question, log: TurnLog, state: AnswerState) -> TurnContext:
        log.publish_status("retrieving")
        began = time.perf_counter()
        context = await self._retriever.load_context(question, log.row.ordinal)
        if job := self._retriever.first_index(context):
            state.index_notice = await wait_for_index(job, partial(_report_index, log))
            state.ms["index"] = ms_since(began)
            log.publish_status("retrieving")
            began = time.perf_counter()
            context = await self._retriever.load_context(question, log.row.ordinal)
        if not context.exact:
            context = await self._retriever.search(context)
        state.ms["retrieve"] = ms_since(began)
        return context

    async def preview(self, question: Question) -> tuple[str, BuiltPrompt]:
        """The model's name and the prompt that it would read; nothing is stored or generated."""
        context = await self._retriever.search(await self._retriever.load_context(question))
        async with self._engines.use(context.model, context.routing_features) as lease:
            budget = self._prompt_builder.budget(lease, question, 0.0)
            lead = await asyncio.to_thread(self._prompt_builder.lead, context)
            lead = lead if lead and (lead.is_fact or not lease.engine.is_exact) else None
            return lease.engine.name, await self._prompt_builder.build(lease, context, budget, lead)

    async def _answer_exactly(self, turn: Turn, answer: ExactAnswer) -> str:
        """Sends the locations of a structural answer in one delta; no model runs."""
        history, state = turn.context.history, turn.state
        number = next_number(history)
        snippets = _numbered(answer.hits, number)
        state.model = structural_answer.MODEL
        user = user_message(snippets, turn.row.question)
        await turn.store_prompt(snippets, user, window_start(history, 0, turn.row))
        state.generated = structural_answer.listing(answer, number)
        await turn.ground(snippets, is_exact=True)
        await turn.send(state.generated, last=True)
        state.usage = Usage(0, 0, estimate_tokens(state.text))
        return "stop"

    async def _send_sources(self, turn: Turn) -> str:
        """Sends the sources without an answer."""
        context, state = turn.context, turn.state
        state.model = "none"
        snippets = _numbered(self._prompt_builder.limit_hits(context.found.hits), next_number(context.history))
        await turn.store_prompt(snippets, "", turn.row.ordinal)
        return "stop"

    async def _answer_with_fallback(self, turn: Turn) -> str:
        """The answer of the chosen engine; of the next one while an engine fails before its first text."""
        model, state = turn.context.question.model, turn.state
        turn.lead = await asyncio.to_thread(self._prompt_builder.lead, turn.context)
        if turn.lead and not self._engines.is_ready(model):
            await turn.begin_with_lead(turn.lead.snippets)  # it need not wait until the model is loaded

        def loading(done: int, total: int, eta_ms: int | None) -> None:
            turn.log.publish_status("loading", done=done, total=total, eta_ms=eta_ms)

        features = turn.context.routing_features
        attempts = EngineAttempts(self._engines, model, lambda: bool(state.generated), features, loading)
        try:
            for attempt in attempts:
                state.start_over()
                turn.log.publish_status("loading")
                async with attempt as lease:
                    return await self._answer_with_engine(turn, lease)
        except (asyncio.CancelledError, ApiError, ModelError):
            await turn.break_off()
            raise
        raise AssertionError("the attempts end only with an answer or an error")

    async def _answer_with_engine(self, turn: Turn, lease: EngineLease) -> str:
        """Prompt, sources and answer of one engine."""
        state = turn.state
        state.record_queue_time()
        state.model = lease.engine.name
        began = time.perf_counter()
        built = await self._store_prompt(turn, lease)
        state.ms["retrieve"] += ms_since(began)
        if _has_lead(turn, lease):
            await turn.begin_with_lead(built.snippets)
        await turn.ground(built.snippets, is_exact=lease.engine.is_exact)
        return await self._generate(turn, lease, built)

    async def _store_prompt(self, turn: Turn, lease: EngineLease) -> BuiltPrompt:
        context, state = turn.context, turn.state
        budget = self._prompt_builder.budget(lease, context.question, state.spent_s)
        state.ttft_budget_s = budget.first_token_s if budget.is_set else None
        lead = turn.lead if _has_lead(turn, lease) else None
        built = await self._prompt_builder.build(lease, context, budget, lead)
        dropped = dropped_notice(context.history, built.dropped, state.model)
        state.notice = " ".join(filter(None, (built.prompt.notice, lease.engine.pop_notice(), dropped)))
        start = window_start(context.history, built.dropped, turn.row)
        await turn.store_prompt(built.snippets, built.user, start)
        return built

    async def _generate(self, turn: Turn, lease: EngineLease, built: BuiltPrompt) -> str:
        state, began = turn.state, time.perf_counter()
        reading = "read" if state.lead else "prefill"  # after a lead, `prefill` is the time to the lead
        state.usage = Usage(built.tokens, 0, 0)
        if built.prompt.notice and lease.engine.is_exact:
            self._metrics.fallbacks += 1
        stream = lease.engine.stream(built.prompt, self._prompt_builder.sampling(lease, turn.context.question))
        try:
            async with aclosing(coalesce(stream)) as batches:
                async for batch in batches:
                    last = batch[-1]
                    if text := "".join(delta.text for delta in batch):
                        if not state.generated:
                            state.ms[reading] = ms_since(began)
                            turn.log.publish_status("generating")
                        handover = turn.lead.handover if state.lead and turn.lead and not state.generated else ""
                        state.generated += text
                        await turn.send(handover + text)
                    elif not state.generated:
                        _report_progress(turn, last, lease.engine.rates)
                    if last.reason is not None:
                        state.usage = last.usage or state.usage
                        is_silent = not state.generated.strip() and last.reason != "cancelled"
                        state.add_notice(last.notice, NO_ANSWER if is_silent else "")
                        await turn.send("", last=True)
                        return last.reason
        finally:
            if state.generated:
                state.ms["generate"] = ms_since(began) - state.ms[reading]
            else:
                state.ms[reading] = ms_since(began)
            if state.generated and not state.usage.completion:  # cut short: the exact count never arrived
                state.usage = replace(state.usage, completion=estimate_tokens(state.generated))
        raise RuntimeError(f"engine {lease.engine.name} ended its stream without a reason")


def _has_lead(turn: Turn, lease: EngineLease) -> bool:
    """The extractive engine begins its answers with a lead by itself, unless that holds a fact."""
    lead = turn.lead
    return lead is not None and (lead.is_fact or bool(turn.state.lead) or not lease.engine.is_exact)


def _numbered(hits: Sequence[Hit], first: int) -> list[Snippet]:
    return [Snippet(n, hit, False) for n, hit in enumerate(hits, first)]


def _report_index(log: TurnLog, progress: Progress) -> None:
    log.publish_status("indexing", done=progress.done, total=progress.total, eta_ms=_ms(progress.eta_s))


def _report_progress(turn: Turn, delta: Delta, rates: Rates) -> None:
    """Sends how far the engine is before its first token. The first estimate is kept as the forecast."""
    eta_s = delta.eta_s
    if delta.progress:
        done, total = delta.progress
        eta_s = forecast_s(total, done, rates) if eta_s is None else eta_s
        turn.log.publish_status("prefill", done=done, total=total, eta_ms=_ms(eta_s))
    elif delta.waiting is not None:
        turn.log.publish_status("queued", done=0, total=delta.waiting, eta_ms=_ms(eta_s))
    if turn.state.forecast_s is None:
        turn.state.forecast_s = eta_s


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(1000 * seconds)
