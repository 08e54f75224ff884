"""A server with the OpenAI API, and the official client for it."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import openai

from models.scripted import ScriptedEngine
from tests.backend.harness import World, running

TEXTS = ("It ", "works.")
QUESTION: Any = [{"role": "user", "content": "Does it?"}]
PHI3_PROMPT = "<|user|>\nDoes it?<|end|>\n<|assistant|>\n"
CODE = (
    'def expire_sessions(now):\n    """Sessions are expired an hour after their last use."""\n    return now - 3600\n'
)


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
