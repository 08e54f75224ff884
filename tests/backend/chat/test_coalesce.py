"""Deltas in batches: the first text and the end at once, what comes between them by the interval."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.chat import coalesce as module
from backend.chat.coalesce import BATCH, coalesce
from models.errors import EngineFailed
from models.types import Delta, Usage

END = Delta("", "stop", Usage(1, 0, 1))


async def test_what_comes_within_the_interval_goes_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INTERVAL_S", 3600.0)
    got, is_heard = [""] * 0, asyncio.Event()

    async def stream() -> AsyncIterator[Delta]:
        yield Delta("", progress=(1, 2))
        yield Delta("a")
        await is_heard.wait()
        yield Delta("b")
        await asyncio.sleep(0.01)
        yield Delta("c")
        yield END

    async for batch in coalesce(stream()):
        text = "".join(delta.text for delta in batch)
        got.append(text)
        if text:
            is_heard.set()
    assert "".join(got[:-1]) == "a"  # neither progress nor the first text has waited
    assert got[-1] == "bc"  # and the end has not waited for an hour


async def test_a_consumer_that_is_busy_gets_at_most_a_frame() -> None:
    async def stream() -> AsyncIterator[Delta]:
        for _ in range(2 * BATCH):
            yield Delta("x")
        yield END

    got = [len(batch) async for batch in coalesce(stream())]
    assert max(got) <= BATCH
    assert sum(got) == 2 * BATCH + 1


async def test_what_the_engine_raises_is_raised_behind_its_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "INTERVAL_S", 3600.0)
    got: list[str] = []

    async def stream() -> AsyncIterator[Delta]:
        yield Delta("a")
        await asyncio.sleep(0)
        yield Delta("b")
        raise RuntimeError("broken")

    async def listen() -> None:
        async for batch in coalesce(stream()):
            got.extend(delta.text for delta in batch)

    with pytest.raises(RuntimeError, match="broken"):
        await listen()
    assert got == ["a", "b"]


@given(texts=st.lists(st.text(min_size=1), max_size=100), slow=st.booleans())
async def test_batches_hold_every_delta_once_and_in_order(texts: list[str], slow: bool) -> None:
    async def stream() -> AsyncGenerator[Delta, None]:
        for text in texts:
            yield Delta(text)
        yield Delta(reason="stop")

    got: list[Delta] = []
    async for batch in coalesce(stream()):
        assert 1 <= len(batch) <= BATCH
        got += batch
        if slow:
            await asyncio.sleep(0)
    assert [delta.text for delta in got] == [*texts, ""]
    assert got[-1].reason == "stop"


async def test_a_failing_stream_fails_after_what_it_gave() -> None:
    async def stream() -> AsyncGenerator[Delta, None]:
        yield Delta("a")
        raise EngineFailed("broken")

    got: list[str] = []

    async def consume() -> None:
        async for batch in coalesce(stream()):
            got.extend(delta.text for delta in batch)

    with pytest.raises(EngineFailed, match="broken"):
        await consume()
    assert got == ["a"]
