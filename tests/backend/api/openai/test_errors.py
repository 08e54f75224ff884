"""Errors of the OpenAI API have OpenAI's shape; a client that hangs up cancels its answer."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import openai
import pytest

from models.errors import ContextTooLarge
from models.scripted import ScriptedEngine
from models.types import Delta, Prompt, Sampling
from tests.backend.api.openai.harness import QUESTION, TEXTS, client_of, stream_data, talking
from tests.backend.harness import Gate, running
from tests.processes import eventually

pytestmark = pytest.mark.process


class Bounded(ScriptedEngine):
    """Rejects prompts beyond its context, as a real engine does."""

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta, None]:
        if (tokens := self.count_tokens(prompt.segments)) > self.context_length:
            raise ContextTooLarge(tokens, self.context_length)
        async with aclosing(super().stream(prompt, sampling)) as deltas:
            async for delta in deltas:
                yield delta


@pytest.mark.parametrize(
    ("path", "body", "status", "code", "param", "message"),
    [
        ("chat/completions", {}, 400, "bad_params", "messages", "messages: Field required"),
        ("chat/completions", {"messages": []}, 400, "bad_params", "messages", "at least 1"),
        ("chat/completions", {"messages": QUESTION, "n": 9}, 400, "bad_params", "n", "less than or equal to 8"),
        (
            "chat/completions",
            {"messages": QUESTION, "model": "nope"},
            404,
            "model_not_found",
            "model",
            "no model is called",
        ),
        ("chat/completions", {"messages": QUESTION, "temperature": -1}, 400, "bad_params", "temperature", "greater"),
        (
            "chat/completions",
            {"messages": QUESTION, "tools": [], "tool_choice": "required"},
            400,
            "bad_params",
            "tool_choice",
            "a call is required, but there are no tools",
        ),
        (
            "chat/completions",
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}]}]},
            400,
            "bad_params",
            "messages.0.content",
            "parts of type 'image_url' are not supported",
        ),
        (
            "chat/completions",
            {"messages": [{"role": "user", "content": "word " * 50_000}]},
            400,
            "context_length_exceeded",
            None,
            "the context holds",
        ),
        (
            "chat/completions",
            {"model": "a+repo", "messages": [{"role": "user", "content": "x" * 32_769}]},
            400,
            "context_length_exceeded",
            "messages",
            "the question has 32,769 characters, at most 32,768",
        ),
        (
            "chat/completions",
            {"model": "a+repo", "messages": [{"role": "system", "content": "x"}]},
            400,
            "bad_params",
            "messages",
            "the user's question",
        ),
        (
            "chat/completions",
            {"model": "a+repo", "messages": QUESTION, "response_format": {"type": "json_object"}},
            400,
            "bad_params",
            "response_format",
            "ask a without",
        ),
        (
            "chat/completions",
            {"model": "a+repo", "messages": QUESTION, "codebase": "x"},
            404,
            "not_found",
            None,
            "no codebase",
        ),
        (
            "completions",
            {"model": "a+repo", "prompt": "x"},
            400,
            "bad_params",
            "model",
            "completions never retrieve",
        ),
        ("completions", {"prompt": [1, 2]}, 400, "bad_params", "prompt", "token arrays are not supported"),
        ("embeddings", {"input": []}, 400, "bad_params", "input", "at least 1"),
        ("no/such/route", {}, 404, "not_found", None, "Not Found"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_an_error_has_the_shape_of_openai_and_its_status(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    stream: bool,
    path: str,
    body: Any,
    status: int,
    code: str,
    param: str | None,
    message: str,
) -> None:
    async with running(tmp_path, Bounded(TEXTS)) as world:
        answer = await world.post(f"/v1/{path}", body | {"stream": stream})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)
    assert error["type"] == "invalid_request_error"
    assert message in error["message"]
    assert answer.headers["x-should-retry"] == "false"
    assert [record.getMessage() for record in caplog.records if record.levelname == "ERROR"] == []


async def test_a_wrong_token_is_an_authentication_error(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world:
        world.token = "wrong"
        async with client_of(world) as client:
            with pytest.raises(openai.AuthenticationError, match="lantern token") as refused:
                await client.models.list()
    assert (refused.value.code, refused.value.type) == ("unauthorized", "invalid_request_error")


async def test_a_model_that_is_not_installed_is_an_error_except_with_repo(tmp_path: Path) -> None:
    async with talking(tmp_path, model_name="phi3-mini") as (client, _):
        with pytest.raises(openai.InternalServerError, match="lantern models pull phi3-mini") as refused:
            await client.chat.completions.create(model="phi3-mini", messages=QUESTION)
        quoted = await client.chat.completions.create(model="phi3-mini+repo", messages=QUESTION)
    assert (refused.value.status_code, refused.value.code) == (503, "model_unavailable")
    assert "lantern models pull phi3-mini" in (quoted.choices[0].message.content or "")


@pytest.mark.parametrize("name", ["scripted", "scripted+repo"])
async def test_a_failure_in_the_middle_is_an_event_and_ends_the_stream(tmp_path: Path, name: str) -> None:
    async with talking(tmp_path, ScriptedEngine(TEXTS, fail_after=1)) as (client, world):
        answer = await world.post("/v1/chat/completions", {"model": name, "messages": QUESTION, "stream": True})
        with pytest.raises(openai.APIError, match="fail here"):
            [chunk async for chunk in await client.chat.completions.create(model=name, messages=QUESTION, stream=True)]
        whole = await world.post("/v1/chat/completions", {"model": name, "messages": QUESTION})
    events = stream_data(answer.text)
    assert [event["choices"][0]["delta"].get("content") for event in events[:-1]] == ["", "It "]
    assert (events[-1]["error"]["code"], events[-1]["error"]["type"]) == ("engine_failed", "server_error")
    assert (whole.status_code, whole.headers["x-should-retry"]) == (502, "true")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("stall", [0, 1], ids=["before the first token", "after it"])
@pytest.mark.parametrize("name", ["scripted", "scripted+repo"])
async def test_a_client_that_hangs_up_cancels(tmp_path: Path, name: str, stall: int, stream: bool) -> None:
    engine = ScriptedEngine(TEXTS, stall_after=stall)
    engine.go_on = gate = Gate()
    async with running(tmp_path, engine) as world:
        request = asyncio.create_task(
            world.post("/v1/chat/completions", {"model": name, "messages": QUESTION, "stream": stream})
        )
        await gate.is_reached.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
        await eventually(lambda: engine.idle and not world.services.turns.load)
        sessions = (await world.get("/chat/sessions")).json()["total_count"]
    assert sessions == (1 if name.endswith("+repo") else 0)


async def test_lone_surrogates_are_refused(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine(TEXTS)) as world:
        body = b'{"messages": [{"role": "user", "content": "\\ud800"}]}'
        answer = await world.http.post(
            "/v1/chat/completions", content=body, headers={"Content-Type": "application/json"}
        )
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "messages.0.content")
