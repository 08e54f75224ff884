"""The test double fails, stalls and answers at the text that its arguments name."""

import asyncio

import pytest

from models.errors import EngineFailed
from models.scripted import ScriptedEngine
from models.types import Prompt, Sampling, Segment

PROMPT = Prompt((Segment("x", False),), "x")


async def test_it_streams_its_texts_and_keeps_the_requests() -> None:
    engine = ScriptedEngine(["a", "b"])
    deltas = [delta async for delta in engine.stream(PROMPT, Sampling(seed=3))]
    assert [delta.text for delta in deltas if not delta.progress] == ["a", "b", ""]
    assert deltas[-1].reason == "stop"
    assert (engine.prompts, engine.samplings) == ([PROMPT], [Sampling(seed=3)])


@pytest.mark.parametrize("place", [0, 1, 2])
async def test_it_fails_after_a_number_of_texts(place: int) -> None:
    engine = ScriptedEngine(["a", "b"], fail_after=place)
    stream = engine.stream(PROMPT, Sampling())
    assert [(await anext(stream)).text for _ in range(1 + place)] == ["", "a", "b"][: 1 + place]
    with pytest.raises(EngineFailed, match="fail here"):
        await anext(stream)
    assert engine.idle


async def test_it_stalls_until_go_on_is_set() -> None:
    engine = ScriptedEngine(["a", "b"], stall_after=1)
    stream = engine.stream(PROMPT, Sampling())
    assert [(await anext(stream)).text for _ in range(2)] == ["", "a"]
    waiting = asyncio.ensure_future(anext(stream))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not waiting.done()
    assert not engine.idle
    engine.go_on.set()
    assert (await waiting).text == "b"
    await stream.aclose()
    assert engine.idle
