"""A small codebase, and clients of each API of one server, for tests of real models."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import connect

from tests.backend.frames import CheckedConnection
from tests.backend.harness import Socket
from tests.e2e.harness import Served

# Nothing depends on the clock: every snippet is in the prompt. Two threads, as on the smallest machine.
SETTINGS = {"CONTEXT_LENGTH": 2048, "MAX_TOKENS": 48, "FIRST_TOKEN_S": 0, "N_THREADS": 2, "WATCH": 0}
MAX_WAIT_S = 300.0  # for one message or answer: the machine may be busy
FILES = {
    "sessions.py": '''def expire_sessions(now):
    """Sessions are expired an hour after their last use."""
    return now - 3600
''',
    "prices.py": '''class Cart:
    def total(self, prices):
        """Sums up what the cart costs, minus its discount."""
        whole = sum(prices)
        return whole - whole * self.discount
''',
}


def lay_out(root: Path) -> Path:
    root.mkdir()
    for name, text in FILES.items():
        (root / name).write_text(text)
    return root


def chat_request(text: str, model: str) -> dict[str, Any]:
    """The body of a request to /v1/chat/completions."""
    messages = [{"role": "user", "content": text}]
    return {"model": model, "messages": messages, "temperature": 0, "repeat_penalty": 1}


@dataclass(frozen=True, slots=True)
class Real:
    """A server with real models and an indexed codebase."""

    served: Served
    folder: Path  # the server's data
    root: Path = Path()
    codebase: str = ""

    def query(self, text: str, model: str, **more: Any) -> Any:
        """The greedy answer over REST; without retrieval, unless `codebase` is given."""
        off = {} if "codebase" in more else {"retrieval": "off"}
        return self.served.post("/chat/query", {"query": text, "model": model, "temperature": 0} | off | more)

    def chat(self, text: str, model: str, **more: Any) -> Any:
        """The greedy answer of the model under /v1, with nothing added to the question."""
        return self.served.post("/v1/chat/completions", chat_request(text, model) | more)

    def streamed(self, path: str, body: dict[str, Any]) -> list[str]:
        """The data of server-sent events."""
        headers = self.served.headers
        with httpx.stream(
            "POST", self.served.url + path, json=body, headers=headers, timeout=MAX_WAIT_S, trust_env=False
        ) as answer:
            assert answer.status_code == 200, answer.read()
            return [line.removeprefix("data: ") for line in answer.iter_lines() if line.startswith("data: ")]

    def stored(self, conversation: str) -> list[dict[str, Any]]:
        payload = self.served.get(f"/chat/history?conversation_id={conversation}")
        messages: list[dict[str, Any]] = payload["messages"]
        return messages

    @asynccontextmanager
    async def session(self) -> AsyncIterator[tuple[Socket, str]]:
        """A client of the WebSocket and its session in the codebase."""
        url = self.served.url.replace("http", "ws", 1) + "/v1/ws"
        protocols: Any = ["lantern.v1", f"token.{self.served.token}"]
        async with connect(url, subprotocols=protocols, proxy=None, create_connection=CheckedConnection) as connection:
            socket = Socket(connection, patience_s=MAX_WAIT_S)
            yield socket, (await socket.call("session/open", workspace=str(self.root)))["session"]


async def prompt(socket: Socket, session: str, turn: str, text: str, model: str, **more: Any) -> str:
    """Sends a prompt without waiting for the answer; returns the conversation."""
    payload = {"session": session, "turn": turn, "text": text, "model": model, "temperature": 0} | more
    conversation: str = (await socket.call("session/prompt", **payload))["conversation"]
    return conversation


def text_of(socket: Socket, turn: str) -> str:
    return "".join(event["text"] for event in socket.events if (event["type"], event.get("turn")) == ("delta", turn))


def ids_of(answer: dict[str, Any]) -> dict[str, str]:
    return {name: answer[name] for name in ("session_id", "conversation_id")}


def parsed(lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines if line != "[DONE]"]
