"""The essentials of the engine's contract against a real llama-server with a tiny model."""

import asyncio
import json
import os
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from benchmarks.engine.raw import runs_with_defaults
from models.errors import ContextTooLarge
from models.remote.engine import RemoteEngine
from models.types import Message, Prompt, Sampling, Segment
from tests.models.remote.harness import collect, text
from tests.tiny_gguf import LLAMA3

BUILT = Path(__file__).parents[3] / "build" / "llama-server" / "llama-server"
PROMPT = Prompt(
    (Segment("User: List the files.\n\nAssistant:", True),),
    question="List the files.",
    messages=(Message("user", "List the files."),),
)
GREEDY = Sampling(max_tokens=12, temperature=0)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    program = Path(os.environ.get("LLAMA_SERVER", BUILT))
    if not program.is_file():
        pytest.skip(f"{program} is not there: `make llama-server` makes it, LLAMA_SERVER=path names another")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = f"-m {LLAMA3.path} --host 127.0.0.1 --port {port} -c 1024 -np 2 -t 1 --no-webui --api-key key"
    words += "" if runs_with_defaults(LLAMA3.path) else " --no-repack"
    server = subprocess.Popen([program, *words.split()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        give_up = time.monotonic() + 60
        while not _ready(f"http://127.0.0.1:{port}/health"):
            assert server.poll() is None, f"{program} ended with {server.returncode}"
            assert time.monotonic() < give_up
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def _ready(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
async def engine(url: str) -> AsyncIterator[RemoteEngine]:
    found = await RemoteEngine.connect(url, api_key="key")
    yield found
    await found.close()


async def test_it_names_its_model_and_the_context_of_a_slot(engine: RemoteEngine) -> None:
    assert engine.name == LLAMA3.filename
    assert engine.context_length in (512, 1024)  # newer ones share the cells among the slots


@pytest.mark.parametrize("prompt", [PROMPT, replace(PROMPT, messages=())], ids=["messages", "raw text"])
async def test_an_answer_is_repeatable_bounded_and_counted(engine: RemoteEngine, prompt: Prompt) -> None:
    one, two = await collect(engine, prompt, GREEDY), await collect(engine, prompt, GREEDY)
    assert text(one) == text(two) != ""
    assert one[-1].reason == "length"
    usage = two[-1].usage
    assert usage is not None
    assert (usage.completion, usage.prompt > 5, usage.cached > 0) == (12, True, True)
    assert [delta.reason for delta in one[:-1]] == [None] * (len(one) - 1)
    assert engine.rates.decode > 0


async def test_side_by_side_and_after_a_cancel(engine: RemoteEngine) -> None:
    alone = text(await collect(engine, PROMPT, GREEDY))
    stream = engine.stream(PROMPT, Sampling(max_tokens=900, temperature=0))
    await anext(stream)
    await stream.aclose()
    async with asyncio.timeout(10):
        together = await asyncio.gather(*(collect(engine, PROMPT, GREEDY) for _ in range(3)))
    assert [text(deltas) for deltas in together] == [alone] * 3


async def test_a_schema_and_every_sampling_field_are_taken(engine: RemoteEngine) -> None:
    schema = '{"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}'
    sampling = Sampling(60, 0.7, 0.9, 40, 0.05, 1.1, 7, ("###",), schema)
    deltas = await collect(engine, PROMPT, sampling)
    assert json.loads(text(deltas))["ok"] in (True, False)
    assert deltas[-1].reason == "stop"


async def test_a_prompt_that_is_too_long_raises_both_numbers(engine: RemoteEngine) -> None:
    long = replace(PROMPT, messages=(Message("user", "word " * 4000),))
    with pytest.raises(ContextTooLarge) as raised:
        await collect(engine, long, GREEDY)
    assert raised.value.tokens > raised.value.limit == engine.context_length
