"""One question through each interface: its text, and its sources where the interface shows them."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from acp import spawn_agent_process, text_block
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from backend.chat.turn_result import TurnResult
from backend.db.conversations import new_id
from models.remote.sse import EventStream
from tests.backend.cli.editors.harness import Editor
from tests.backend.mcp.harness import call
from tests.e2e.harness import LANTERN, TIMEOUT_S, Served, environment, lantern


@dataclass(frozen=True, slots=True)
class Reply:
    """What an interface gives a user: the text, and the sources where it shows them."""

    text: str
    sources: tuple[tuple[str, int, int], ...] | None


@dataclass(frozen=True, slots=True)
class Asked:
    """A server with one codebase, which is asked through any interface."""

    served: Served
    root: Path
    data: Path


def with_sources(text: str, items: list[dict[str, Any]]) -> Reply:
    return Reply(text, tuple((item["path"], item["start"], item["end"]) for item in items))


async def by_rest(asked: Asked, question: str) -> Reply:
    answer = asked.served.post("/chat/query", {"query": question})
    return with_sources(answer["response"], answer["sources"])


async def by_sse(asked: Asked, question: str) -> Reply:
    result, stream = TurnResult(), EventStream(1 << 20)
    async with httpx.AsyncClient(headers=asked.served.headers, timeout=TIMEOUT_S, trust_env=False) as http:
        body = {"query": question, "stream": True}
        async with http.stream("POST", f"{asked.served.url}/chat/query", json=body) as reply:
            async for block in reply.aiter_bytes():
                for data in stream.feed(block):
                    result.add(json.loads(data))
    return with_sources(result.response, result.sources)


async def by_socket(asked: Asked, question: str) -> Reply:
    result = TurnResult()
    async with asked.served.websocket() as socket:
        await socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "session/open"}))
        session = json.loads(await socket.recv())["result"]["session"]
        params = {"session": session, "turn": new_id(), "text": question}
        await socket.send(json.dumps({"jsonrpc": "2.0", "id": 2, "method": "session/prompt", "params": params}))
        async for frame in socket:
            event = json.loads(frame).get("params", {"type": ""})
            result.add(event)
            if event["type"] == "end":
                break
    return with_sources(result.response, result.sources)


async def by_openai(asked: Asked, question: str) -> Reply:
    body = {"model": "+repo", "messages": [{"role": "user", "content": question}]}
    answer = asked.served.post("/v1/chat/completions", body)
    return with_sources(answer["choices"][0]["message"]["content"], answer["lantern_sources"])


async def by_command(asked: Asked, question: str) -> Reply:
    done = lantern(asked.data, "ask", question, "--path", str(asked.root), "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    return with_sources(answer["response"], answer["sources"])


async def by_command_as_text(asked: Asked, question: str) -> Reply:
    done = lantern(asked.data, "ask", question, "--path", str(asked.root))
    assert done.returncode == 0, done.stderr
    return Reply(done.stdout.removesuffix("\n"), None)


async def by_acp(asked: Asked, question: str) -> Reply:
    editor = Editor()
    spawned = spawn_agent_process(editor, *LANTERN, "acp", env=environment(asked.data))  # type: ignore[arg-type]
    async with spawned as (connection, _):
        await connection.initialize(protocol_version=1)
        session = (await connection.new_session(str(asked.root), mcp_servers=[])).session_id
        await connection.prompt(session, [text_block(question)])
    found = [update["_meta"]["lantern"]["sources"] for update in editor.updates if "_meta" in update]
    located = [update["locations"] for update in editor.updates if update.get("locations")]
    assert [place["path"] for place in (located or [[]])[-1]] == [str(asked.root / item["path"]) for item in found[-1]]
    return with_sources(editor.text, found[-1])


async def by_mcp(asked: Asked, question: str) -> Reply:
    command = StdioServerParameters(command=LANTERN[0], args=["mcp"], env=environment(asked.data), cwd=asked.root)
    async with asyncio.timeout(TIMEOUT_S), Client(stdio_client(command)) as client:
        answer = await call(client, "ask", question=question)
    return with_sources(answer["answer"], answer["sources"])


WAYS: dict[str, Callable[[Asked, str], Awaitable[Reply]]] = {
    "SSE": by_sse,
    "socket": by_socket,
    "/v1": by_openai,
    "command": by_command,
    "command as text": by_command_as_text,
    "ACP": by_acp,
    "MCP": by_mcp,
}


async def answers(asked: Asked, question: str) -> tuple[Reply, dict[str, Reply]]:
    """What REST gives, and what each of the others gives."""
    return await by_rest(asked, question), {name: await way(asked, question) for name, way in WAYS.items()}


def assert_same(expected: Reply, others: dict[str, Reply]) -> None:
    """Asserts the same text everywhere, and the same sources where they are shown."""
    assert {name: reply.text for name, reply in others.items()} == dict.fromkeys(others, expected.text)
    shown = {name: reply.sources for name, reply in others.items() if reply.sources is not None}
    assert shown == dict.fromkeys(shown, expected.sources)
    assert len(shown) == len(others) - 1
