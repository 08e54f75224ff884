"""The list of models with their states, loads ahead of questions, and what a question sees of a load."""

import asyncio
import shutil
from pathlib import Path

import pytest

from models.proposal import TIERS
from models.scripted import ScriptedEngine
from tests.backend.engines.harness import SIMPLE, Machine, ask, machine, prompt, serving
from tests.backend.harness import running
from tests.processes import eventually
from tests.tiny_gguf import PHI3

pytestmark = pytest.mark.process

__all__ = ["machine"]


async def test_every_model_is_listed_with_its_state(machine: Machine) -> None:
    machine.gates["ant"] = asyncio.Event()
    async with serving(machine, None, ScriptedEngine(name="big", context_length=9000)) as world:
        await eventually(lambda: machine.started == [("ant", 4000)])
        loading = {model["id"]: model for model in (await world.get("/models")).json()["models"]}
        machine.gates["ant"].set()
        await eventually(lambda: "ant" in machine.engines)
        loaded = {model["id"]: model for model in (await world.get("/models")).json()["models"]}
        health = (await world.get("/health")).json()["model"]
    always = {"extractive": "loaded", "remote": "installed", "auto": "loaded"}
    catalogue = dict.fromkeys([*TIERS, "codellama-7b"], "missing")
    damaged = {"bee": "damaged", "cow": "damaged"}  # because `states` reads the header of the file
    assert {name: model["state"] for name, model in loading.items()} == always | catalogue | damaged | {
        "ant": "loading"
    }
    assert (loaded["ant"]["state"], loaded["ant"]["resident_bytes"]) == ("loaded", 5_000_000)
    assert (loaded["auto"]["default"], loaded["auto"]["context"], loaded["remote"]["context"]) == (True, 4000, 0)
    assert health == {"name": "auto", "state": "loaded"}


async def test_auto_is_listed_if_it_has_a_choice(machine: Machine) -> None:
    async with serving(machine, model_name="extractive") as world:
        both = [model["id"] for model in (await world.get("/models")).json()["models"]]
        (machine.folder / "cow.gguf").unlink()
        one = [model["id"] for model in (await world.get("/models")).json()["models"]]
    assert (both[:2], one[:2]) == (["extractive", "auto"], ["extractive", "smollm2-135m"])
    assert machine.started == []  # nothing is loaded ahead for the extractive engine


async def test_a_question_waits_for_the_load_that_the_server_started_and_sees_its_progress(machine: Machine) -> None:
    machine.gates["ant"] = asyncio.Event()
    async with serving(machine, model_name="ant") as world, world.socket() as socket:
        await eventually(lambda: machine.started == [("ant", 4000)])
        session = (await socket.call("session/open", model="bee"))["session"]
        await prompt(socket, session, "t1", SIMPLE, model="ant")
        while not any(event.get("stage") == "loading" for event in socket.events):
            await socket.receive()
        assert await socket.call("ping") == {}
        machine.gates["ant"].set()
        end = await socket.until("end", "t1")
        await eventually(lambda: "bee" in machine.engines)  # the session's own model is loaded ahead, after the other
    assert end["model"] == "ant"
    assert machine.started == [("ant", 4000), ("bee", 4000)]


async def test_a_status_event_has_the_share_that_is_loaded(machine: Machine) -> None:
    machine.gates["ant"] = asyncio.Event()
    async with serving(machine, model_name="extractive") as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        await prompt(socket, session, "t1", SIMPLE, model="ant")
        while not any(event.get("stage") == "loading" and event.get("total") for event in socket.events):
            await socket.receive()
        machine.gates["ant"].set()
        await socket.until("end", "t1")
    status = next(event for event in socket.events if event.get("total") and event["stage"] == "loading")
    assert (status["done"], status["total"]) == (25, 100)
    assert status["eta_ms"] >= 0


async def test_a_smaller_model_names_the_turns_that_do_not_fit(machine: Machine) -> None:
    catalogue = machine.folder / "catalog.toml"
    text = catalogue.read_text()
    large = text[text.index("[cow]") :].replace("context_length = 4000", "context_length = 12000")
    catalogue.write_text(text[: text.index("[cow]")] + large)
    machine.memory = 25_000_000
    async with serving(machine) as world:
        first = await ask(world, "x " * 3000, model="cow")
        more = {"conversation_id": first["conversation_id"]}
        second = await ask(world, "y " * 1500, model="cow", **more)
        third = await ask(world, "What did I say?", model="ant", **more)
        fourth = await ask(world, "And then?", model="ant", **more)
    assert ("notice" in first, "notice" in second, "notice" in fourth) == (False, False, False)
    assert third["notice"] == "Turn 1 of this conversation had to make room: ant has not read it."
    texts = [machine.engines["ant"].prompts[n].text for n in (0, 1)]
    assert all("x x x" not in text and "y y y" in text for text in texts)


async def test_the_real_engine_is_loaded_ahead_and_counted(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    shutil.copy(PHI3.path, models)
    async with running(tmp_path) as world:
        await eventually(lambda: world.services.engines.current["state"] == "loaded")
        metrics = (await world.get("/metrics")).text
        answer = await ask(world, SIMPLE, max_tokens=3)
    assert "lantern_model_loads_total 1.0" in metrics
    assert "lantern_resident_models 1.0" in metrics
    assert answer["model_name"] == "phi3-mini"
