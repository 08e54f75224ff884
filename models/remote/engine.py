"""A model behind any OpenAI-compatible server (llama-server, vLLM, SGLang) as an `Engine`.

Knows how an answer is streamed and when it is tried again, not how it travels (`models.remote.connection`).
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from pathlib import PurePath

from models.errors import ContextTooLarge, EngineFailed, ModelUnavailable
from models.filters.answer_filter import AnswerFilter, is_filtered
from models.remote import openai_wire as wire
from models.remote.connection import Connection, RetryableError, RetryPolicy
from models.types import AlwaysLoaded, Delta, Fim, Prompt, Rates, Sampling, Segment, Usage

BYTES_A_TOKEN = 3  # of UTF-8: code has 3 to 3.5, prose 4 to 5; too many is safe, too few overflows the context
CONTEXT = 8192  # tokens, where neither the setting nor the server gives a number
_NEWEST = 0.3  # weight of the newest answer in the rates
_RETRY_POLICY = RetryPolicy()


class RemoteEngine(AlwaysLoaded):
    """One model of one server. Token counts are estimates: the server's vocabulary is not here."""

    fim: Fim | None = None

    def __init__(
        self,
        url: str,
        model: str,
        *,
        api_key: str = "",
        context_length: int = CONTEXT,
        retry_policy: RetryPolicy = _RETRY_POLICY,
    ) -> None:
        """`url` is the server's (`http://host:8080`) or that of its API (`https://host/api/v1`)."""
        self._connection = Connection(url, api_key, retry_policy)
        self._model, self.context_length = model, context_length
        # llama-server calls a model by the path of its file, which stays private.
        self.name = PurePath(model).name if model.endswith(".gguf") else model
        self._retry_policy, self._closed = retry_policy, False
        self._prefill = self._decode = 0.0

    @classmethod
    async def connect(
        cls,
        url: str,
        model: str = "",
        *,
        api_key: str = "",
        context_length: int = 0,
        retry_policy: RetryPolicy = _RETRY_POLICY,
    ) -> "RemoteEngine":
        """An engine on a server that answers. Defaults are the server's first model and that model's context.

        Raises ModelUnavailable.
        """
        connection = Connection(url, api_key, retry_policy)
        try:
            listed = await connection.models()
        finally:
            await connection.close()
        if not model and not listed:
            raise ModelUnavailable(f"{connection.server} lists no model: set ENGINE_MODEL")
        model = model or next(iter(listed))
        context_length = context_length or listed.get(model) or CONTEXT
        return cls(url, model, api_key=api_key, context_length=context_length, retry_policy=retry_policy)

    @property
    def rates(self) -> Rates:
        return Rates(self._prefill, self._decode)

    def count_tokens(self, segments: tuple[Segment, ...]) -> int:
        return -(-sum(len(segment.text.encode("utf-8", "replace")) for segment in segments) // BYTES_A_TOKEN)

    def cached_tokens(self, segments: tuple[Segment, ...]) -> int:
        return 0  # the server does not say it beforehand

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta, None]:
        if self._closed:
            raise EngineFailed(f"the engine {self.name} is closed")
        if prompt.prefetch:  # no time of another machine is spent on a question that may never come
            yield Delta(reason="stop", usage=Usage(0, 0, 0))
            return
        pause_s = self._retry_policy.pause_s
        for left in range(self._retry_policy.retries, -1, -1):
            has_text = False
            try:
                async with aclosing(self._attempt(prompt, sampling)) as deltas:
                    async for delta in deltas:
                        has_text = True
                        yield delta
                return
            except ContextTooLarge as error:
                # vLLM refuses a prompt that does not fit together with all of its answer.
                room = error.limit - error.tokens
                if has_text or not left or not 0 < room < sampling.max_tokens:
                    raise
                sampling = replace(sampling, max_tokens=room)
                continue
            except RetryableError as retryable:
                wait_s = pause_s if retryable.after_s is None else retryable.after_s
                if not left or self._closed or wait_s > self._retry_policy.longest_pause_s:
                    raise retryable.error from retryable.__cause__
            await asyncio.sleep(wait_s)
            pause_s *= 2

    async def close(self) -> None:
        """Ends all streams. May be called twice."""
        self._closed = True
        await self._connection.close()

    async def _attempt(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta, None]:
        """One request. Raises RetryableError only before its first text."""
        began = first = last = time.perf_counter()
        generated, usage, reason = 0, None, None  # tokens
        filtering = AnswerFilter() if is_filtered(prompt, sampling) else None
        try:
            async with aclosing(self._connection.chunks(*wire.request(prompt, sampling, self._model))) as chunks:
                async for chunk in chunks:
                    usage, reason = chunk.usage or usage, chunk.reason or reason
                    if chunk.text or chunk.calls:
                        last = time.perf_counter()
                        first, generated = (first, generated + 1) if generated else (last, 1)
                        text = filtering.feed(chunk.text) if filtering else chunk.text
                        if text or chunk.calls:
                            yield Delta(text, calls=chunk.calls, logprobs=chunk.logprobs)
                    if filtering and filtering.is_over:
                        reason = "stop"
                        break
                    if generated > sampling.max_tokens:  # each has at least one token: the server ignores the limit
                        reason = "length"
                        break
            if reason is None:
                raise RetryableError(
                    EngineFailed(f"{self._connection.server} broke off: ask again, or look into its log")
                )
        except RetryableError as retryable:
            if generated:
                raise retryable.error from retryable
            raise
        usage = usage or Usage(self.count_tokens(prompt.segments), 0, generated)
        if generated:
            self._measure(usage, first - began, last - first)
        rest, notice = (filtering.end(), filtering.notice) if filtering else ("", "")
        yield Delta(rest, reason, usage, notice=notice)

    def _measure(self, usage: Usage, first_s: float, rest_s: float) -> None:
        """Adds one answer to the rates. They include the network and the server's queue."""
        evaluated, generated = usage.prompt - usage.cached, usage.completion - 1
        if evaluated > 0 and first_s > 0:
            self._prefill = _smoothed(self._prefill, evaluated / first_s)
        if generated > 0 and rest_s > 0:
            self._decode = _smoothed(self._decode, generated / rest_s)


def _smoothed(rate: float, newest: float) -> float:
    """The exponential moving average."""
    return newest if not rate else (1 - _NEWEST) * rate + _NEWEST * newest
