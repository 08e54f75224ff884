"""What a server refuses or does wrong, and what the error says."""

import pytest

from models.errors import ContextTooLarge, EngineFailed, ModelUnavailable, Unsupported
from models.types import Sampling, Usage
from tests.models.remote.harness import CHAT, EVENTS, Answer, Call, collect, honest, remote

pytestmark = pytest.mark.process


async def refuses_the_key(call: Call) -> None:
    await call.answer(401, {"error": {"message": "Invalid API key secret"}})


async def has_no_such_model(call: Call) -> None:
    await call.answer(404, {"error": {"message": "the model tiny does not exist"}})


async def sends_away(call: Call) -> None:
    await call.answer(307, "", Location="http://elsewhere.example/v1/chat/completions")


async def is_a_web_page(call: Call) -> None:
    await call.answer(200, "<html>welcome</html>", Content_Type="text/html; charset=utf-8")


async def sends_garbage(call: Call) -> None:
    await call.send(EVENTS + "data: {garbage\n\n")


async def sends_a_list(call: Call) -> None:
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
    ("answer", "error", "message"),
    [
        (refuses_the_key, ModelUnavailable, "refuses the key: set ENGINE_API_KEY"),
        (
            has_no_such_model,
            ModelUnavailable,
            "tiny does not exist: set ENGINE_MODEL to a model that is there",
        ),
        (sends_away, ModelUnavailable, "points to http://elsewhere.example/.*: set ENGINE_URL to that if you trust it"),
        (is_a_web_page, EngineFailed, "answered with text/html, not with events: set ENGINE_URL"),
        (sends_garbage, EngineFailed, "sent what is no JSON object: '{garbage'"),
        (sends_a_list, EngineFailed, "sent what is no JSON object"),
        (nests_deeply, EngineFailed, "sent what is no JSON object"),
        (never_ends_its_line, EngineFailed, "sent no event: a line is longer than"),
        (fails_in_the_stream, EngineFailed, "CUDA out of memory"),
        (is_strict, Unsupported, "answered 422: .*extra fields not permitted"),
    ],
)
async def test_an_error_is_raised_at_once_with_the_fix(answer: Answer, error: type[Exception], message: str) -> None:
    async with remote(answer) as (engine, fake):
        with pytest.raises(error, match=message) as raised:
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
async def test_a_prompt_that_is_too_long_is_reported_in_tokens(error: dict[str, object]) -> None:
    async def refuses(call: Call) -> None:
        await call.answer(400, {"error": error})

    async with remote(refuses) as (engine, _):
        with pytest.raises(ContextTooLarge) as raised:
            await collect(engine)
    assert (raised.value.tokens, raised.value.limit) == (5000, 4096)


@pytest.mark.parametrize(
    "message",
    [
        "You passed 900 input tokens and requested {} output tokens, but its context length is only 1024 tokens.",
        "This model's maximum context length is 1024 tokens. However, you requested 4900 tokens (900 in the messages,"
        " {} in the completion).",
        "Requested token count exceeds the model's maximum context length of 1024 tokens. You requested a total of 4900"
        " tokens: 900 tokens from the input messages and {} tokens for the completion.",
    ],
)
async def test_the_answer_is_limited_to_the_room_that_is_left(message: str) -> None:
    async def bounded(call: Call) -> None:
        max_tokens = call.body["max_tokens"]
        if 900 + max_tokens > 1024:
            await call.answer(400, {"error": {"message": message.format(max_tokens)}})
        else:
            await honest(call)

    async with remote(bounded) as (engine, fake):
        deltas = await collect(engine, CHAT, Sampling(max_tokens=4000))
    assert [body["max_tokens"] for body in fake.bodies] == [4000, 124]
    assert (deltas[-1].reason, deltas[-1].usage) == ("length", Usage(8, 3, 124))
