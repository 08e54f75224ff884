"""What a client is told about the tools: names, hints, and few tokens."""

import json
from pathlib import Path
from typing import Any

import pytest

from backend.mcp.server import without_titles
from models.scripted import ScriptedEngine
from tests.backend.harness import running
from tests.backend.mcp.harness import ERAS, connected

pytestmark = pytest.mark.process

TOOLS = ["search_code", "find_symbol", "read_code", "index", "ask"]
CHARS_PER_TOKEN = 4
SCHEMA_TOKENS = 1850  # of all tools, their output schemas too
INPUT_TOKENS = 950  # of what clients show to the model


@pytest.mark.parametrize("mode", ERAS)
async def test_the_list_of_tools(tmp_path: Path, mode: str) -> None:
    async with running(tmp_path, ScriptedEngine()) as world, connected(world, mode) as client:
        listed = await client.list_tools()
    assert [tool.name for tool in listed.tools] == TOOLS
    assert [tool.name for tool in listed.tools if tool.annotations and not tool.annotations.read_only_hint] == ["index"]
    assert {tool.annotations.open_world_hint for tool in listed.tools if tool.annotations} == {False}
    assert all(tool.output_schema and tool.description and tool.title for tool in listed.tools)
    wire = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in listed.tools]
    assert len(dense(wire)) / CHARS_PER_TOKEN < SCHEMA_TOKENS
    for tool in wire:
        del tool["outputSchema"]
    assert len(dense(wire)) / CHARS_PER_TOKEN < INPUT_TOKENS


async def test_the_parameters_are_those_of_the_guide(tmp_path: Path) -> None:
    async with running(tmp_path, ScriptedEngine()) as world, connected(world) as client:
        tools = {tool.name: tool.input_schema for tool in (await client.list_tools()).tools}
    assert {name: list(schema["properties"]) for name, schema in tools.items()} == {
        "search_code": ["query", "codebase", "paths", "limit", "detail", "max_chars"],
        "find_symbol": ["name", "codebase", "uses", "limit"],
        "read_code": ["path", "start", "end", "codebase"],
        "index": ["codebase", "refresh"],
        "ask": ["question", "codebase", "model"],
    }
    assert {name: schema.get("required", []) for name, schema in tools.items()} == {
        "search_code": ["query"],
        "find_symbol": ["name"],
        "read_code": ["path"],
        "index": [],
        "ask": ["question"],
    }


def test_titles_go_but_not_properties_of_that_name() -> None:
    schema = {
        "title": "A",
        "properties": {"title": {"title": "Title", "type": "string"}, "x": {"anyOf": [{"title": "B"}]}},
    }
    assert without_titles(schema) == {"properties": {"title": {"type": "string"}, "x": {"anyOf": [{}]}}}


def dense(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))
