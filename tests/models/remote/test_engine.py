"""The remote engine with a server that behaves: what it sends, what it learns, what it shows."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from models.errors import EngineFailed, ModelUnavailable
from models.remote.connection import RetryPolicy
from models.remote.engine import RemoteEngine
from models.types import Delta, Message, Prompt, Sampling, Segment, TokenLogprob, ToolCall, Tools, Usage
from tests.models.remote.harness import (
    CHAT,
    EVENTS,
    QUICK,
    RAW,
    SAMPLING,
    Answer,
    Call,
    FakeServer,
    collect,
    fake_server,
    honest,
    remote,
    stalls,
    stalls_late,
    text,
)

pytestmark = pytest.mark.process


async def test_a_conversation_goes_out_as_messages_and_raw_text_as_it_is() -> None:
    async with remote(honest) as (engine, fake):
        chat, raw = await collect(engine, CHAT), await collect(engine, RAW)
    assert text(chat) == text(raw) == "word0 word1 word2 "
    assert (chat[-1].reason, chat[-1].usage) == ("length", Usage(8, 3, 3))
    assert [call.path for call in fake.calls] == ["/v1/chat/completions", "/v1/completions"]
    assert fake.calls[0].headers["authorization"] == "Bearer secret"
    common = {
        "model": "tiny",
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 3,
        "temperature": 0,
        "top_p": 0.95,
    }
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is scan?"}]
    assert fake.bodies == [
        common | {"messages": messages},
        common | {"prompt": "def scan(root):", "stop": ["<|end|>"]},
    ]


async def test_sampling_that_is_not_neutral_is_sent() -> None:
    sampling = Sampling(3, 0.5, 0.9, 0, 0.05, 1.1, 7, ("\n\n", "###"), '{"type": "object"}')
    async with remote(honest) as (engine, fake):
        await collect(engine, RAW, sampling)
    sent = fake.bodies[0]
    assert {name: sent[name] for name in ("top_k", "min_p", "repeat_penalty", "repetition_penalty", "seed")} == {
        "top_k": 0,
        "min_p": 0.05,
        "repeat_penalty": 1.1,
        "repetition_penalty": 1.1,
        "seed": 7,
    }
    assert sent["stop"] == ["<|end|>", "\n\n", "###"]
    assert sent["response_format"]["json_schema"]["schema"] == {"type": "object"}


async def test_the_defaults_are_the_first_model_and_its_context() -> None:
    async with fake_server(honest) as fake:
        engine = await RemoteEngine.connect(fake.url + "/")
        assert (engine.name, engine.context_length, text(await collect(engine))) == ("tiny", 4096, "word0 word1 word2 ")
        await engine.close()
        named = await RemoteEngine.connect(f"{fake.url}/v1", "other", context_length=512)
        assert (named.name, named.context_length) == ("other", 512)
        await named.close()


async def llama_models(call: Call) -> None:
    await call.answer(200, {"object": "list", "data": [{"id": "m.gguf", "meta": {"n_ctx": 2048}}, {"id": 5}, "x"]})


async def no_models(call: Call) -> None:
    await call.answer(200, {"data": []})


async def test_the_context_of_llama_server_is_found() -> None:
    async with fake_server(llama_models) as fake:
        engine = await RemoteEngine.connect(fake.url)
    assert (engine.name, engine.context_length) == ("m.gguf", 2048)
    await engine.close()


async def test_a_server_without_models_says_which_setting_helps() -> None:
    async with fake_server(no_models) as fake:
        with pytest.raises(ModelUnavailable, match="lists no model: set ENGINE_MODEL"):
            await RemoteEngine.connect(fake.url)


async def test_a_server_that_does_not_run() -> None:
    async with fake_server(honest) as fake:
        pass
    with pytest.raises(ModelUnavailable, match="does not answer: start it, or set ENGINE_URL"):
        await RemoteEngine.connect(fake.url, retry_policy=QUICK)
    engine = RemoteEngine(fake.url, "tiny", retry_policy=QUICK)
    with pytest.raises(ModelUnavailable, match="does not answer"):
        await collect(engine)
    await engine.close()


@pytest.mark.parametrize(
    "url", ["", "host:80", "ftp://host", "http://", "http://user:pw@host/v1", "http://[::1", "x" * 9]
)
def test_a_malformed_address_is_refused_with_the_name_of_its_setting(url: str) -> None:
    with pytest.raises(ModelUnavailable, match="ENGINE_URL: give http://HOST:PORT") as refused:
        RemoteEngine(url, "tiny")
    assert "pw" not in str(refused.value)


async def test_a_prefetch_sends_no_request() -> None:
    async with remote(honest) as (engine, fake):
        assert await collect(engine, replace(CHAT, prefetch=True)) == [Delta(reason="stop", usage=Usage(0, 0, 0))]
    assert fake.calls == []


async def test_rates_are_measured_from_the_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((0.0, 0.2, 0.3, 0.4, 0.5, 0.6))  # the request, then each of five texts
    monkeypatch.setattr("models.remote.engine.time", SimpleNamespace(perf_counter=lambda: next(clock)))

    async def answer(call: Call) -> None:
        await call.send(EVENTS)
        for word in "abcde":
            await call.text(word)
        usage = {"prompt_tokens": 120, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 20}}
        await call.event({"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": usage})

    async with remote(answer) as (engine, _):
        assert engine.rates.decode == 0
        await collect(engine, CHAT, Sampling(max_tokens=9))
        assert (engine.rates.prefill, engine.rates.decode) == pytest.approx((100 / 0.2, 4 / 0.4))


async def test_the_engine_hangs_up_on_a_server_that_ignores_the_limit() -> None:
    async def chatters(call: Call) -> None:
        await call.send(EVENTS)
        while True:
            await call.text("and ")

    async with remote(chatters) as (engine, fake):
        deltas = await collect(engine)
        await asyncio.wait_for(fake.hung_up.wait(), 2)
    assert (deltas[-1].reason, len(deltas)) == ("length", 5)


@pytest.mark.parametrize("answer", [stalls, stalls_late], ids=["before the first token", "after it"])
async def test_a_cancel_hangs_up_at_once(answer: Answer) -> None:
    async with remote(answer, retry_policy=RetryPolicy()) as (engine, fake):
        task = asyncio.create_task(collect(engine))
        await fake.called.wait()
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(fake.hung_up.wait(), 10)
    assert len(fake.calls) == 1


async def test_closing_ends_a_stream() -> None:
    async with remote(stalls_late, retry_policy=RetryPolicy()) as (engine, _):
        stream = engine.stream(CHAT, SAMPLING)
        assert (await anext(stream)).text == "half"
        rest = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.05)
        await engine.close()
        async with asyncio.timeout(2):
            with pytest.raises(EngineFailed):
                await rest


@asynccontextmanager
async def streaming(*texts: str) -> AsyncIterator[tuple[RemoteEngine, FakeServer]]:
    """A server that streams these texts, and then nothing until the client hangs up."""

    async def send(call: Call) -> None:
        await call.send(EVENTS)
        for piece in texts:
            await call.text(piece)
        await call.stall()

    async with remote(send) as served:
        yield served


async def test_an_answer_that_repeats_itself_is_ended_on_both_sides() -> None:
    async with streaming("It works. ", *["And it goes on and on. "] * 100) as (engine, fake):
        deltas = await collect(engine, sampling=Sampling(max_tokens=1000))
        await asyncio.wait_for(fake.hung_up.wait(), 10)
    assert (deltas[-1].reason, deltas[-1].notice) == ("stop", "The answer was ended because it repeated itself.")
    assert deltas[-1].usage is not None
    assert deltas[-1].usage.completion == len([delta for delta in deltas if delta.text]) < 20


async def test_reasoning_is_shown_in_raw_text_only() -> None:
    async def think(call: Call) -> None:
        await call.send(EVENTS)
        for piece in ("<thi", "nk>Hm.", "</think>\n", "\nIt ", "works."):
            await call.text(piece)
        await call.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})

    async with remote(think) as (engine, _):
        chat = await collect(engine, CHAT, Sampling(max_tokens=100))
        raw = await collect(engine, RAW, Sampling(max_tokens=100))
    assert text(chat) == "It works."
    assert text(raw) == "<think>Hm.</think>\n\nIt works."


async def test_tools_and_calls_pass_through_as_they_are() -> None:
    definitions = [{"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}}]
    past = ToolCall("c1", "read", '{"path": "a.py"}')
    prompt = Prompt(
        (Segment("Read", False),),
        "Read",
        messages=(Message("user", "Read"), Message("assistant", "", (past,)), Message("tool", "x = 1", call_id="c1")),
        tools=Tools(json.dumps(definitions), '"required"', in_parallel=False),
    )
    pieces: list[dict[str, Any]] = [
        {"index": 0, "id": "c2", "function": {"name": "read", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"path": "b.py"}'}},
        {"index": "x", "function": 7},  # no shape of a call
    ]

    async def answer(call: Call) -> None:
        await call.send(EVENTS)
        for piece in pieces:
            await call.event({"choices": [{"index": 0, "delta": {"tool_calls": [piece]}, "finish_reason": None}]})
        await call.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
        await call.event("[DONE]")

    async with fake_server(answer) as fake:
        engine = RemoteEngine(fake.url, "tiny")
        deltas = [delta async for delta in engine.stream(prompt, Sampling(max_tokens=9))]
        await engine.close()
    [body] = fake.bodies
    assert (body["tools"], body["tool_choice"], body["parallel_tool_calls"]) == (definitions, "required", False)
    function = {"name": "read", "arguments": '{"path": "a.py"}'}
    assert body["messages"] == [
        {"role": "user", "content": "Read"},
        {"role": "assistant", "content": "", "tool_calls": [{"id": "c1", "type": "function", "function": function}]},
        {"role": "tool", "content": "x = 1", "tool_call_id": "c1"},
    ]
    calls = [call for delta in deltas for call in delta.calls]
    assert calls == [ToolCall("c2", "read", "", 0), ToolCall("", "", '{"path": "b.py"}', 0), ToolCall("", "", "", 0)]
    assert deltas[-1].reason == "stop"


async def test_numbers_that_are_no_logprobs_do_no_harm() -> None:
    """Infinity and NaN have no JSON, and an integer may be too large for a float."""
    values = [float("-inf"), float("nan"), float("inf"), -(10**400), 10**400, "x", -2]

    async def answer(call: Call) -> None:
        await call.send(EVENTS)
        content = [{"token": "a", "logprob": value} for value in values]
        choice = {"index": 0, "text": "a", "logprobs": {"content": content}, "finish_reason": "stop"}
        await call.event({"choices": [choice]})
        await call.event("[DONE]")

    async with fake_server(answer) as fake:
        engine = RemoteEngine(fake.url, "tiny")
        prompt = Prompt((Segment("x", True),), "x")
        deltas = [delta async for delta in engine.stream(prompt, Sampling(max_tokens=9, top_logprobs=0))]
        await engine.close()
    found = [entry.logprob for delta in deltas for entry in delta.logprobs]
    assert found == [-9999.0, 0.0, 0.0, -9999.0, 0.0, 0.0, -2.0]


async def test_logprobs_in_the_older_shape_are_read_too() -> None:
    async def answer(call: Call) -> None:
        await call.send(EVENTS)
        old = {"tokens": ["a", "b"], "token_logprobs": [-1, None], "top_logprobs": [{"c": -2, "a": -1}, None]}
        await call.event({"choices": [{"index": 0, "text": "ab", "logprobs": old, "finish_reason": "stop"}]})
        await call.event("[DONE]")

    async with fake_server(answer) as fake:
        engine = RemoteEngine(fake.url, "tiny")
        prompt = Prompt((Segment("x", True),), "x")
        deltas = [delta async for delta in engine.stream(prompt, Sampling(max_tokens=9, top_logprobs=2))]
        await engine.close()
    assert fake.bodies[0]["logprobs"] == 2
    assert [entry for delta in deltas for entry in delta.logprobs] == [
        TokenLogprob(b"a", -1.0, ((b"a", -1.0), (b"c", -2.0))),
        TokenLogprob(b"b", 0.0),
    ]
