"""`/v1/responses` as the official client and Codex use it."""

from pathlib import Path
from typing import Any

import openai
import pytest

from models.scripted import ScriptedEngine
from tests.backend.api.openai.harness import TEXTS, client_of, index, talking, with_tools

pytestmark = pytest.mark.process

TOOL: Any = {"type": "function", "name": "read_file", "description": "", "parameters": {"type": "object"}}
WRITTEN = ("Yes. ", '<tool_call>{"name": "read_file", ', '"arguments": {"path": ', '"a.py"}}</tool_call>')


async def test_text_in_and_text_out(tmp_path: Path) -> None:
    engine = ScriptedEngine(TEXTS)
    async with talking(tmp_path, engine) as (client, _):
        answer = await client.responses.create(model="scripted", input="Does it?", instructions="Be brief.")
        cut = await client.responses.create(model="scripted", input="Does it?", max_output_tokens=1)
    assert (answer.output_text, answer.status, answer.model, answer.model_dump()["store"]) == (
        "It works.",
        "completed",
        "scripted",
        False,
    )
    assert answer.usage is not None
    assert answer.usage.output_tokens == 2
    assert engine.prompts[0].text == "<|system|>\nBe brief.<|end|>\n<|user|>\nDoes it?<|end|>\n<|assistant|>\n"
    assert (cut.status, cut.incomplete_details and cut.incomplete_details.reason) == ("incomplete", "max_output_tokens")


async def test_a_stream_builds_the_items_of_the_response(tmp_path: Path) -> None:
    async with with_tools(tmp_path, ScriptedEngine(WRITTEN)) as world, client_of(world) as client:
        stream = await client.responses.create(model="scripted", input="Read a.py", tools=[TOOL], stream=True)
        events = [event async for event in stream]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    kinds = [event.type.removeprefix("response.") for event in events]
    assert list(dict.fromkeys(kinds)) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "completed",
    ]
    deltas = [event.delta for event in events if event.type == "response.function_call_arguments.delta"]
    assert "".join(deltas) == '{"path": "a.py"}'
    [last] = [event for event in events if event.type == "response.completed"]
    text, call = last.response.output
    assert (text.type, last.response.output_text) == ("message", "Yes.")
    assert _added_up(events) == [item.model_dump(exclude={"status"}) for item in last.response.output]
    assert call.type == "function_call"
    assert (call.name, call.arguments, call.status, len(call.call_id)) == (
        "read_file",
        '{"path": "a.py"}',
        "completed",
        9,
    )


def _added_up(events: list[Any]) -> list[dict[str, Any]]:
    """The items as a client has them that follows the events, as the helpers of the official one do."""
    items: list[dict[str, Any]] = []
    for event in events:
        match event.type.removeprefix("response."):
            case "output_item.added":
                items.append(event.item.model_dump(exclude={"status"}))
            case "content_part.added":
                items[event.output_index]["content"].append(event.part.model_dump())
            case "output_text.delta":
                items[event.output_index]["content"][event.content_index]["text"] += event.delta
            case "function_call_arguments.delta":
                items[event.output_index]["arguments"] += event.delta
    return items


async def test_a_conversation_comes_as_items(tmp_path: Path) -> None:
    """As Codex sends it: kinds of tools that run elsewhere, and reasoning of another model, are left out."""
    engine = ScriptedEngine(TEXTS)
    items: list[dict[str, Any]] = [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Use tools."}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Read a.py"}]},
        {"type": "reasoning", "summary": [], "encrypted_content": "x"},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I read."}]},
        {"type": "function_call", "call_id": "c1", "name": "read_file", "arguments": '{"path":"a.py"}'},
        {"type": "function_call_output", "call_id": "c1", "output": "x = 1"},
    ]
    body = {
        "input": items,
        "tools": [TOOL, {"type": "web_search"}, {"type": "custom", "name": "apply_patch"}],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "reasoning": {"effort": "low"},
    }
    async with with_tools(tmp_path, engine) as world:
        answer = await world.post("/v1/responses", body)
    assert answer.status_code == 200, answer.text
    assert engine.prompts[0].text == (
        '<|tool|>{"name": "read_file", "description": "", "parameters": {"type": "object"}}'
        " Write <tool_call>...</tool_call>.\n<|system|>\nUse tools.<|end|>\n<|user|>\nRead a.py<|end|>\n"
        '<|assistant|>\nI read.<tool_call>read_file {"path": "a.py"}</tool_call><|end|>\n<|tool|>\nx = 1<|end|>\n'
        "<|assistant|>\n"
    )


async def test_a_codebase_answers_too(tmp_path: Path) -> None:
    async with talking(tmp_path, ScriptedEngine(TEXTS)) as (_, world):
        await index(world, tmp_path / "code")
        body = {"model": "scripted+repo", "input": "Where are sessions expired?"}
        answer = (await world.post("/v1/responses", body)).json()
    assert [source["path"] for source in answer["lantern_sources"]] == ["sessions.py"]


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id", "nothing is stored here"),
        ({"input": [{"type": "item_reference", "id": "x"}]}, "input", "items of type 'item_reference'"),
        ({"temperature": 9}, "temperature", "less than or equal to 5"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:x"}]}]},
            None,
            "parts of type 'input_image' are not supported: no model here reads images",
        ),
    ],
)
async def test_what_is_not_offered_is_refused(
    tmp_path: Path, fields: dict[str, Any], param: str | None, message: str
) -> None:
    async with talking(tmp_path, ScriptedEngine(TEXTS)) as (_, world):
        answer = await world.post("/v1/responses", {"input": "Hi"} | fields)
    assert answer.status_code == 400
    assert message in answer.json()["error"]["message"]
    assert param is None or answer.json()["error"]["param"] == param


async def test_an_engine_that_fails_ends_the_stream_with_its_error(tmp_path: Path) -> None:
    async with talking(tmp_path, ScriptedEngine(TEXTS, fail_after=1)) as (client, _):
        stream = await client.responses.create(model="scripted", input="Does it?", stream=True)
        events = [event async for event in stream]
    [failed] = [event for event in events if event.type == "response.failed"]
    assert failed == events[-1]
    assert failed.response.error is not None
    assert "fail here" in failed.response.error.message


async def test_an_error_before_the_stream_has_its_status(tmp_path: Path) -> None:
    async with talking(tmp_path, ScriptedEngine(TEXTS)) as (client, _):
        with pytest.raises(openai.NotFoundError):
            await client.responses.create(model="nope", input="Does it?", stream=True)
