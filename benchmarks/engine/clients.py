"""Two clients that measure times alike: conversations over /v1/chat/completions, and over Lantern's WebSocket.

They know what they sent and when text arrived, not which server it is.
"""

import asyncio
import json
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Protocol

import httpx
from websockets.asyncio.client import connect

from tests.backend.harness import Socket


@dataclass(slots=True)
class TimedAnswer:
    """An answer and its times, by the clock of this process."""

    sent: float = 0.0
    times: list[float] = field(default_factory=list)  # arrival of each piece of text
    text: str = ""
    tokens: int = 0  # by the server's count
    ended: float = 0.0
    forecast: float | None = None  # arrival of the first text, as the server first predicted it
    progressed: asyncio.Event = field(default_factory=asyncio.Event)  # set by each text, and by the end
    cancel: asyncio.Event = field(default_factory=asyncio.Event)  # set it to cancel the answer

    def add(self, text: str) -> None:
        if text:
            self.times.append(time.perf_counter())
            self.text += text
            self.progressed.set()

    @property
    def first_s(self) -> float:
        return self.times[0] - self.sent

    @property
    def rate(self) -> float:
        """Tokens per second from the first text to the last."""
        return (self.tokens - 1) / (self.times[-1] - self.times[0])

    def longest_gap_s(self, begin: float, end: float) -> float:
        """The longest time without text, from `begin` to `end`."""
        moments = [
            begin,
            *(time_s for time_s in self.times if begin < time_s < end),
            min(end, max(begin, self.ended or end)),
        ]
        return max(after - before for before, after in pairwise(moments))


class Conversation(Protocol):
    """A conversation."""

    async def ask(self, question: str, tokens: int, answer: TimedAnswer | None = None, **more: Any) -> TimedAnswer: ...

    async def close(self) -> None: ...


class Completions:
    """A conversation that the client keeps: every request carries all messages."""

    def __init__(self, url: str, headers: dict[str, str], model: str, messages: list[dict[str, str]]) -> None:
        self.messages, self._model = messages, model
        # A connection for each request: llama-server may drop an idle one at the moment when it is used again.
        once = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.AsyncClient(base_url=url, headers=headers, timeout=600, limits=once, trust_env=False)

    async def ask(self, question: str, tokens: int, answer: TimedAnswer | None = None, **more: Any) -> TimedAnswer:
        answer = answer or TimedAnswer()
        messages = [*self.messages, {"role": "user", "content": question}]
        body = {"model": self._model, "messages": messages, "max_tokens": tokens, "temperature": 0, "stream": True}
        answer.sent = time.perf_counter()
        reading = asyncio.create_task(self._read(body | {"stream_options": {"include_usage": True}} | more, answer))
        cancelled = asyncio.create_task(answer.cancel.wait())
        await asyncio.wait({reading, cancelled}, return_when=asyncio.FIRST_COMPLETED)
        cancelled.cancel()
        if not reading.done():
            reading.cancel()  # closes the connection
        with suppress(asyncio.CancelledError):
            await reading
            self.messages = [*messages, {"role": "assistant", "content": answer.text}]
        answer.ended = time.perf_counter()
        answer.progressed.set()
        return answer

    async def _read(self, body: dict[str, Any], answer: TimedAnswer) -> None:
        async with self._http.stream("POST", "/v1/chat/completions", json=body) as response:
            assert response.status_code == 200, (await response.aread()).decode()
            async for line in response.aiter_lines():
                if not line.startswith("data: ") or line == "data: [DONE]":
                    continue
                chunk = json.loads(line.removeprefix("data: "))
                assert "error" not in chunk, chunk
                for choice in chunk["choices"]:
                    answer.add(choice["delta"].get("content") or "")
                if usage := chunk.get("usage"):
                    answer.tokens = usage["completion_tokens"]

    async def close(self) -> None:
        await self._http.aclose()


class Session:
    """A conversation that Lantern keeps, over a connection of its own."""

    def __init__(self, socket: Socket, session: str, conversation: str | None) -> None:
        self.session, self.conversation = session, conversation
        self._socket = socket

    @classmethod
    async def open(
        cls, url: str, headers: dict[str, str], workspace: str = "", after: "Session | None" = None
    ) -> "Session":
        """A new conversation, or `after` continued over a new connection."""
        raw = await connect(
            url.replace("http", "ws", 1) + "/v1/ws",
            subprotocols=["lantern.v1"],  # type: ignore[list-item]
            additional_headers=headers,
            proxy=None,
        )
        socket = Socket(raw, patience_s=600)
        existing = {"session": after.session} if after else {}
        opened = await socket.call("session/open", workspace=workspace, **existing)
        return cls(socket, opened["session"], after.conversation if after else None)

    async def ask(self, question: str, tokens: int, answer: TimedAnswer | None = None, **more: Any) -> TimedAnswer:
        answer, turn = answer or TimedAnswer(), uuid.uuid4().hex
        prompt = {"session": self.session, "turn": turn, "text": question, "max_tokens": tokens, "temperature": 0}
        answer.sent = time.perf_counter()
        options = {"retrieval": "off"} | ({"conversation": self.conversation} if self.conversation else {}) | more
        await self._send("session/prompt", **prompt | options)
        cancelling = asyncio.create_task(self._cancel(answer, turn))
        try:
            while not answer.ended:
                self._note(await self._socket.receive(), turn, answer)
        finally:
            cancelling.cancel()
        answer.progressed.set()
        return answer

    async def _cancel(self, answer: TimedAnswer, turn: str) -> None:
        await answer.cancel.wait()
        await self._send("session/cancel", session=self.session, turn=turn)

    def _note(self, message: dict[str, Any], turn: str, answer: TimedAnswer) -> None:
        assert "error" not in message, message
        event = message.get("params", {})
        if event.get("turn") != turn:
            return
        if event["type"] == "accepted":
            self.conversation = event["conversation"]
        elif event["type"] == "delta":
            answer.add(event["text"])
        elif event["type"] == "status" and answer.forecast is None and event.get("eta_ms"):
            answer.forecast = time.perf_counter() + event["eta_ms"] / 1000
        elif event["type"] == "end":
            assert event["reason"] != "error", event
            answer.ended, answer.tokens = time.perf_counter(), event["usage"]["completion"]

    async def _send(self, method: str, **params: Any) -> None:
        request = {"jsonrpc": "2.0", "id": next(self._socket.ids), "method": method, "params": params}
        await self._socket.raw.send(json.dumps(request))

    async def close(self) -> None:
        await self._socket.raw.close()
