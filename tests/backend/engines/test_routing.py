"""`auto` picks a model by the question, falls down the tiers, and says so; loads are told while they go on."""

import asyncio
import json
import shutil
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.chat.history import dropped_notice
from backend.config import Settings
from backend.db.tables import TurnRow
from backend.engines.pool import EnginePool
from backend.engines.remote import Remote
from backend.metrics import Metrics
from models.backoff import Backoff
from models.errors import EngineFailed, Unsupported
from models.proposal import TIERS
from models.scripted import ScriptedEngine
from models.types import Delta, Engine, Prompt, Rates, Sampling
from tests.backend.engines.harness import Machine, machine
from tests.backend.harness import Socket, World, running
from tests.models.remote.fake_openai import Call, fake_server, honest
from tests.tiny_gguf import PHI3

__all__ = ["machine"]

SIMPLE = "Where is the port configured?"
TASK = "Why is there a deadlock in the job queue?"
PROJECT = "Propose an architecture that scales to ten machines, compare it with today's and implement the first step."


@asynccontextmanager
async def serving(
    machine: Machine, metrics: Metrics | None = None, remote: Engine | None = None, **given: Any
) -> AsyncIterator[World]:
    async def connect() -> Engine:
        assert remote is not None
        return remote

    def making(settings: Settings) -> EnginePool:
        return machine.made(settings, Remote(connect) if remote else None, metrics)

    given = {"model_name": "auto", "models_dir": machine.folder, "kv_ram_mb": 0} | given
    async with running(machine.folder.parent, None, making=making, **given) as world:
        yield world


async def ask(world: World, text: str, **more: Any) -> dict[str, Any]:
    answer = await world.post("/chat/query", {"query": text, "retrieval": "off", **more})
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(500):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("that never happened")


async def test_the_question_decides_which_tier_answers(machine: Machine) -> None:
    metrics = Metrics()
    async with serving(machine, metrics) as world:
        answered = [(await ask(world, text))["model_name"] for text in (SIMPLE, TASK, SIMPLE, PROJECT)]
        previewed = (await world.post("/chat/preview", {"query": TASK, "retrieval": "off"})).json()
        named = await ask(world, PROJECT, model="bee")
        exposed = metrics.exposition().decode()
    assert answered == ["ant", "cow", "ant", "cow"]  # a project asks for a tier above, and there is none
    assert (previewed["model_name"], named["model_name"]) == ("cow", "bee")
    assert 'lantern_route_total{model="ant",tier="small"} 2.0' in exposed
    assert 'lantern_route_total{model="cow",tier="medium"} 3.0' in exposed
    assert "lantern_route_fallbacks_total 1.0" in exposed
    assert "lantern_model_loads_total 5.0" in exposed
    assert "lantern_model_swaps_total 4.0" in exposed
    assert "lantern_resident_models 1.0" in exposed
    assert "lantern_resident_model_bytes 5e+06" in exposed


async def test_a_model_of_the_tier_that_is_loaded_is_preferred(machine: Machine) -> None:
    (machine.folder / "ant.gguf").unlink()
    async with serving(machine) as world:
        await until(lambda: "bee" in machine.engines)
        (machine.folder / "ant.gguf").write_bytes(b"larger than the other one by far")
        assert (await ask(world, SIMPLE))["model_name"] == "bee"


async def test_what_cannot_be_loaded_gives_way_to_the_next_tier(machine: Machine) -> None:
    metrics = Metrics()
    machine.failing["cow"] = "cow.gguf is damaged"
    async with serving(machine, metrics) as world:
        world.services.engines._residents._backoff = Backoff(lambda: 0.0)  # no time passes between the two
        told = await ask(world, TASK)
        again = await ask(world, TASK)
    assert (told["model_name"], again["model_name"]) == ("ant", "ant")
    assert told["notice"].startswith("cow could not answer: cow.gguf is damaged")
    assert "tried again in 2 s" in again["notice"]
    assert [name for name, _ in machine.started].count("cow") == 1
    assert (metrics.route_fallbacks, metrics.fallbacks) == (2, 0)


