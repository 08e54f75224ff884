"""A model behind any OpenAI-compatible server (llama-server, vLLM, SGLang) as an `Engine`.

Follows no redirect and no proxy of the environment. Does not know retrieval, nor where its address comes from.
"""

import asyncio
import email.utils
import json
import time
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any, TypeVar

import httpx

from models.errors import ContextTooLarge, EngineBusy, EngineFailed, ModelError, ModelUnavailable, Unsupported
from models.filters.answer_filter import AnswerFilter, is_filtered
from models.remote import openai_wire as wire
from models.remote.sse import EventStream, EventTooLong
from models.types import Delta, Fim, Prompt, Rates, Sampling, Segment, Usage

BYTES_A_TOKEN = 3  # of UTF-8: code has 3 to 3.5, prose 4 to 5; too many is safe, too few overflows the context
CONTEXT = 8192  # tokens, where neither the owner nor the server says
BODY_BYTES = 1 << 20  # most of a body that is read whole
_T = TypeVar("_T")
_AGAIN = frozenset({408, 429, 500, 502, 503, 504})
_NEWEST = 0.3  # what the newest answer counts in the rates


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait, in seconds, and how often to try."""

    connect_s: float = 5.0
    first_token_s: float = 600.0  # a long prompt on a slow machine
    idle_s: float = 60.0  # between tokens
    retries: int = 2
    pause_s: float = 0.25  # doubles with each retry
    longest_pause_s: float = 10.0  # a server that asks for more is asked no more


class _TryAgain(Exception):
    """Nothing has been said yet. Carries what to raise where there is no other try."""

    def __init__(self, error: ModelError, after_s: float | None = None) -> None:
        super().__init__(str(error))
        self.error, self.after_s = error, after_s


class RemoteEngine:
    """One model of one server. Token counts are estimates: the server's vocabulary is not here."""

    fim: Fim | None = None

    def __init__(
        self, url: str, model: str, *, api_key: str = "", context_length: int = CONTEXT, patience: Patience = Patience()
    ) -> None:
        """`url` is the server's (`http://host:8080`) or that of its API (`https://host/api/v1`)."""
        self._url = _api_url(url)
        self._who = f"the server at {self._url}"
        self._model, self.context_length = model, context_length
        # llama-server calls a model by the path of its file, which is nobody's business.
        self.name = PurePath(model).name if model.endswith(".gguf") else model
        self._patience, self._closed = patience, False
        self._prefill = self._decode = 0.0
        headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {api_key}"} if api_key else {})
        self._client = httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(None, connect=patience.connect_s),
            trust_env=False,
            follow_redirects=False,
        )

    @classmethod
    async def connect(
        cls, url: str, model: str = "", *, api_key: str = "", context_length: int = 0, patience: Patience = Patience()
    ) -> "RemoteEngine":
        """An engine on a server that answers. What is empty the server tells: its first model, that one's context.

        Raises ModelUnavailable.
        """
        asking = cls(url, model, api_key=api_key, patience=patience)
        try:
            known = await asking._models()
        finally:
            await asking.close()
        if not model and not known:
            raise ModelUnavailable(f"{asking._who} lists no model: set ENGINE_MODEL")
        model = model or next(iter(known))
        context_length = context_length or known.get(model) or CONTEXT
        return cls(url, model, api_key=api_key, context_length=context_length, patience=patience)

    @property
    def rates(self) -> Rates:
        return Rates(self._prefill, self._decode)

    def count_tokens(self, segments: tuple[Segment, ...]) -> int:
        return -(-sum(len(segment.text.encode("utf-8", "replace")) for segment in segments) // BYTES_A_TOKEN)

    def cached_tokens(self, segments: tuple[Segment, ...]) -> int:
        return 0  # only the server knows, and it does not say beforehand

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta, None]:
        if self._closed:
            raise EngineFailed(f"the engine {self.name} is closed")
        if prompt.ahead:  # another machine's time is not spent on what may never be asked
            yield Delta(reason="stop", usage=Usage(0, 0, 0))
            return
        pause_s = self._patience.pause_s
        for left in range(self._patience.retries, -1, -1):
            said = False
            try:
                async with aclosing(self._attempt(prompt, sampling)) as deltas:
                    async for delta in deltas:
                        said = True
                        yield delta
                return
            except ContextTooLarge as error:
                # vLLM refuses a prompt that does not fit together with all of its answer.
                room = error.limit - error.tokens
                if said or not left or not 0 < room < sampling.max_tokens:
                    raise
                sampling = replace(sampling, max_tokens=room)
                continue
            except _TryAgain as again:
                wait_s = pause_s if again.after_s is None else again.after_s
                if not left or self._closed or wait_s > self._patience.longest_pause_s:
                    raise again.error from again.__cause__
            await asyncio.sleep(wait_s)
            pause_s *= 2

    async def close(self) -> None:
        """Ends all streams. May be called twice."""
        self._closed = True
        await self._client.aclose()

    async def _attempt(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta, None]:
        """One request. Raises _TryAgain only before its first text."""
        began = first = last = time.perf_counter()
        said, usage, reason = 0, None, None
        filtering = AnswerFilter() if is_filtered(prompt, sampling) else None
        try:
            async with aclosing(self._chunks(*wire.request(prompt, sampling, self._model))) as chunks:
                async for chunk in chunks:
                    usage, reason = chunk.usage or usage, chunk.reason or reason
                    if chunk.text:
                        last = time.perf_counter()
                        first, said = (first, said + 1) if said else (last, 1)
                        if text := filtering.feed(chunk.text) if filtering else chunk.text:
                            yield Delta(text)
                    if filtering and filtering.is_over:
                        reason = "stop"
                        break
                    if said > sampling.max_tokens:  # each holds a token at least: the server ignores the limit
                        reason = "length"
                        break
            if reason is None:
                raise _TryAgain(EngineFailed(f"{self._who} broke off: ask again, or look into its log"))
        except _TryAgain as again:
            if said:
                raise again.error from again
            raise
        usage = usage or Usage(self.count_tokens(prompt.segments), 0, said)
        if said:
            self._measure(usage, first - began, last - first)
        rest, notice = (filtering.end(), filtering.notice) if filtering else ("", "")
        yield Delta(rest, reason, usage, notice=notice)

    async def _chunks(self, path: str, body: dict[str, Any]) -> AsyncGenerator[wire.StreamChunk, None]:
        """The events of one answer, until the server says that it is done or hangs up."""
        patience, events = self._patience, EventStream()
        response = await self._sent("POST", path, body, patience.first_token_s)
        try:
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            if kind != "text/event-stream":
                raise EngineFailed(f"{self._who} answered with {kind or 'something'}, not with events: set ENGINE_URL")
            blocks, limit_s = response.aiter_raw(), patience.first_token_s
            heard = time.monotonic()  # a chunk, that is: comments keep a connection alive, not an answer
            while block := await self._within(limit_s, anext(blocks, b""), heard):
                for data in events.feed(block):
                    if data.strip() == "[DONE]":
                        return
                    chunk = wire.chunk(data, self._who)
                    limit_s = patience.idle_s if chunk.text else limit_s
                    yield chunk
                    heard = time.monotonic()
        except EventTooLong as error:
            raise EngineFailed(f"{self._who} sent no event: {error}") from error
        finally:
            await response.aclose()  # before the end of the body this hangs up: the server stops generating

    async def _sent(self, method: str, path: str, body: dict[str, Any] | None, limit_s: float) -> httpx.Response:
        """An answer with status 200, its body still to be read."""
        # Lone surrogates come in over JSON, and must not go out.
        data = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace") if body else None
        headers = {"Content-Type": "application/json"} if body else None
        request = self._client.build_request(method, f"{self._url}/{path}", content=data, headers=headers)
        response = await self._within(limit_s, self._client.send(request, stream=True))
        if response.status_code == 200:
            return response
        try:
            raise self._refusal(response, await self._read(response))
        finally:
            await response.aclose()

    async def _read(self, response: httpx.Response) -> bytes:
        """A short body, cut at BODY_BYTES."""
        body, blocks = b"", response.aiter_raw()
        while len(body) < BODY_BYTES and (block := await self._within(self._patience.idle_s, anext(blocks, b""))):
            body += block
        return body[:BODY_BYTES]

    async def _within(self, limit_s: float, waiting: Awaitable[_T], since: float | None = None) -> _T:
        """What comes from the server within that time; what may go wrong on the way, as errors of ours."""
        passed_s = 0.0 if since is None else time.monotonic() - since
        try:
            async with asyncio.timeout(limit_s - passed_s):
                return await waiting
        except TimeoutError:
            raise EngineFailed(f"{self._who} said nothing for {limit_s:g} s: look into its log") from None
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _TryAgain(ModelUnavailable(f"{self._who} does not answer: start it, or set ENGINE_URL")) from error
        except (httpx.TransportError, httpx.StreamError) as error:
            broken = f"the connection to {self._who} broke ({type(error).__name__}): ask again, or look into its log"
            raise _TryAgain(EngineFailed(broken)) from error

    def _refusal(self, response: httpx.Response, body: bytes) -> Exception:
        status, told = response.status_code, wire.refusal(response.status_code, body, self._who)
        if status in (401, 403):
            return ModelUnavailable(f"{self._who} refuses the key: set ENGINE_API_KEY")
        if response.has_redirect_location:
            elsewhere = response.headers["Location"][: wire.SHOWN]
            return ModelUnavailable(f"{self._who} points to {elsewhere}: set ENGINE_URL to that if you trust it")
        if status == 404:
            return ModelUnavailable(f"{told}: set ENGINE_MODEL to a model that is there, or ENGINE_URL")
        if status in _AGAIN and isinstance(told, EngineFailed):
            return _TryAgain(EngineBusy() if status == 429 else told, _retry_after(response))
        return told

    async def _models(self) -> dict[str, int]:
        """The models that the server lists, each with its context. Raises ModelUnavailable."""
        try:
            response = await self._sent("GET", "models", None, self._patience.idle_s)
            try:
                return wire.models(await self._read(response), self._who)
            finally:
                await response.aclose()
        except (_TryAgain, EngineFailed, Unsupported) as error:
            raise ModelUnavailable(str(error)) from error

    def _measure(self, usage: Usage, first_s: float, rest_s: float) -> None:
        """Folds one answer into the rates. What the network and the server's queue cost is part of them."""
        read, written = usage.prompt - usage.cached, usage.completion - 1
        if read > 0 and first_s > 0:
            self._prefill = _folded(self._prefill, read / first_s)
        if written > 0 and rest_s > 0:
            self._decode = _folded(self._decode, written / rest_s)


def _folded(rate: float, newest: float) -> float:
    return newest if not rate else (1 - _NEWEST) * rate + _NEWEST * newest


def _api_url(url: str) -> str:
    """The address below which the calls lie: an address without a path has them under /v1."""
    try:
        parsed = httpx.URL(url.strip())
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo:
        raise ModelUnavailable("ENGINE_URL: give http://HOST:PORT or https://..., a key belongs into ENGINE_API_KEY")
    path = parsed.path.rstrip("/") or "/v1"
    return str(parsed.copy_with(path=path, query=None, fragment=None))


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds, from a number or a date."""
    told = response.headers.get("Retry-After", "").strip()
    if told.isdigit():
        return float(told)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(told).timestamp() - time.time())
    except ValueError:
        return None
