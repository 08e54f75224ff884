"""Chat and models of the OpenAI API, seen by the official client and on the wire."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import openai
import pytest

from models.remote.engine import RemoteEngine
from models.scripted import ScriptedEngine
from models.types import Delta, Message, Prompt, Sampling, Usage
from prompts.formats import FORMATS
from prompts.passthrough import chat_prompt, conversation
from tests.backend.api.openai.harness import PHI3_PROMPT, QUESTION, TEXTS, stream_data, talking
from tests.backend.harness import running
from tests.tiny_gguf import tiny_dir

pytestmark = pytest.mark.process


async def test_a_complete_answer(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS)
    async with talking(tmp_path, engine) as (client, _):
        answer = await client.chat.completions.create(model="scripted", messages=QUESTION)
    assert (answer.object, answer.model, answer.id.startswith("lantern-")) == ("chat.completion", "scripted", True)
    [choice] = answer.choices
    assert (choice.message.role, choice.message.content, choice.finish_reason) == ("assistant", "It works.", "stop")
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == engine.count_tokens(engine.prompts[0].segments)
    assert (answer.usage.completion_tokens, answer.usage.total_tokens) == (2, answer.usage.prompt_tokens + 2)
    assert answer.usage.prompt_tokens_details is not None
    assert answer.usage.prompt_tokens_details.cached_tokens == 0
    assert engine.prompts[0].text == PHI3_PROMPT  # nothing added: no system prompt, no code
    assert engine.prompts[0].snippets == ()


async def test_a_stream_and_its_usage(tmp_path: Path) -> None:
    async with talking(tmp_path, ScriptedEngine(TEXTS)) as (client, _):
        stream = await client.chat.completions.create(
            model="scripted", messages=QUESTION, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    assert [chunk.choices[0].delta.content for chunk in chunks[:-1]] == ["", "It ", "works.", None]
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]] == [None, None, None, "stop"]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert (chunks[-1].choices, chunks[-1].usage and chunks[-1].usage.completion_tokens) == ([], 2)
    assert len({chunk.id for chunk in chunks}) == 1


async def test_a_stream_on_the_wire(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS)
    async with running(tmp_path, engine) as world:
        answer = await world.post("/v1/chat/completions", {"messages": QUESTION, "stream": True})
    read = engine.count_tokens(engine.prompts[0].segments)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.text.endswith("data: [DONE]\n\n")
    assert f": prompt {read}/{read}\n\n" in answer.text  # keeps the connection alive during a long prefill
    assert all("usage" not in chunk for chunk in stream_data(answer.text)[:-1])


async def test_the_position_in_the_queue_is_a_comment(tmp_path: Path) -> None:
    class Queued(ScriptedEngine):
        async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta, None]:
            yield Delta(waiting=2)
            yield Delta("Now.", "stop", Usage(1, 0, 1))

    async with running(tmp_path, Queued()) as world:
        answer = await world.post("/v1/completions", {"prompt": "x", "stream": True})
    assert answer.text.startswith(": 2 waiting\n\ndata: ")


async def test_lantern_is_a_server_that_lantern_can_use(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS)
    async with running(tmp_path, engine) as world:
        remote = await RemoteEngine.connect(world.url, "scripted", api_key=world.token)
        prompt = chat_prompt(FORMATS["llama3"], conversation([Message("user", "Does it?")]))
        deltas = [delta async for delta in remote.stream(prompt, Sampling(max_tokens=1))]
        await remote.close()
    tokens = engine.count_tokens(engine.prompts[0].segments)
    assert deltas == [Delta("It "), Delta(reason="length", usage=Usage(tokens, 0, 1))]
    assert engine.prompts[0].text == PHI3_PROMPT  # the server's own format, not ours


async def test_the_sampling_of_a_request_overrides_that_of_the_model(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS)
    schema: Any = {"type": "object", "properties": {"ok": {"type": "boolean"}}}
    async with talking(tmp_path, engine, max_tokens=77) as (client, world):
        await client.chat.completions.create(
            model="scripted",
            messages=QUESTION,
            max_tokens=9,
            max_completion_tokens=1,
            temperature=0.7,
            top_p=0.5,
            seed=7,
            stop="###",
            response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema, "strict": True}},
            extra_body={"top_k": 40, "min_p": 0.1, "repeat_penalty": 1.1, "cache_prompt": True},
        )
        plain = {
            "messages": QUESTION,
            "stop": ["a", "b"],
            "max_tokens": None,
            "response_format": {"type": "json_object"},
        }
        await world.post("/v1/chat/completions", plain)
    assert engine.samplings[0] == Sampling(1, 0.7, 0.5, 40, 0.1, 1.1, 7, ("###",), json.dumps(schema))
    assert engine.samplings[1] == Sampling(max_tokens=77, stop=("a", "b"), json_schema='{"type": "object"}')


async def test_the_token_limit_is_reported_as_length(tmp_path: Path) -> None:
    async with talking(tmp_path, ScriptedEngine(TEXTS)) as (client, _):
        answer = await client.chat.completions.create(model="scripted", messages=QUESTION, max_tokens=1)
    assert (answer.choices[0].message.content, answer.choices[0].finish_reason) == ("It ", "length")


async def test_roles_parts_and_tool_calls_become_text_in_the_format_of_the_model(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS)
    call = {"id": "1", "type": "function", "function": {"name": "read", "arguments": '{"path": "a.py"}'}}
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "Read"}, {"type": "text", "text": "a.py"}]},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "x = 1"},
        {"role": "user", "content": "And?", "name": "jo"},
    ]
    async with running(tmp_path, engine) as world:
        answer = await world.post("/v1/chat/completions", {"messages": messages})
    assert answer.status_code == 200
    assert engine.prompts[0].text == (
        "<|system|>\nBe brief.<|end|>\n<|user|>\nRead\na.py<|end|>\n"
        '<|assistant|>\nread({"path": "a.py"})<|end|>\n<|user|>\nx = 1\n\nAnd?<|end|>\n<|assistant|>\n'
    )


async def test_models_are_listed_with_and_without_the_codebase(tmp_path: Path) -> None:
    async with talking(tmp_path, models_dir=tiny_dir()) as (client, _):
        listed = [model.id async for model in client.models.list()]
        one = await client.models.retrieve("phi3-mini+repo")
        with pytest.raises(openai.NotFoundError) as unknown:
            await client.models.retrieve("gpt-4")
    assert {"phi3-mini", "phi3-mini+repo", "llama3.1-8b", "codellama-7b+repo", "extractive+repo"} <= set(listed)
    assert (one.object, one.owned_by) == ("model", "lantern")
    assert unknown.value.code == "model_not_found"


async def test_end_to_end_with_a_real_model(tmp_path: Path) -> None:
    async with talking(tmp_path, models_dir=tiny_dir(), model_name="phi3-mini", n_threads=1, context_length=512) as (
        client,
        _,
    ):
        wanted: dict[str, Any] = {"model": "phi3-mini", "messages": QUESTION, "max_tokens": 12, "temperature": 0}
        whole = await client.chat.completions.create(**wanted)
        chunks = [chunk async for chunk in await client.chat.completions.create(**wanted, stream=True)]
        raw = await client.completions.create(model="phi3-mini", prompt=PHI3_PROMPT, max_tokens=12, temperature=0)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert whole.choices[0].message.content == text == raw.choices[0].text != ""
    assert (whole.choices[0].finish_reason, whole.model) == ("length", "phi3-mini")
    assert whole.usage is not None
    assert (whole.usage.completion_tokens, whole.usage.prompt_tokens > 5) == (12, True)
