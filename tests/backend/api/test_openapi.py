"""The OpenAPI document, without its texts, equals the one in openapi.json: a change of the contract is deliberate.

`python -m tests.backend.api.test_openapi` writes the file and the examples anew where a change is meant.
"""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from backend.api.openapi import EXAMPLES_FILE, operations
from models.scripted import ScriptedEngine
from tests.backend.api.recorded import differences, record
from tests.backend.harness import running

pytestmark = pytest.mark.process

FILE = Path(__file__).with_name("openapi.json")  # first written at commit 6009585
TEXTS = ("description", "summary", "example")
GENERATING = {"openai", "llama-server"}  # tags of calls that an engine answers
NAMES = ("paths", "properties", "schemas")  # their keys are names that the contract gives


async def document(folder: Path) -> dict[str, Any]:
    async with running(folder, ScriptedEngine()) as world:
        served = (await world.get("/openapi.json")).json()
    return {name: without_texts(value) for name, value in served.items() if name != "info"}  # the version


def without_texts(value: Any, *, are_names: bool = False) -> Any:
    if isinstance(value, dict):
        kept = {name: part for name, part in value.items() if are_names or name not in TEXTS}
        return {name: without_texts(part, are_names=not are_names and name in NAMES) for name, part in kept.items()}
    return [without_texts(part) for part in value] if isinstance(value, list) else value


async def test_the_contract_is_the_committed_one(tmp_path: Path) -> None:
    today, committed = await document(tmp_path), json.loads(FILE.read_text("utf-8"))
    assert today["paths"] == committed["paths"]
    assert today == committed


async def served(folder: Path) -> list[tuple[str, str, dict[str, Any]]]:
    """Method, path and description of every call; the references are resolved."""
    async with running(folder, ScriptedEngine()) as world:
        whole = (await world.get("/openapi.json")).json()
    for _, _, call in operations(whole):
        for status, answer in call["responses"].items():
            if "$ref" in answer:
                call["responses"][status] = whole["components"]["responses"][answer["$ref"].rpartition("/")[2]]
    return list(operations(whole))


async def test_every_call_has_a_description_an_example_and_its_errors(tmp_path: Path) -> None:
    for method, path, call in await served(tmp_path):
        name = f"{method.upper()} {path}"
        assert call["description"], name
        answers = call["responses"]["200"]["content"].values()
        assert all("example" in answer for answer in answers), f"{name} has no step in tests/backend/api/recorded.py"
        errors = {int(status): answer for status, answer in call["responses"].items() if status != "200"}
        assert {403, 421, 500} <= errors.keys(), name
        assert (401 in errors) == (path != "/health"), name
        if method == "post" and GENERATING.intersection(call["tags"]) and "embeddings" not in path:
            assert {429, 502, 503} <= errors.keys(), name
        if method in ("post", "patch"):
            assert "example" in call["requestBody"]["content"]["application/json"], name
            assert {400, 413, 415} <= errors.keys(), name
        for status, answer in errors.items():
            content = answer["content"]["application/json"]
            kind = "OpenAIError" if path.startswith("/v1/") else "Error"
            assert content["schema"] == {"$ref": f"#/components/schemas/{kind}"}, (name, status)
            assert content["example"]["error"]["message"] == answer["description"]


async def test_the_examples_are_what_a_server_answers_today(tmp_path: Path) -> None:
    today, committed = await record(tmp_path), json.loads(EXAMPLES_FILE.read_text("utf-8"))
    assert today.keys() == committed.keys()
    assert differences(today, committed) == []


def test_a_difference_is_seen() -> None:
    committed = {"a": 1, "b": [{"c": "x"}], "d": None}
    assert differences({"a": 1.5, "b": [], "d": {"e": 1}}, committed) == []
    assert sorted(differences({"a": "1", "b": [{"c": "x", "e": 1}]}, committed)) == [".a: int -> str", ".b[].e", ".d"]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        examples = asyncio.run(record(Path(name)))
        EXAMPLES_FILE.write_text(json.dumps(examples, indent=1, ensure_ascii=False) + "\n", "utf-8")
        today = asyncio.run(document(Path(name) / "data2"))
    FILE.write_text(json.dumps(today, sort_keys=True, separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    main()
