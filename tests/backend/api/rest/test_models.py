"""What the models are on this machine, and loading one, over HTTP."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from models.gguf.header import read_header
from models.scripted import ScriptedEngine
from tests.backend.engines.harness import Machine, machine, serving  # noqa: F401 - a fixture
from tests.backend.harness import running
from tests.processes import eventually
from tests.tiny_gguf import PHI3

pytestmark = pytest.mark.process


async def test_every_model_says_what_to_expect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.proposal.memory_limit", lambda: 8_000_000_000)
    monkeypatch.setattr("models.proposal.physical_cores", lambda: 2)
    async with running(tmp_path, ScriptedEngine()) as world:
        found = {entry["id"]: entry for entry in (await world.get("/models")).json()["models"]}
        device = (await world.get("/device")).json()
    assert found["qwen2.5-coder-1.5b"]["licence"] == "Apache-2.0"
    assert found["qwen2.5-coder-1.5b"]["memory_bytes"] == 1_459_870_208
    assert (
        found["qwen2.5-coder-1.5b"]["expectation"]
        == "Fits in memory; about 10 tokens a second, so an answer is written in 25 s."
    )
    assert found["extractive"]["expectation"].startswith("Answers at once, without a model")
    assert all(entry["expectation"] and "size_bytes" in entry for entry in found.values())
    assert set(device) == {"cores", "memory_bytes", "available_bytes", "accelerator", "suits", "words"}
    assert device["suits"] == "qwen2.5-coder-1.5b"
    assert device["words"].startswith("8 GB of memory here")
    assert min(device["cores"], device["memory_bytes"], device["available_bytes"]) > 0


async def test_a_model_is_loaded_in_the_background(
    machine: Machine,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    header = read_header(PHI3.path)
    monkeypatch.setattr("models.registry.read_header", lambda path: replace(header, path=path))
    machine.gates["ant"] = asyncio.Event()
    machine.failing["cow"] = "it is damaged"
    async with serving(machine, model_name="extractive") as world:

        async def entry(name: str) -> dict[str, object]:
            listed = (await world.get("/models")).json()["models"]
            return next(dict(each) for each in listed if each["id"] == name)

        assert (await world.post("/models/ant/load")).json() == {}
        await eventually(lambda: machine.starts == ["ant"])
        assert (await entry("ant"))["state"] == "loading"
        machine.gates["ant"].set()
        await eventually(lambda: "ant" in machine.engines)
        async with world.services.engines.use("ant"):
            assert (await entry("ant"))["state"] == "loaded"
        await world.post("/models/cow/load")
        await eventually(lambda: "cow" in machine.starts)
        await eventually(lambda: world.services.engines.states()[-1].get("problem") is not None)
        assert ((await entry("cow"))["state"], (await entry("cow"))["problem"]) == ("installed", "it is damaged")
        missing = await world.post("/models/phi3-mini/load")
        unknown = await world.post("/models/nope/load")
        assert (await world.post("/models/extractive/load")).json() == {}
    assert (missing.status_code, missing.json()["error"]["code"]) == (503, "model_unavailable")
    assert "lantern models pull phi3-mini" in missing.json()["error"]["message"]
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "not_found")
