"""Sampling on a real model: what each setting must and must not allow."""

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from models.llama.engine import LlamaEngine
from models.types import ModelSpec, Prompt, Sampling, Segment
from tests.tiny_gguf import PHI3

pytestmark = pytest.mark.process

SPEC = ModelSpec("phi3-mini", (PHI3.filename,), context_length=1024, threads=1)
WARM = Sampling(max_tokens=40, temperature=2.0, top_p=1.0, seed=5)
PROMPT = Prompt((Segment("<|user|>\n", True), Segment("x", False), Segment("<|end|>\n<|assistant|>\n", True)), "x")


@pytest.fixture
async def engine() -> AsyncIterator[LlamaEngine]:
    found = await LlamaEngine.start(SPEC, PHI3.path)
    yield found
    await found.close()


async def answer_of(engine: LlamaEngine, sampling: Sampling) -> tuple[str, str | None]:
    deltas = [delta async for delta in engine.stream(PROMPT, sampling)]
    return "".join(delta.text for delta in deltas), deltas[-1].reason


async def test_settings_that_allow_one_token_are_greedy(engine: LlamaEngine) -> None:
    greedy = await answer_of(engine, replace(WARM, temperature=0.0))
    for narrow in ({"top_k": 1}, {"min_p": 1.0}, {"top_p": 1e-6}):
        assert await answer_of(engine, replace(WARM, **narrow)) == greedy
    assert await answer_of(engine, WARM) != greedy


async def test_a_repeat_penalty_avoids_repetition(engine: LlamaEngine) -> None:
    plain, _ = await answer_of(engine, replace(WARM, temperature=0.0))
    punished, _ = await answer_of(engine, replace(WARM, temperature=0.0, repeat_penalty=8.0))
    again = re.compile(r"(.{4,})\1")
    assert again.search(plain)
    assert not again.search(punished)


async def test_a_stop_text_of_the_request_ends_the_answer(engine: LlamaEngine) -> None:
    whole, _ = await answer_of(engine, replace(WARM, temperature=0.0))
    stop = whole[10:14]
    assert await answer_of(engine, replace(WARM, temperature=0.0, stop=(stop,))) == (whole[: whole.index(stop)], "stop")


@pytest.mark.parametrize("seed", range(3))
async def test_an_answer_under_a_schema_is_a_value_of_it(engine: LlamaEngine, seed: int) -> None:
    properties = {"kind": {"enum": ["bug", "feature"]}, "urgent": {"type": "boolean"}, "votes": {"type": "integer"}}
    schema = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    text, reason = await answer_of(engine, replace(WARM, max_tokens=200, seed=seed, json_schema=json.dumps(schema)))
    value = json.loads(text)
    assert reason == "stop"
    assert value.keys() == properties.keys()
    assert value["kind"] in ("bug", "feature")
    assert isinstance(value["urgent"], bool)
    assert isinstance(value["votes"], int)
