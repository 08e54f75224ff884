"""The OpenAPI document, without its texts, equals the one in openapi.json: a change of the contract is deliberate.

`python -m tests.backend.api.test_openapi` writes the file anew where a change is meant.
"""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

from models.scripted import ScriptedEngine
from tests.backend.harness import running

pytestmark = pytest.mark.process

FILE = Path(__file__).with_name("openapi.json")  # first written at commit 6009585
TEXTS = ("description", "summary")
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


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        today = asyncio.run(document(Path(name)))
    FILE.write_text(json.dumps(today, sort_keys=True, separators=(",", ":")) + "\n", "utf-8")


if __name__ == "__main__":
    main()