async def test_a_remote_engine_that_cannot_be_reached_costs_neither_answer_nor_order(machine: Machine) -> None:
    metrics, remote = Metrics(), ScriptedEngine(("never",), name="big", fail_after=0)
    async with serving(machine, metrics, remote) as world, world.socket() as socket:
        assert world.services.engines._remote is not None
        world.services.engines._remote._backoff = Backoff(lambda: 0.0)
        session = (await socket.call("session/open"))["session"]
        await prompt(socket, session, "t1", PROJECT)
        end = await socket.until("end", "t1")
        again = await ask(world, PROJECT)
    assert (end["reason"], end["model"]) == ("stop", "cow")
    assert end["notice"] == "big could not answer: the script says: fail here"
    assert [event["type"] for event in socket.logged][:2] == ["accepted", "sources"]
    assert [event["type"] for event in socket.logged].count("sources") == 1
    assert "".join(event["text"] for event in socket.logged if event["type"] == "delta") == "cow says."
    assert (again["model_name"], len(remote.prompts)) == ("cow", 1)  # it is left alone for a while
    assert "big could not answer" in again["notice"]
    assert metrics.routes == {("remote", "big"): 1, ("medium", "cow"): 2}


class Slow(ScriptedEngine):
    """Breaks, but not at once."""

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta, None]:
        yield Delta(progress=(1, 100))
        await asyncio.sleep(0.4)
        raise EngineFailed("the kernel took it")


async def test_what_an_engine_took_that_failed_is_counted_as_waiting(machine: Machine) -> None:
    remote = Slow(name="big", rates=Rates(10_000, 100))
    async with serving(machine, None, remote) as world:
        await ask(world, TASK)  # the other one is loaded by now
        machine.engines["cow"]._rates = Rates(10_000, 0)
        began = time.perf_counter()
        told = await ask(world, PROJECT, first_token_s=0.3)
        passed_ms = 1000 * (time.perf_counter() - began)
    ms, metrics = told["timings"], world.services.metrics
    assert told["model_name"] == "cow"
    assert 400 <= ms["queue"] <= sum(ms.values()) <= passed_ms
    assert ms["prefill"] < 400
    assert (metrics.promises, metrics.promises_kept) == (1, 0)  # 0.4 s are more than 0.3


async def test_an_answer_that_has_begun_is_not_begun_again(machine: Machine) -> None:
    remote = ScriptedEngine(("half ", "an answer"), name="big", fail_after=1)
    async with serving(machine, None, remote) as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        await prompt(socket, session, "t1", PROJECT)
        end = await socket.until("end", "t1")
    assert (end["reason"], end["model"], end["error"]["code"]) == ("error", "big", "engine_failed")


async def chat(world: World, text: str, **more: Any) -> httpx.Response:
    return await world.post("/v1/chat/completions", {"messages": [{"role": "user", "content": text}], **more})


async def test_a_chat_goes_to_the_tier_of_its_last_question(machine: Machine) -> None:
    async with serving(machine) as world:
        answered = [(await chat(world, text)).json()["model"] for text in (SIMPLE, TASK, SIMPLE)]
    assert answered == ["ant", "cow", "ant"]


async def test_a_chat_is_answered_by_another_engine_where_one_fails_before_its_first_word(machine: Machine) -> None:
    remote = ScriptedEngine(("never",), name="big", fail_after=0)
    async with serving(machine, None, remote) as world:
        whole = (await chat(world, PROJECT)).json()
        world.services.engines._remote._backoff = Backoff(lambda: 0.0)  # type: ignore[union-attr]
        streamed = (await chat(world, PROJECT, stream=True)).text
        named = await chat(world, PROJECT, model="big")
    assert (whole["model"], whole["choices"][0]["message"]["content"]) == ("cow", "cow says.")
    chunks = [json.loads(line[6:]) for line in streamed.splitlines() if line.startswith("data: {")]
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == "cow says."
    assert (named.status_code, named.json()["error"]["code"]) == (502, "engine_failed")
    assert len(remote.prompts) == 3


async def test_a_chat_that_has_begun_is_not_begun_again(machine: Machine) -> None:
    remote = ScriptedEngine(("half ", "an answer"), name="big", fail_after=1)
    async with serving(machine, None, remote) as world:
        broken = await chat(world, PROJECT)
    assert (broken.status_code, broken.json()["error"]["code"]) == (502, "engine_failed")


async def test_a_chat_that_nobody_can_answer_is_told_what_went_wrong_last(machine: Machine) -> None:
    shutil.rmtree(machine.folder)
    machine.folder.mkdir()
    async with serving(machine, None, ScriptedEngine(name="big", fail_after=0)) as world:
        refused = await chat(world, SIMPLE)
    assert (refused.status_code, refused.json()["error"]["code"]) == (502, "engine_failed")
    assert refused.json()["error"]["message"] == "the script says: fail here"


async def test_a_model_that_was_named_is_not_replaced(machine: Machine) -> None:
    remote = ScriptedEngine(("never",), name="big", fail_after=0)
    async with serving(machine, None, remote) as world:
        for name in ("remote", "big"):  # its own name is known once it is connected
            answer = await world.post("/chat/query", {"query": SIMPLE, "retrieval": "off", "model": name})
            assert (answer.status_code, answer.json()["error"]["code"]) == (502, "engine_failed")


