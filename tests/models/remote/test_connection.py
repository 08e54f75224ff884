"""Servers that are slow, silent or send strange bytes."""

import asyncio

import pytest

from models.errors import EngineFailed
from models.types import Delta, Prompt, Segment, Usage
from tests.models.remote.harness import (
    CHAT,
    EVENTS,
    SHORT,
    Answer,
    Call,
    collect,
    honest,
    remote,
    stalls,
    stalls_late,
    text,
)

pytestmark = pytest.mark.process


async def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with remote(honest) as (engine, _):
        assert text(await collect(engine)) == "word0 word1 word2 "


async def only_comments(call: Call) -> None:
    await call.send(EVENTS)
    while True:
        await call.send(": still here\n\n")
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(("answer", "limit"), [(stalls, "0.4 s"), (stalls_late, "0.3 s"), (only_comments, "0.4 s")])
async def test_a_silent_server_is_given_up(answer: Answer, limit: str) -> None:
    async with remote(answer, retry_policy=SHORT) as (engine, fake):
        with pytest.raises(EngineFailed, match=f"sent nothing for {limit}: look into its log"):
            await collect(engine)
        await asyncio.wait_for(fake.hung_up.wait(), 10)
    assert len(fake.calls) == 1


async def test_a_slow_server_is_waited_for_and_comments_are_ignored() -> None:
    async def slow(call: Call) -> None:
        await call.send(EVENTS)
        for word in ("slow ", "but ", "sure"):
            await call.send(": ping\n\n")
            await asyncio.sleep(0.15)
            await call.text(word)
        await call.event({"choices": [{"delta": {}, "finish_reason": "stop"}]})

    async with remote(slow, retry_policy=SHORT) as (engine, _):
        deltas = await collect(engine)
    assert (text(deltas), deltas[-1].reason) == ("slow but sure", "stop")
    assert deltas[-1].usage == Usage(engine.count_tokens(CHAT.segments), 0, 3)  # the server sent none


async def test_broken_utf_8_costs_a_character_and_cuts_inside_one_cost_nothing() -> None:
    async def cuts(call: Call) -> None:
        await call.send(EVENTS)
        for byte in 'data: {"choices": [{"delta": {"content": "käse"}}]}\n\n'.encode():
            await call.send(bytes([byte]))
        await call.send(b'data: {"choices": [{"delta": {"content": "a\xffb"}, "finish_reason": "stop"}]}\n\n')

    async with remote(cuts) as (engine, _):
        assert text(await collect(engine)) == "käsea\ufffdb"


async def test_lone_surrogates_are_replaced_in_both_directions() -> None:
    async def half(call: Call) -> None:
        await call.send(EVENTS + 'data: {"choices": [{"text": "a\\ud800b", "finish_reason": "stop"}]}\n\n')

    async with remote(half) as (engine, fake):
        deltas = await collect(engine, Prompt((Segment("x\ud800y", False),), question="x"))
    assert (text(deltas), fake.bodies[0]["prompt"]) == ("a?b", "x?y")


async def test_chunks_of_other_shapes_have_no_text() -> None:
    async def odd(call: Call) -> None:
        await call.send(EVENTS)
        for data in ({}, {"choices": None}, {"choices": [3]}, {"choices": [{"delta": {"reasoning_content": "hm"}}]}):
            await call.event(data)
        await call.event({"choices": [{"delta": {"content": None}, "finish_reason": "abort"}], "usage": {"x": "y"}})

    async with remote(odd) as (engine, _):
        assert await collect(engine) == [Delta(reason="cancelled", usage=Usage(0, 0, 0))]
