"""Tool calls, several answers and log-probabilities, as the official client reads them."""

import json
from pathlib import Path
from typing import Any

import openai
import pytest

from models.scripted import ScriptedEngine
from models.types import Tools
from tests.backend.api.openai.harness import QUESTION, TEXTS, client_of, stream_data, talking, with_tools

pytestmark = pytest.mark.process

READ = {
    "type": "function",
    "function": {
        "name": "read_file",
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
    },
}
STOP = {"type": "function", "function": {"name": "stop"}}
CALL = '<tool_call>\n{"name": "read_file", "arguments": {"path": "a.py"}}\n</tool_call>'
WRITTEN = ("I ", "read. ", *CALL, "\n", *CALL)


async def test_calls_in_an_answer_become_tool_calls(tmp_path: Path) -> None:
    engine = ScriptedEngine(WRITTEN)
    async with with_tools(tmp_path, engine) as world, client_of(world) as client:
        answer = await client.chat.completions.create(model="scripted", messages=QUESTION, tools=[READ])  # type: ignore[list-item]
    [choice] = answer.choices
    assert (choice.message.content, choice.finish_reason) == ("I read.", "tool_calls")
    calls = choice.message.tool_calls or []
    assert [(call.type, call.function.name, call.function.arguments) for call in calls if call.type == "function"] == [
        ("function", "read_file", '{"path": "a.py"}')
    ] * 2
    assert len({call.id for call in calls}) == 2
    [prompt] = engine.prompts
    assert (prompt.tools, prompt.shown) == (
        Tools(json.dumps([READ | {"function": {"name": "read_file", "description": "", **_parameters(READ)}}])),
        ("<tool_call>", "</tool_call>"),
    )


def _parameters(tool: dict[str, Any]) -> dict[str, Any]:
    return {"parameters": tool["function"]["parameters"]}


async def test_a_stream_has_the_pieces_of_calls(tmp_path: Path) -> None:
    body = {"messages": QUESTION, "tools": [READ], "stream": True}
    async with with_tools(tmp_path, ScriptedEngine(WRITTEN)) as world:
        chunks = stream_data((await world.post("/v1/chat/completions", body)).text)
    assert chunks.pop() == "[DONE]"
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert "".join(delta.get("content", "") for delta in deltas) == "I read."
    pieces = [piece for delta in deltas for piece in delta.get("tool_calls", ())]
    heads = [piece for piece in pieces if "id" in piece]
    assert [(head["index"], head["type"], head["function"]) for head in heads] == [
        (index, "function", {"name": "read_file", "arguments": ""}) for index in (0, 1)
    ]
    for index in (0, 1):
        arguments = "".join(piece["function"]["arguments"] for piece in pieces if piece["index"] == index)
        assert json.loads(arguments) == {"path": "a.py"}
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks if chunk["choices"][0]["finish_reason"]] == [
        "tool_calls"
    ]


async def test_calls_that_may_not_be_parallel_are_one(tmp_path: Path) -> None:
    engine = ScriptedEngine(WRITTEN)
    body = {"messages": QUESTION, "tools": [READ], "parallel_tool_calls": False}
    async with with_tools(tmp_path, engine) as world:
        answer = (await world.post("/v1/chat/completions", body)).json()
    assert len(answer["choices"][0]["message"]["tool_calls"]) == 1
    assert engine.samplings[0].stop == ("</tool_call>",)


@pytest.mark.parametrize(
    ("choice", "names"),
    [("required", ["read_file", "stop"]), ({"type": "function", "function": {"name": "stop"}}, ["stop"])],
)
async def test_a_call_that_is_required_is_held_to_a_schema(tmp_path: Path, choice: object, names: list[str]) -> None:
    engine = ScriptedEngine(('{"name": ', '"stop", "argu', 'ments": {}}'))
    body = {"messages": QUESTION, "tools": [READ, STOP], "tool_choice": choice}
    async with with_tools(tmp_path, engine) as world:
        answer = (await world.post("/v1/chat/completions", body)).json()["choices"][0]
    assert engine.prompts[0].text.endswith("<|assistant|>\n<tool_call>\n")
    schema = json.loads(engine.samplings[0].json_schema)
    assert [call["properties"]["name"]["const"] for call in schema.get("anyOf", [schema])] == names
    assert (answer["message"]["content"], answer["finish_reason"]) == (None, "tool_calls")
    assert answer["message"]["tool_calls"][0]["function"] == {"name": "stop", "arguments": "{}"}


async def test_with_the_choice_none_the_model_sees_no_tools(tmp_path: Path) -> None:
    engine = ScriptedEngine((CALL,))
    async with with_tools(tmp_path, engine) as world:
        body = {"messages": QUESTION, "tools": [READ], "tool_choice": "none"}
        answer = (await world.post("/v1/chat/completions", body)).json()["choices"][0]
    assert "read_file" not in engine.prompts[0].text
    assert (answer["message"], answer["finish_reason"]) == ({"role": "assistant", "content": CALL}, "stop")