@pytest.mark.parametrize("has_remote", [False, True])
async def test_without_models_the_remote_one_answers_or_the_code_itself(machine: Machine, has_remote: bool) -> None:
    shutil.rmtree(machine.folder)
    machine.folder.mkdir()
    remote = ScriptedEngine(name="big") if has_remote else None
    async with serving(machine, None, remote) as world:
        told = await ask(world, SIMPLE)
    if has_remote:
        assert (told["model_name"], told["response"], "notice" in told) == ("big", "It works.", False)
    else:
        assert told["model_name"] == "extractive"
        assert told["notice"].startswith("No model is installed: `lantern models pull ")
        assert told["notice"] in told["response"]


async def test_every_model_is_listed_with_its_state(machine: Machine) -> None:
    machine.gates["ant"] = asyncio.Event()
    async with serving(machine, None, ScriptedEngine(name="big", context_length=9000)) as world:
        await until(lambda: machine.started == [("ant", 4000)])
        loading = {model["id"]: model for model in (await world.get("/models")).json()["models"]}
        machine.gates["ant"].set()
        await until(lambda: "ant" in machine.engines)
        loaded = {model["id"]: model for model in (await world.get("/models")).json()["models"]}
        health = (await world.get("/health")).json()["model"]
    always = {"extractive": "loaded", "remote": "installed", "auto": "loaded"}
    catalogue = dict.fromkeys([*TIERS, "codellama-7b"], "missing")
    others = {"bee": "damaged", "cow": "damaged"}  # as `states` reads the files themselves
    assert {name: model["state"] for name, model in loading.items()} == always | catalogue | others | {"ant": "loading"}
    assert (loaded["ant"]["state"], loaded["ant"]["resident_bytes"]) == ("loaded", 5_000_000)
    assert (loaded["auto"]["default"], loaded["auto"]["context"], loaded["remote"]["context"]) == (True, 4000, 0)
    assert health == {"name": "auto", "state": "loaded"}


async def test_auto_is_offered_where_it_has_a_choice(machine: Machine) -> None:
    async with serving(machine, model_name="extractive") as world:
        both = [model["id"] for model in (await world.get("/models")).json()["models"]]
        (machine.folder / "cow.gguf").unlink()
        one = [model["id"] for model in (await world.get("/models")).json()["models"]]
    assert (both[:2], one[:2]) == (["extractive", "auto"], ["extractive", "smollm2-135m"])
    assert machine.started == []  # nothing is loaded ahead for the extractive engine


async def test_a_question_waits_for_the_load_that_the_server_began_and_sees_how_far_it_is(machine: Machine) -> None:
    machine.gates["ant"] = asyncio.Event()
    async with serving(machine, model_name="ant") as world, world.socket() as socket:
        await until(lambda: machine.started == [("ant", 4000)])
        session = (await socket.call("session/open", model="bee"))["session"]
        await prompt(socket, session, "t1", SIMPLE, model="ant")
        while not any(event.get("stage") == "loading" for event in socket.events):
            await socket.receive()
        assert await socket.call("ping") == {}
        machine.gates["ant"].set()
        end = await socket.until("end", "t1")
        await until(lambda: "bee" in machine.engines)  # the session's own model is loaded ahead, behind the other
    assert end["model"] == "ant"
    assert machine.started == [("ant", 4000), ("bee", 4000)]


async def test_the_share_that_is_loaded_is_a_status(machine: Machine) -> None:
    machine.gates["ant"] = asyncio.Event()
    async with serving(machine, model_name="extractive") as world, world.socket() as socket:
        session = (await socket.call("session/open"))["session"]
        await prompt(socket, session, "t1", SIMPLE, model="ant")
        while not any(event.get("stage") == "loading" and event.get("total") for event in socket.events):
            await socket.receive()
        machine.gates["ant"].set()
        await socket.until("end", "t1")
    told = next(event for event in socket.events if event.get("total") and event["stage"] == "loading")
    assert (told["done"], told["total"]) == (25, 100)
    assert told["eta_ms"] >= 0


async def test_a_smaller_model_says_which_turns_it_has_not_read(machine: Machine) -> None:
    catalogue = machine.folder / "catalog.toml"
    whole = catalogue.read_text()
    large = whole[whole.index("[cow]") :].replace("context_length = 4000", "context_length = 12000")
    catalogue.write_text(whole[: whole.index("[cow]")] + large)
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


