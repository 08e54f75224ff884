"""The remote engine against servers that are slow, broken, strict or hostile."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from email.utils import formatdate

import pytest

from models.errors import ContextTooLarge, EngineBusy, EngineFailed, ModelUnavailable, Unsupported
from models.remote.engine import Patience, RemoteEngine
from models.types import Delta, Message, Prompt, Sampling, Segment, Usage
from tests.models.remote.fake_openai import EVENTS, Answer, Call, FakeServer, fake_server, honest

QUICK = Patience(connect_s=5, first_token_s=10, idle_s=10, pause_s=0.01, longest_pause_s=0.5)
SHORT = replace(QUICK, first_token_s=0.4, idle_s=0.3)
RAW = Prompt((Segment("def scan(", True), Segment("root):", False)), question="scan", stop=("<|end|>",))
CHAT = replace(RAW, messages=(Message("system", "Be brief."), Message("user", "What is scan?")))
SAMPLING = Sampling(max_tokens=3, temperature=0)


@asynccontextmanager
async def remote(*answers: Answer, patience: Patience = QUICK) -> AsyncIterator[tuple[RemoteEngine, FakeServer]]:
    async with fake_server(*answers) as fake:
        engine = RemoteEngine(fake.url, "tiny", api_key="secret", patience=patience)
        yield engine, fake
        await engine.close()


async def collect(engine: RemoteEngine, prompt: Prompt = CHAT, sampling: Sampling = SAMPLING) -> list[Delta]:
    return [delta async for delta in engine.stream(prompt, sampling)]


def text(deltas: list[Delta]) -> str:
    return "".join(delta.text for delta in deltas)


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


async def test_what_is_not_neutral_is_sent() -> None:
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


async def test_the_server_tells_its_first_model_and_its_context() -> None:
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


async def test_nobody_there() -> None:
    async with fake_server(honest) as fake:
        pass
    with pytest.raises(ModelUnavailable, match="does not answer: start it, or set ENGINE_URL"):
        await RemoteEngine.connect(fake.url, patience=QUICK)
    engine = RemoteEngine(fake.url, "tiny", patience=QUICK)
    with pytest.raises(ModelUnavailable, match="does not answer"):
        await collect(engine)
    await engine.close()


@pytest.mark.parametrize(
    "url", ["", "host:80", "ftp://host", "http://", "http://user:pw@host/v1", "http://[::1", "x" * 9]
)
def test_an_address_that_is_none_is_refused_by_the_name_of_its_setting(url: str) -> None:
    with pytest.raises(ModelUnavailable, match="ENGINE_URL: give http://HOST:PORT") as refused:
        RemoteEngine(url, "tiny")
    assert "pw" not in str(refused.value)


async def test_reading_ahead_asks_nobody() -> None:
    async with remote(honest) as (engine, fake):
        assert await collect(engine, replace(CHAT, ahead=True)) == [Delta(reason="stop", usage=Usage(0, 0, 0))]
    assert fake.calls == []


async def test_rates_are_those_of_the_answers() -> None:
    async def paced(call: Call) -> None:
        await call.send(EVENTS)
        await asyncio.sleep(0.1)
        for word in "abcde":
            await call.text(word)
            await asyncio.sleep(0.02)
        usage = {"prompt_tokens": 120, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 20}}
        await call.event({"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": usage})

    async with remote(paced) as (engine, _):
        assert engine.rates.decode == 0
        await collect(engine, CHAT, Sampling(max_tokens=9))
        assert 100 < engine.rates.prefill <= 1000
        assert 5 < engine.rates.decode <= 50


# What makes the engine try again, as long as nothing has been said.


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


@pytest.mark.parametrize("trouble", [fails, busy, hangs_up, cut_early])
async def test_trouble_before_the_first_token_is_tried_again(trouble: Answer) -> None:
    async with remote(trouble, trouble, honest) as (engine, fake):
        assert text(await collect(engine)) == "word0 word1 word2 "
    assert len(fake.calls) == 3


@pytest.mark.parametrize(
    ("trouble", "error", "told"),
    [
        (fails, EngineFailed, "answered 500: slot unavailable"),
        (busy, EngineBusy, "too many prompts are waiting"),
        (hangs_up, EngineFailed, r"broke \(RemoteProtocolError\): ask again"),
        (cut_early, EngineFailed, "broke off: ask again"),
    ],
)
async def test_trouble_that_stays_is_told_after_three_tries(trouble: Answer, error: type[Exception], told: str) -> None:
    async with remote(trouble) as (engine, fake):
        with pytest.raises(error, match=told):
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


@pytest.mark.parametrize("after", [lambda: "1", lambda: formatdate(time.time() + 2, usegmt=True)], ids=["s", "date"])
async def test_retry_after_is_honoured(after: Callable[[], str]) -> None:
    async def later(call: Call) -> None:
        await call.answer(503, {"error": {"message": "loading"}}, Retry_After=after())

    began = time.monotonic()
    async with remote(later, honest, patience=replace(QUICK, longest_pause_s=5)) as (engine, _):
        await collect(engine)
    assert 0.9 < time.monotonic() - began < 3


async def test_a_server_that_asks_for_an_hour_is_not_waited_for() -> None:
    async def later(call: Call) -> None:
        await call.answer(429, {}, Retry_After="3600")

    async with remote(later) as (engine, fake):
        with pytest.raises(EngineBusy, match="try again in a moment"):
            await collect(engine)
    assert len(fake.calls) == 1


# What no second try mends.


async def refuses_the_key(call: Call) -> None:
    await call.answer(401, {"error": {"message": "Invalid API key secret"}})


async def knows_no_model(call: Call) -> None:
    await call.answer(404, {"error": {"message": "the model tiny does not exist"}})


async def sends_away(call: Call) -> None:
    await call.answer(307, "", Location="http://elsewhere.example/v1/chat/completions")


async def is_a_web_page(call: Call) -> None:
    await call.answer(200, "<html>welcome</html>", Content_Type="text/html; charset=utf-8")


async def says_garbage(call: Call) -> None:
    await call.send(EVENTS + "data: {garbage\n\n")


async def says_a_list(call: Call) -> None:
    await call.send(EVENTS + "data: [1]\n\n")


async def nests_deeply(call: Call) -> None:
    await call.send(EVENTS + "data: " + "[" * 100_000 + "\n\n")


async def never_ends_its_line(call: Call) -> None:
    await call.send(EVENTS)
    while True:
        await call.send("data: " + "x" * 65536)


async def fails_in_the_stream(call: Call) -> None:
    await call.send(EVENTS)
    await call.event({"error": {"message": "CUDA out of memory", "code": 500}})


async def is_strict(call: Call) -> None:
    await call.answer(422, {"detail": [{"loc": ["body", "min_p"], "msg": "extra fields not permitted"}]})


@pytest.mark.parametrize(
    ("answer", "error", "told"),
    [
        (refuses_the_key, ModelUnavailable, "refuses the key: set ENGINE_API_KEY"),
        (knows_no_model, ModelUnavailable, "the model tiny does not exist: set ENGINE_MODEL to a model that is there"),
        (sends_away, ModelUnavailable, "points to http://elsewhere.example/.*: set ENGINE_URL to that if you trust it"),
        (is_a_web_page, EngineFailed, "answered with text/html, not with events: set ENGINE_URL"),
        (says_garbage, EngineFailed, "sent what is no JSON object: '{garbage'"),
        (says_a_list, EngineFailed, "sent what is no JSON object"),
        (nests_deeply, EngineFailed, "sent what is no JSON object"),
        (never_ends_its_line, EngineFailed, "sent no event: a line is longer than"),
        (fails_in_the_stream, EngineFailed, "CUDA out of memory"),
        (is_strict, Unsupported, "answered 422: .*extra fields not permitted"),
    ],
)
async def test_what_a_server_does_wrong_is_told_once_with_the_fix(
    answer: Answer, error: type[Exception], told: str
) -> None:
    async with remote(answer) as (engine, fake):
        with pytest.raises(error, match=told) as raised:
            await collect(engine)
    assert len(fake.calls) == 1
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "error",
    [
        {"message": "too long", "type": "exceed_context_size_error", "n_prompt_tokens": 5000, "n_ctx": 4096},
        {"message": "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens."},
        {
            "message": "You passed 5000 input tokens and requested 1 output tokens. However, the model's context"
            " length is only 4096 tokens, resulting in a maximum input length of 4095 tokens."
        },
        {"message": "The input (5000 tokens) is longer than the model's context length (4096 tokens)."},
    ],
)
async def test_a_prompt_that_is_too_long_is_told_in_numbers(error: dict[str, object]) -> None:
    async def refuses(call: Call) -> None:
        await call.answer(400, {"error": error})

    async with remote(refuses) as (engine, _):
        with pytest.raises(ContextTooLarge) as raised:
            await collect(engine)
    assert (raised.value.tokens, raised.value.limit) == (5000, 4096)


@pytest.mark.parametrize(
    "told",
    [
        "You passed 900 input tokens and requested {} output tokens, but its context length is only 1024 tokens.",
        "This model's maximum context length is 1024 tokens. However, you requested 4900 tokens (900 in the messages,"
        " {} in the completion).",
        "Requested token count exceeds the model's maximum context length of 1024 tokens. You requested a total of 4900"
        " tokens: 900 tokens from the input messages and {} tokens for the completion.",
    ],
)
async def test_no_more_is_asked_for_than_there_is_room_for(told: str) -> None:
    async def bounded(call: Call) -> None:
        asked = call.body["max_tokens"]
        if 900 + asked > 1024:
            await call.answer(400, {"error": {"message": told.format(asked)}})
        else:
            await honest(call)

    async with remote(bounded) as (engine, fake):
        deltas = await collect(engine, CHAT, Sampling(max_tokens=4000))
    assert [body["max_tokens"] for body in fake.bodies] == [4000, 124]
    assert (deltas[-1].reason, deltas[-1].usage) == ("length", Usage(8, 3, 124))


async def stalls(call: Call) -> None:
    await call.stall()


async def stalls_late(call: Call) -> None:
    await call.send(EVENTS)
    await call.text("half")
    await call.stall()


async def only_comments(call: Call) -> None:
    await call.send(EVENTS)
    while True:
        await call.send(": still here\n\n")
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(("answer", "told"), [(stalls, "0.4 s"), (stalls_late, "0.3 s"), (only_comments, "0.4 s")])
async def test_silence_has_an_end(answer: Answer, told: str) -> None:
    async with remote(answer, patience=SHORT) as (engine, fake):
        with pytest.raises(EngineFailed, match=f"said nothing for {told}: look into its log"):
            await collect(engine)
        await asyncio.wait_for(fake.hung_up.wait(), 2)
    assert len(fake.calls) == 1


async def test_a_slow_server_is_waited_for_and_comments_are_no_text() -> None:
    async def slow(call: Call) -> None:
        await call.send(EVENTS)
        for word in ("slow ", "but ", "sure"):
            await call.send(": ping\n\n")
            await asyncio.sleep(0.15)
            await call.text(word)
        await call.event({"choices": [{"delta": {}, "finish_reason": "stop"}]})

    async with remote(slow, patience=SHORT) as (engine, _):
        deltas = await collect(engine)
    assert (text(deltas), deltas[-1].reason) == ("slow but sure", "stop")
    assert deltas[-1].usage == Usage(engine.count_tokens(CHAT.segments), 0, 3)  # it told none


async def test_broken_utf_8_costs_a_character_and_cuts_inside_one_cost_nothing() -> None:
    async def cuts(call: Call) -> None:
        await call.send(EVENTS)
        for byte in 'data: {"choices": [{"delta": {"content": "käse"}}]}\n\n'.encode():
            await call.send(bytes([byte]))
        await call.send(b'data: {"choices": [{"delta": {"content": "a\xffb"}, "finish_reason": "stop"}]}\n\n')

    async with remote(cuts) as (engine, _):
        assert text(await collect(engine)) == "käsea\ufffdb"


async def test_halves_of_characters_neither_go_out_nor_come_in() -> None:
    async def half(call: Call) -> None:
        await call.send(EVENTS + 'data: {"choices": [{"text": "a\\ud800b", "finish_reason": "stop"}]}\n\n')

    async with remote(half) as (engine, fake):
        deltas = await collect(engine, Prompt((Segment("x\ud800y", False),), question="x"))
    assert (text(deltas), fake.bodies[0]["prompt"]) == ("a?b", "x?y")


async def test_chunks_of_other_shapes_are_no_text() -> None:
    async def odd(call: Call) -> None:
        await call.send(EVENTS)
        for data in ({}, {"choices": None}, {"choices": [3]}, {"choices": [{"delta": {"reasoning_content": "hm"}}]}):
            await call.event(data)
        await call.event({"choices": [{"delta": {"content": None}, "finish_reason": "abort"}], "usage": {"x": "y"}})

    async with remote(odd) as (engine, _):
        assert await collect(engine) == [Delta(reason="cancelled", usage=Usage(0, 0, 0))]


async def test_a_server_that_ignores_the_limit_is_hung_up_on() -> None:
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
    async with remote(answer, patience=Patience()) as (engine, fake):
        task = asyncio.create_task(collect(engine))
        await fake.called.wait()
        await asyncio.sleep(0.05)
        task.cancel()
        began = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(fake.hung_up.wait(), 2)
    assert time.monotonic() - began < 0.5


async def test_closing_ends_what_runs() -> None:
    async with remote(stalls_late, patience=Patience()) as (engine, _):
        stream = engine.stream(CHAT, SAMPLING)
        assert (await anext(stream)).text == "half"
        rest = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0.05)
        await engine.close()
        async with asyncio.timeout(2):
            with pytest.raises(EngineFailed):
                await rest


async def test_the_environment_names_no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with remote(honest) as (engine, _):
        assert text(await collect(engine)) == "word0 word1 word2 "


@asynccontextmanager
async def saying(*texts: str) -> AsyncIterator[tuple[RemoteEngine, FakeServer]]:
    """A server that says these texts, and then nothing until it is hung up on."""

    async def say(call: Call) -> None:
        await call.send(EVENTS)
        for text in texts:
            await call.text(text)
        await call.stall()

    async with remote(say) as served:
        yield served


async def test_an_answer_that_repeats_itself_is_ended_here_and_there() -> None:
    async with saying("It works. ", *["And it goes on and on. "] * 100) as (engine, fake):
        deltas = await collect(engine, sampling=Sampling(max_tokens=1000))
        await asyncio.wait_for(fake.hung_up.wait(), 10)
    assert (deltas[-1].reason, deltas[-1].notice) == ("stop", "The answer was ended because it repeated itself.")
    assert deltas[-1].usage is not None
    assert deltas[-1].usage.completion == len([delta for delta in deltas if delta.text]) < 20


async def test_thinking_of_a_server_is_not_shown_but_in_raw_text() -> None:
    async def think(call: Call) -> None:
        await call.send(EVENTS)
        for text in ("<thi", "nk>Hm.", "</think>\n", "\nIt ", "works."):
            await call.text(text)
        await call.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})

    async with remote(think) as (engine, _):
        chat = await collect(engine, CHAT, Sampling(max_tokens=100))
        raw = await collect(engine, RAW, Sampling(max_tokens=100))
    assert text(chat) == "It works."
    assert text(raw) == "<think>Hm.</think>\n\nIt works."
