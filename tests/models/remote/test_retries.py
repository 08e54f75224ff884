"""What is tried again, as long as no text has come, and what is not."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from email.utils import formatdate

import pytest

from models.errors import EngineBusy, EngineFailed
from tests.models.remote.harness import CHAT, EVENTS, QUICK, SAMPLING, Answer, Call, collect, honest, remote, text

pytestmark = pytest.mark.process


async def fails(call: Call) -> None:
    await call.answer(500, {"error": {"message": "slot unavailable"}})


async def busy(call: Call) -> None:
    await call.answer(429, {"error": {"message": "slow down"}}, Retry_After="0")


async def hangs_up(call: Call) -> None:
    call.writer.close()


async def cut_early(call: Call) -> None:
    await call.send(EVENTS)
    await call.event({"choices": [{"delta": {"role": "assistant", "content": ""}}]})


async def cut_late(call: Call) -> None:
    await call.send(EVENTS)
    await call.text("half an ")


async def cut_in_a_chunk(call: Call) -> None:
    await call.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    event = b'data: {"choices": [{"delta": {"content": "half"}}]}\n\n'
    await call.send(b"%x\r\n%b\r\nff\r\nda" % (len(event), event))


@pytest.mark.parametrize("failure", [fails, busy, hangs_up, cut_early])
async def test_a_failure_before_the_first_token_is_tried_again(failure: Answer) -> None:
    async with remote(failure, failure, honest) as (engine, fake):
        assert text(await collect(engine)) == "word0 word1 word2 "
    assert len(fake.calls) == 3


@pytest.mark.parametrize(
    ("failure", "error", "message"),
    [
        (fails, EngineFailed, "answered 500: slot unavailable"),
        (busy, EngineBusy, "too many prompts are waiting"),
        (hangs_up, EngineFailed, r"broke \(RemoteProtocolError\): ask again"),
        (cut_early, EngineFailed, "broke off: ask again"),
    ],
)
async def test_a_failure_that_stays_is_raised_after_three_tries(
    failure: Answer, error: type[Exception], message: str
) -> None:
    async with remote(failure) as (engine, fake):
        with pytest.raises(error, match=message):
            await collect(engine)
    assert len(fake.calls) == 3


@pytest.mark.parametrize("cut", [cut_late, cut_in_a_chunk])
async def test_a_cut_after_the_first_token_is_no_second_answer(cut: Answer) -> None:
    async with remote(cut, honest) as (engine, fake):
        stream = engine.stream(CHAT, SAMPLING)
        assert (await anext(stream)).text.startswith("half")
        with pytest.raises(EngineFailed, match="broke"):
            await anext(stream)
    assert len(fake.calls) == 1


@pytest.mark.parametrize("after", [lambda: "3", lambda: formatdate(time.time() + 4, usegmt=True)], ids=["s", "date"])
async def test_retry_after_is_honoured(after: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def recorded(seconds: float) -> None:
        pauses.extend([seconds] * (seconds > 0))  # the server and the engine both sleep
        await sleep(0)

    async def later(call: Call) -> None:
        await call.answer(503, {"error": {"message": "loading"}}, Retry_After=after())

    monkeypatch.setattr("models.remote.engine.asyncio.sleep", recorded)
    async with remote(later, honest, retry_policy=replace(QUICK, longest_pause_s=5)) as (engine, _):
        assert text(await collect(engine)) == "word0 word1 word2 "
    assert len(pauses) == 1
    assert 1 < pauses[0] <= 4


async def test_a_pause_of_an_hour_is_not_waited_for() -> None:
    async def later(call: Call) -> None:
        await call.answer(429, {}, Retry_After="3600")

    async with remote(later) as (engine, fake):
        with pytest.raises(EngineBusy, match="try again in a moment"):
            await collect(engine)
    assert len(fake.calls) == 1