def test_the_turns_that_go_are_named_from_the_first_that_was_left() -> None:
    past = [TurnRow(ordinal=n, window_start=2) for n in (1, 2, 3, 4)]
    assert dropped_notice(past, 0, "ant") == ""
    assert dropped_notice(past, 2, "ant") == "Turns 2-3 of this conversation had to make room: ant has not read them."


async def test_the_server_behind_engine_url_answers_and_is_done_without(tmp_path: Path) -> None:
    async with fake_server(honest) as server:
        async with running(tmp_path, model_name="auto", engine_url=server.url) as world:
            told = await ask(world, PROJECT, max_tokens=2)
            listed = next(m for m in (await world.get("/models")).json()["models"] if m["id"] == "remote")
        url = server.url
    async with running(tmp_path, model_name="auto", engine_url=url) as world:
        without = await ask(world, PROJECT)
        named = await world.post("/chat/query", {"query": SIMPLE, "retrieval": "off", "model": "remote"})
    assert (told["model_name"], told["response"]) == ("tiny", "word0 word1 ")
    assert (listed["state"], listed["context"]) == ("loaded", 4096)
    assert without["model_name"] == "extractive"
    assert "does not answer: start it, or set ENGINE_URL" in without["notice"]
    assert (named.status_code, named.json()["error"]["code"]) == (503, "model_unavailable")


async def test_a_server_that_serves_another_model_by_now_is_asked_again(tmp_path: Path) -> None:
    serves = ["old"]

    async def one_model(call: Call) -> None:
        if call.path == "/v1/models":
            await call.answer(200, {"data": [{"id": serves[-1]}]})
        elif call.body["model"] != serves[-1]:
            await call.answer(404, {"error": {"message": "no such model"}})
        else:
            await honest(call)

    given: dict[str, Any] = {"model_name": "remote", "context_length": 2048}
    async with fake_server(one_model) as server, running(tmp_path, engine_url=server.url, **given) as world:
        before = await ask(world, SIMPLE, max_tokens=2)
        serves.append("new")
        refused = await world.post("/chat/query", {"query": SIMPLE, "retrieval": "off"})
        after = await ask(world, SIMPLE, max_tokens=2)
        listed = next(m for m in (await world.get("/models")).json()["models"] if m["id"] == "remote")
    assert (before["model_name"], after["model_name"]) == ("old", "new")
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "model_unavailable")
    assert listed["context"] == 2048  # as the owner says: this server does not


async def test_what_a_model_refuses_to_do_is_not_asked_of_the_others(machine: Machine) -> None:
    class Refuses(ScriptedEngine):
        async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[Delta, None]:
            raise Unsupported("this grammar is too large")
            yield Delta()

    async with serving(machine, None, Refuses(name="big")) as world:
        await until(lambda: "ant" in machine.engines)
        machine.engines["ant"].stream = Refuses().stream  # type: ignore[method-assign]
        refused = await chat(world, SIMPLE)
        started = list(machine.started)
        elsewhere = (await chat(world, PROJECT)).json()  # a server's own rules are not ours
    assert (refused.status_code, refused.json()["error"]["message"]) == (400, "this grammar is too large")
    assert [name for name, _ in started] == ["ant"]
    assert elsewhere["model"] == "cow"


async def test_a_server_is_told_the_stops_that_were_asked_for_and_none_of_a_local_format(tmp_path: Path) -> None:
    async with fake_server(honest) as server, running(tmp_path, model_name="remote", engine_url=server.url) as world:
        await ask(world, SIMPLE, max_tokens=2)
        body = {"messages": [{"role": "user", "content": SIMPLE}], "max_tokens": 2}
        await world.post("/v1/chat/completions", body)
        await world.post("/v1/chat/completions", body | {"stop": ["\nUser:", "###"]})
        sent = [call.body for call in server.calls if call.path == "/v1/chat/completions"]
    assert [asked.get("stop") for asked in sent] == [None, None, ["\nUser:", "###"]]


async def test_the_real_engine_is_loaded_ahead_and_counted(tmp_path: Path) -> None:
    models = tmp_path / "models"
    models.mkdir()
    shutil.copy(PHI3.path, models)
    async with running(tmp_path) as world:
        await until(lambda: world.services.engines.current["state"] == "loaded")
        metrics = (await world.get("/metrics")).text
        told = await ask(world, SIMPLE, max_tokens=3)
    assert "lantern_model_loads_total 1.0" in metrics
    assert "lantern_resident_models 1.0" in metrics
    assert told["model_name"] == "phi3-mini"


async def prompt(socket: Socket, session: str, turn: str, text: str, **more: Any) -> None:
    await socket.call("session/prompt", session=session, turn=turn, text=text, retrieval="off", **more)
