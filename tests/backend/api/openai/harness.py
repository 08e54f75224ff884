"""A server with the OpenAI API, and the official client for it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
import openai

from models.scripted import ScriptedEngine
from prompts.formats import ChatFormat
from prompts.template import derive
from tests.backend.harness import ScriptedEngines, World, running

TEXTS = ("It ", "works.")
QUESTION: Any = [{"role": "user", "content": "Does it?"}]
PHI3_PROMPT = "<|user|>\nDoes it?<|end|>\n<|assistant|>\n"
CODE = (
    'def expire_sessions(now):\n    """Sessions are expired an hour after their last use."""\n    return now - 3600\n'
)


@cache
def phi3_with_tools() -> ChatFormat:
    """The format of Phi-3, with tools in the form of Hermes. The template begins with them."""
    return derive(
        "{%- if tools %}{% for tool in tools %}{{ '<|tool|>' + tool.function | tojson }}{% endfor %}"
        "{{ ' Write <tool_call>...</tool_call>.\n' }}{% endif %}"
        "{% for message in messages %}{{ '<|' + message.role + '|>\n' + message.content }}"
        "{% for call in message.tool_calls or [] %}"
        "{{ '<tool_call>' + call.function.name + ' ' + (call.function.arguments | tojson) + '</tool_call>' }}"
        "{% endfor %}{{ '<|end|>\n' }}{% endfor %}{{ '<|assistant|>\n' }}",
        "",
        "<|endoftext|>",
    )


@asynccontextmanager
async def with_tools(folder: Path, engine: ScriptedEngine) -> AsyncIterator[World]:
    """A server whose model has a template with tools."""
    chat = phi3_with_tools()
    async with running(folder, making=lambda settings: ScriptedEngines(settings, engine, chat)) as world:
        yield world


@asynccontextmanager
async def client_of(world: World) -> AsyncIterator[openai.AsyncOpenAI]:
    transport = httpx2.AsyncClient(trust_env=False)
    async with openai.AsyncOpenAI(base_url=f"{world.url}/v1", api_key=world.token, http_client=transport) as client:
        yield client


@asynccontextmanager
async def talking(
    folder: Path, engine: ScriptedEngine | None = None, **given: Any
) -> AsyncIterator[tuple[openai.AsyncOpenAI, World]]:
    async with running(folder, engine, **given) as world, client_of(world) as client:
        yield client, world


async def index(world: World, root: Path) -> None:
    root.mkdir()
    (root / "sessions.py").write_text(CODE)
    assert (await world.post("/index", {"path": str(root), "wait": True})).json()["state"] == "done"


def stream_data(text: str) -> list[Any]:
    """What the events of a stream carry, `[DONE]` as it is."""
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [line if line == "[DONE]" else json.loads(line) for line in lines]
