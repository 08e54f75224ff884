"""Two clients with the same stop watch: conversations over /v1/chat/completions, and over Lantern's WebSocket.

They know what they sent and when text came; not who serves it.
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
class Heard:
    """One answer as its client saw it, by the clock of this process."""

    sent: float = 0.0
    times: list[float] = field(default_factory=list)  # when each piece of text came
    text: str = ""
    tokens: int = 0  # as the server counts them
    ended: float = 0.0
    forecast: float | None = None  # when the first text will come, as the server said first
    spoke: asyncio.Event = field(default_factory=asyncio.Event)  # set by each text, and the end
    cancel: asyncio.Event = field(default_factory=asyncio.Event)  # to be set by whoever wants it to end

    def hear(self, text: str) -> None:
        if text:
            self.times.append(time.perf_counter())
            self.text += text
            self.spoke.set()

    @property
    def first_s(self) -> float:
        return self.times[0] - self.sent

    @property
    def rate(self) -> float:
        """Tokens per second from the first text to the last."""
        return (self.tokens - 1) / (self.times[-1] - self.times[0])

    def longest_gap_s(self, begin: float, end: float) -> float:
        """Between two texts, as far as it lies between two moments."""
        inside = [begin, *(at for at in self.times if begin < at < end), min(end, max(begin, self.ended or end))]
        return max(after - before for before, after in pairwise(inside))


class Talk(Protocol):
    """A conversation."""

    async def ask(self, question: str, tokens: int, heard: Heard | None = None, **more: Any) -> Heard: ...

    async def close(self) -> None: ...


class Completions:
    """A conversation that the client keeps: every request carries all messages."""

    def __init__(self, url: str, headers: dict[str, str], model: str, messages: list[dict[str, str]]) -> None:
        self.messages, self._model = messages, model
        # A connection each: llama-server drops a kept one at will, which after a slow answer is just as it is used.
        once = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.AsyncClient(base_url=url, headers=headers, timeout=600, limits=once, trust_env=False)

    async def ask(self, question: str, tokens: int, heard: Heard | None = None, **more: Any) -> Heard:
        heard = heard or Heard()
        asked = [*self.messages, {"role": "user", "content": question}]
        body = {"model": self._model, "messages": asked, "max_tokens": tokens, "temperature": 0, "stream": True}
        heard.sent = time.perf_counter()
        reading = asyncio.create_task(self._read(body | {"stream_options": {"include_usage": True}} | more, heard))
        cancelled = asyncio.create_task(heard.cancel.wait())
        await asyncio.wait({reading, cancelled}, return_when=asyncio.FIRST_COMPLETED)
        cancelled.cancel()
        if not reading.done():
            reading.cancel()  # closes the connection
        with suppress(asyncio.CancelledError):
            await reading
            self.messages = [*asked, {"role": "assistant", "content": heard.text}]
        heard.ended = time.perf_counter()
        heard.spoke.set()
        return heard

    async def _read(self, body: dict[str, Any], heard: Heard) -> None:
        async with self._http.stream("POST", "/v1/chat/completions", json=body) as answer:
            assert answer.status_code == 200, (await answer.aread()).decode()
            async for line in answer.aiter_lines():
                if not line.startswith("data: ") or line == "data: [DONE]":
                    continue
                chunk = json.loads(line.removeprefix("data: "))
                assert "error" not in chunk, chunk
                for choice in chunk["choices"]:
                    heard.hear(choice["delta"].get("content") or "")
                if usage := chunk.get("usage"):
                    heard.tokens = usage["completion_tokens"]

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
        """A new conversation, or one of the same server's that goes on over a new connection."""
        raw = await connect(
            url.replace("http", "ws", 1) + "/v1/ws",
            subprotocols=["lantern.v1"],  # type: ignore[list-item]
            additional_headers=headers,
            proxy=None,
        )
        socket = Socket(raw, patience_s=600)
        known = {"session": after.session} if after else {}
        opened = await socket.call("session/open", workspace=workspace, **known)
        return cls(socket, opened["session"], after.conversation if after else None)

    async def ask(self, question: str, tokens: int, heard: Heard | None = None, **more: Any) -> Heard:
        heard, turn = heard or Heard(), uuid.uuid4().hex
        asked = {"session": self.session, "turn": turn, "text": question, "max_tokens": tokens, "temperature": 0}
        heard.sent = time.perf_counter()
        given = {"retrieval": "off"} | ({"conversation": self.conversation} if self.conversation else {}) | more
        await self._send("session/prompt", **asked | given)
        cancelling = asyncio.create_task(self._cancel(heard, turn))
        try:
            while not heard.ended:
                self._note(await self._socket.receive(), turn, heard)
        finally:
            cancelling.cancel()
        heard.spoke.set()
        return heard

    async def _cancel(self, heard: Heard, turn: str) -> None:
        await heard.cancel.wait()
        await self._send("session/cancel", session=self.session, turn=turn)

    def _note(self, message: dict[str, Any], turn: str, heard: Heard) -> None:
        assert "error" not in message, message
        event = message.get("params", {})
        if event.get("turn") != turn:
            return
        if event["type"] == "accepted":
            self.conversation = event["conversation"]
        elif event["type"] == "delta":
            heard.hear(event["text"])
        elif event["type"] == "status" and heard.forecast is None and event.get("eta_ms"):
            heard.forecast = time.perf_counter() + event["eta_ms"] / 1000
        elif event["type"] == "end":
            assert event["reason"] != "error", event
            heard.ended, heard.tokens = time.perf_counter(), event["usage"]["completion"]

    async def _send(self, method: str, **params: Any) -> None:
        request = {"jsonrpc": "2.0", "id": next(self._socket.ids), "method": method, "params": params}
        await self._socket.raw.send(json.dumps(request))

    async def close(self) -> None:
        await self._socket.raw.close()