async def test_a_model_without_tools_says_so(tmp_path: Path) -> None:
    async with talking(tmp_path, ScriptedEngine(TEXTS)) as (client, world):
        with pytest.raises(openai.BadRequestError, match="scripted cannot call tools: its chat template") as refused:
            await client.chat.completions.create(model="scripted", messages=QUESTION, tools=[READ])  # type: ignore[list-item]
        body = {"messages": QUESTION, "tools": [READ]}
        with_sources = await world.post("/v1/chat/completions", body | {"model": "scripted+repo"})
        forced = await world.post("/v1/chat/completions", body | {"model": "scripted+repo", "tool_choice": "required"})
    assert (refused.value.param, refused.value.status_code) == ("tools", 400)
    assert with_sources.json()["choices"][0]["message"]["content"] == "It works."  # tools that may be called: none is
    assert (forced.status_code, forced.json()["error"]["param"]) == (400, "tool_choice")


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"tool_choice": {"type": "function", "function": {"name": "write"}}}, "tool_choice", "name one of the tools"),
        ({"tool_choice": "always"}, "tool_choice", "send auto, none, required"),
        ({"tools": [{"type": "web_search"}]}, "tools.0.type", "Input should be 'function'"),
        ({"top_logprobs": 2}, "top_logprobs", "send logprobs: true, too"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "less than or equal to 20"),
    ],
)
async def test_what_cannot_be_kept_is_refused(tmp_path: Path, fields: dict[str, Any], param: str, message: str) -> None:
    async with with_tools(tmp_path, ScriptedEngine(TEXTS)) as world:
        answer = await world.post("/v1/chat/completions", {"messages": QUESTION, "tools": [READ]} | fields)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, param)
    assert message in answer.json()["error"]["message"]


@pytest.mark.parametrize("field", ["n", "logprobs"])
async def test_an_answer_with_sources_is_one_without_logprobs(tmp_path: Path, field: str) -> None:
    async with talking(tmp_path, ScriptedEngine(TEXTS)) as (_, world):
        body = {"model": "scripted+repo", "messages": QUESTION, field: 2 if field == "n" else True}
        answer = await world.post("/v1/chat/completions", body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)


async def test_several_answers_have_their_own_seeds_and_count_the_prompt_once(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS)
    async with talking(tmp_path, engine) as (client, _):
        answer = await client.chat.completions.create(model="scripted", messages=QUESTION, n=3, seed=7)
        stream = await client.chat.completions.create(model="scripted", messages=QUESTION, n=2, stream=True)
        chunks = [chunk async for chunk in stream]
        texts = await client.completions.create(model="scripted", prompt=["a", "b"], n=2)
    assert [(choice.index, choice.message.content) for choice in answer.choices] == [(n, "It works.") for n in range(3)]
    assert sorted(sampling.seed for sampling in engine.samplings[:3]) == [7, 8, 9]  # type: ignore[type-var]
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (
        engine.count_tokens(engine.prompts[0].segments),
        6,
    )
    for index in (0, 1):
        mine = [chunk.choices[0] for chunk in chunks if chunk.choices[0].index == index]
        assert mine[0].delta.role == "assistant"
        assert "".join(choice.delta.content or "" for choice in mine) == "It works."
        assert mine[-1].finish_reason == "stop"
    assert [choice.index for choice in texts.choices] == [0, 1, 2, 3]


async def test_logprobs_come_with_each_token(tmp_path: Path) -> None:
    async with talking(tmp_path, ScriptedEngine(TEXTS)) as (client, _):
        without = await client.chat.completions.create(model="scripted", messages=QUESTION)
        answer = await client.chat.completions.create(
            model="scripted", messages=QUESTION, logprobs=True, top_logprobs=2
        )
        stream = await client.chat.completions.create(model="scripted", messages=QUESTION, logprobs=True, stream=True)
        chunks = [chunk.choices[0] async for chunk in stream]
        text = await client.completions.create(model="scripted", prompt="a", logprobs=1)
    assert without.choices[0].logprobs is None
    assert answer.choices[0].logprobs is not None
    entries = answer.choices[0].logprobs.content or []
    assert [(entry.token, entry.logprob, entry.bytes) for entry in entries] == [
        (token, -0.5, list(token.encode())) for token in TEXTS
    ]
    assert [[top.token for top in entry.top_logprobs] for entry in entries] == [[t, "other1"] for t in TEXTS]
    streamed = [entry.token for chunk in chunks if chunk.logprobs for entry in chunk.logprobs.content or ()]
    assert streamed == list(TEXTS)
    assert text.choices[0].logprobs is not None
    assert text.choices[0].logprobs.model_dump() == {
        "tokens": list(TEXTS),
        "token_logprobs": [-0.5, -0.5],
        "top_logprobs": [{TEXTS[0]: -0.5}, {TEXTS[1]: -0.5}],
        "text_offset": [0, 3],
    }


async def test_the_prompt_of_several_answers_is_made_once(tmp_path: Path) -> None:
    """A template with tools is a process of its own."""
    engine = ScriptedEngine(WRITTEN)
    async with with_tools(tmp_path, engine) as world:
        answer = (await world.post("/v1/chat/completions", {"messages": QUESTION, "tools": [READ], "n": 4})).json()
    assert [choice["finish_reason"] for choice in answer["choices"]] == ["tool_calls"] * 4
    assert len(engine.prompts) == 4
    assert all(prompt is engine.prompts[0] for prompt in engine.prompts)
