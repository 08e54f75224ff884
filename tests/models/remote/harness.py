"""An OpenAI-compatible server on a free port of this machine, honest or scripted by a test, and an engine on it.

It writes raw HTTP, so that it can also do what no library would.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from models.remote.connection import RetryPolicy
from models.remote.engine import BYTES_A_TOKEN, RemoteEngine
from models.types import Delta, Message, Prompt, Sampling, Segment

EVENTS = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
WORDS = tuple(f"word{n} " for n in range(200))


@dataclass(slots=True)
class Call:
    """One request, and the way to answer it."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, text: str | bytes) -> None:
        self.writer.write(text.encode() if isinstance(text, str) else text)
        await self.writer.drain()

    async def event(self, data: object) -> None:
        await self.send(f"data: {data if isinstance(data, str) else json.dumps(data)}\n\n")

    async def text(self, text: str) -> None:
        """One chunk of an answer, in the shape of the endpoint that was called."""
        payload = {"delta": {"content": text}} if self.path.endswith("/chat/completions") else {"text": text}
        logprobs = {"content": [self._logprob(text)]} if "logprobs" in self.body else None
        await self.event({"choices": [{"index": 0, **payload, "logprobs": logprobs, "finish_reason": None}]})

    def _logprob(self, text: str) -> dict[str, Any]:
        """A token that was the likeliest one."""
        count = self.body.get("top_logprobs", self.body["logprobs"])
        top = [{"token": text if n == 0 else f"other{n}", "logprob": -0.5 - n} for n in range(count)]
        return {"token": text, "logprob": -0.5, "top_logprobs": top}

    async def stall(self) -> None:
        """Sends nothing more until the client hangs up."""
        await self.reader.read()
        raise ConnectionResetError

    async def answer(self, status: int, body: object = "", **headers: str) -> None:
        """A whole response; a body that is no text goes as JSON."""
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        own = {"Content-Type": "application/json", "Content-Length": str(len(data)), "Connection": "close"}
        lines = own | {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        await self.send(f"HTTP/1.1 {status} Said\r\n{head}\r\n".encode() + data)


Answer = Callable[[Call], Awaitable[None]]


@dataclass(slots=True)
class FakeServer:
    """Its requests, whether a client hung up, and its address."""

    url: str = ""
    calls: list[Call] = field(default_factory=list)
    called: asyncio.Event = field(default_factory=asyncio.Event)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [call.body for call in self.calls]


async def honest(call: Call) -> None:
    """Up to `max_tokens` words, each a token, with usage."""
    if call.path == "/v1/models":
        await call.answer(200, {"object": "list", "data": [{"id": "tiny", "max_model_len": 4096}]})
        return
    prompt = call.body.get("prompt") or "".join(message["content"] for message in call.body["messages"])
    words = WORDS[: call.body["max_tokens"]]
    await call.send(EVENTS)
    for word in words:
        await call.text(word)
        await asyncio.sleep(0)
    await call.event({"choices": [{"index": 0, "delta": {}, "finish_reason": _reason(words)}]})
    usage = {"prompt_tokens": -(-len(prompt.encode()) // BYTES_A_TOKEN), "completion_tokens": len(words)}
    await call.event({"choices": [], "usage": usage | {"prompt_tokens_details": {"cached_tokens": 3}}})
    await call.event("[DONE]")


def _reason(words: tuple[str, ...]) -> str:
    return "stop" if len(words) == len(WORDS) else "length"


@asynccontextmanager
async def fake_server(*answers: Answer) -> AsyncIterator[FakeServer]:
    """A server that gives these answers one after the other, the last of them again and again."""
    fake, serving = FakeServer(), set[asyncio.Task[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        with suppress(asyncio.IncompleteReadError, asyncio.CancelledError):  # the latter at the end of the test
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            method, path, _ = head[0].split()
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            data = await reader.readexactly(int(headers.get("content-length", 0)))
            call = Call(method, path, headers, json.loads(data or b"{}"), reader, writer)
            fake.calls.append(call)
            fake.called.set()
            try:
                await answers[min(len(fake.calls), len(answers)) - 1](call)
            except ConnectionError:
                fake.hung_up.set()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    fake.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield fake
    finally:
        server.close()
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await server.wait_closed()


QUICK = RetryPolicy(connect_s=5, first_token_s=10, idle_s=10, pause_s=0.01, longest_pause_s=0.5)
SHORT = replace(QUICK, first_token_s=0.4, idle_s=0.3)
RAW = Prompt((Segment("def scan(", True), Segment("root):", False)), question="scan", stop=("<|end|>",))
CHAT = replace(RAW, messages=(Message("system", "Be brief."), Message("user", "What is scan?")))
SAMPLING = Sampling(max_tokens=3, temperature=0)


@asynccontextmanager
async def remote(*answers: Answer, retry_policy: RetryPolicy = QUICK) -> AsyncIterator[tuple[RemoteEngine, FakeServer]]:
    async with fake_server(*answers) as fake:
        engine = RemoteEngine(fake.url, "tiny", api_key="secret", retry_policy=retry_policy)
        yield engine, fake
        await engine.close()


async def collect(engine: RemoteEngine, prompt: Prompt = CHAT, sampling: Sampling = SAMPLING) -> list[Delta]:
    return [delta async for delta in engine.stream(prompt, sampling)]


def text(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


async def stalls(call: Call) -> None:
    await call.stall()


async def stalls_late(call: Call) -> None:
    await call.send(EVENTS)
    await call.text("half")
    await call.stall()
