"""The HTTP connection to an OpenAI-compatible server: requests out, events in, failures as errors of `models`.

Follows no redirect and no proxy of the environment. Does not know prompts, nor where the address comes from.
"""

import asyncio
import email.utils
import json
import time
from collections.abc import AsyncGenerator, Awaitable
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from models.errors import EngineBusy, EngineFailed, ModelError, ModelUnavailable, Unsupported
from models.remote import openai_wire as wire
from models.remote.sse import EventStream, EventTooLong

BODY_BYTES = 1 << 20  # most of a body that is read at once
_T = TypeVar("_T")
_RETRIED = frozenset({408, 429, 500, 502, 503, 504})  # statuses


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How long to wait, in seconds, and how often to try."""

    connect_s: float = 5.0
    first_token_s: float = 600.0  # a long prompt on a slow machine
    idle_s: float = 60.0  # between tokens
    retries: int = 2
    pause_s: float = 0.25  # doubles with each retry
    longest_pause_s: float = 10.0  # if a server asks for a longer one, there is no retry


class RetryableError(Exception):
    """A failure before the first text of an answer. Carries the error to raise if there is no other try."""

    def __init__(self, error: ModelError, after_s: float | None = None) -> None:
        super().__init__(str(error))
        self.error, self.after_s = error, after_s


class Connection:
    """One server."""

    def __init__(self, url: str, api_key: str, retry_policy: RetryPolicy) -> None:
        """`url` is the server's (`http://host:8080`) or that of its API (`https://host/api/v1`).

        Raises ModelUnavailable where it is no address.
        """
        self._url = _api_url(url)
        self.server = f"the server at {self._url}"  # what messages call it
        self._retry_policy = retry_policy
        headers = {"Accept-Encoding": "identity"} | ({"Authorization": f"Bearer {api_key}"} if api_key else {})
        self._client = httpx.AsyncClient(
            headers=headers,
            timeout=httpx.Timeout(None, connect=retry_policy.connect_s),
            trust_env=False,
            follow_redirects=False,
        )

    async def close(self) -> None:
        """Ends all requests. May be called twice."""
        await self._client.aclose()

    async def chunks(self, path: str, body: dict[str, Any]) -> AsyncGenerator[wire.StreamChunk, None]:
        """The events of one answer, until the server says that it is done or hangs up. Closing it hangs up.

        Raises RetryableError or ModelError.
        """
        retry_policy, events = self._retry_policy, EventStream()
        response = await self._send("POST", path, body, retry_policy.first_token_s)
        try:
            kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            if kind != "text/event-stream":
                got = kind or "something"
                raise EngineFailed(f"{self.server} answered with {got}, not with events: set ENGINE_URL")
            blocks, limit_s = response.aiter_raw(), retry_policy.first_token_s
            last_chunk = time.monotonic()  # comments keep a connection alive, not an answer
            while block := await self._within(limit_s, anext(blocks, b""), last_chunk):
                for data in events.feed(block):
                    if data.strip() == "[DONE]":
                        return
                    chunk = wire.chunk(data, self.server)
                    limit_s = retry_policy.idle_s if chunk.text or chunk.calls else limit_s
                    yield chunk
                    last_chunk = time.monotonic()
        except EventTooLong as error:
            raise EngineFailed(f"{self.server} sent no event: {error}") from error
        finally:
            await response.aclose()  # before the end of the body this hangs up: the server stops generating

    async def models(self) -> dict[str, int]:
        """The models that the server lists, each with its context length, 0 where it gives none.

        Raises ModelUnavailable.
        """
        try:
            response = await self._send("GET", "models", None, self._retry_policy.idle_s)
            try:
                return wire.models(await self._read(response), self.server)
            finally:
                await response.aclose()
        except (RetryableError, EngineFailed, Unsupported) as error:
            raise ModelUnavailable(str(error)) from error

    async def _send(self, method: str, path: str, body: dict[str, Any] | None, limit_s: float) -> httpx.Response:
        """The response, with status 200 and its body unread."""
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
        while len(body) < BODY_BYTES and (block := await self._within(self._retry_policy.idle_s, anext(blocks, b""))):
            body += block
        return body[:BODY_BYTES]

    async def _within(self, limit_s: float, waiting: Awaitable[_T], since: float | None = None) -> _T:
        """Awaits the server for at most that time, from `since` on; translates httpx's exceptions."""
        passed_s = 0.0 if since is None else time.monotonic() - since
        try:
            async with asyncio.timeout(limit_s - passed_s):
                return await waiting
        except TimeoutError:
            raise EngineFailed(f"{self.server} sent nothing for {limit_s:g} s: look into its log") from None
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise RetryableError(
                ModelUnavailable(f"{self.server} does not answer: start it, or set ENGINE_URL")
            ) from error
        except (httpx.TransportError, httpx.StreamError) as error:
            kind = type(error).__name__
            broken = f"the connection to {self.server} broke ({kind}): ask again, or look into its log"
            raise RetryableError(EngineFailed(broken)) from error

    def _refusal(self, response: httpx.Response, body: bytes) -> Exception:
        status, error = response.status_code, wire.refusal(response.status_code, body, self.server)
        if status in (401, 403):
            return ModelUnavailable(f"{self.server} refuses the key: set ENGINE_API_KEY")
        if response.has_redirect_location:
            elsewhere = response.headers["Location"][: wire.SHOWN]
            return ModelUnavailable(f"{self.server} points to {elsewhere}: set ENGINE_URL to that if you trust it")
        if status == 404:
            return ModelUnavailable(f"{error}: set ENGINE_MODEL to a model that is there, or ENGINE_URL")
        if status in _RETRIED and isinstance(error, EngineFailed):
            return RetryableError(EngineBusy() if status == 429 else error, _retry_after(response))
        return error


def _api_url(url: str) -> str:
    """The base URL of the API: an address without a path gets /v1."""
    try:
        parsed = httpx.URL(url.strip())
    except httpx.InvalidURL:
        parsed = httpx.URL("")
    if parsed.scheme not in ("http", "https") or not parsed.host or parsed.userinfo:
        raise ModelUnavailable("ENGINE_URL: give http://HOST:PORT or https://...; put a key into ENGINE_API_KEY")
    path = parsed.path.rstrip("/") or "/v1"
    return str(parsed.copy_with(path=path, query=None, fragment=None))


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds, from a number or a date; None without either."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdigit():
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
